"""
Schemathesis on the REST API: requests made up from its own description.

All checks are made but ``positive_data_acceptance``: a request may fit the schema and
still be refused, as for a number that no phone has.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.servers.native.operations import OPERATIONS
from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import Child
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Note

TOKEN = "schemathesis"
ST = str(Path(sys.executable).parent / "st")
HERE = Path(__file__).parent

pytestmark = pytest.mark.slow


def test_no_request_makes_it_fail(
    tmp_path: Path, own: Callable[[Any], Any], figures: Note
) -> None:
    access = {"dialect": "native", "password": TOKEN, "require_https": False}
    account = {"name": "rest", "originators": ["*"], "access": [access]}
    gateway = own(Gateway(tmp_path, simulator_carrier(), [account]))
    gateway.start()
    for _ in range(3):  # the example of an id is the first
        send_later(gateway)

    statuses = run(tmp_path, f"http://127.0.0.1:{gateway.port}/v1", own)

    errors = sum(n for (_, status), n in statuses.items() if status >= 500)
    # 409: it was too late for what is sent at once.
    worked = {name for (name, status) in statuses if status < 300 or status == 409}
    figures(requests=statuses.total(), server_errors=errors)
    assert 0 == errors
    assert [] == gateway.log("error")
    # It has come past the front door of everything.
    assert len(OPERATIONS) - 2 <= len(worked - {"none"})  # chance may leave one out


def send_later(gateway: Gateway) -> None:
    """Schedule a message, so that there is something to look at and to cancel."""
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    body = {"to": "+4799999999", "from": "Test", "text": "Hei", "send_at": due}
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    content = json.dumps(body).encode()
    answer = ask(gateway.port, "POST", "/v1/messages", content, headers)
    assert 201 == answer.status, answer


def run(folder: Path, url: str, own: Callable[[Any], Any]) -> Counter[tuple[str, int]]:
    """Run it; returns how often each operation was answered with each status."""
    report = folder / "requests.har.json"
    options = ["--checks=all", "--exclude-checks=positive_data_acceptance"]
    options += ["--max-examples=40", "--seed=1", "--no-color", "--warnings=off"]
    options += ["--report=har", f"--report-har-path={report}"]
    options += [f"--header=Authorization: Bearer {TOKEN}"]
    environ = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)}
    command = [ST, "run", f"{url}/openapi.json", f"--url={url}", *options]
    child = own(Child(command, folder, environ))
    code = child.process.wait(600)
    child.stop()
    assert 0 == code, "\n".join(child.said)
    entries = json.loads(report.read_text("utf-8"))["log"]["entries"]
    return Counter(
        (name_of(entry["request"], url), entry["response"]["status"])
        for entry in entries
    )


def name_of(request: dict[str, Any], url: str) -> str:
    """Find the operation that a request was for; its path may be junk."""
    path = request["url"].removeprefix(url).partition("?")[0]
    for operation in OPERATIONS:
        shape = re.sub(r"\{\w+\}", "[^/]*", operation.path)
        if operation.method == request["method"] and re.fullmatch(shape, path):
            return operation.name
    return "none"
