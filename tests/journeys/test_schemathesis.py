"""
Schemathesis on the REST API: requests made up from its own description.

All checks are made but ``positive_data_acceptance``: a request may fit the schema and
still be refused, as for a number that no phone has.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.dialects.native.operations import OPERATIONS
from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import Child
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Note

TOKEN = "schemathesis"
ST = str(Path(sys.executable).parent / "st")
HERE = Path(__file__).parent

ROWS = """
INSERT INTO inbound (id, access_id, account_id, carrier_id, originator, recipient, kind,
    text, sent_at, came_at, data, subject, keyword, missing, opt_out)
SELECT value, 1, 1, 1, '+4799999999', '2229', 'mms', 'Hei', unixepoch(), unixepoch(),
    '', '', '', 0, 0 FROM json_each('[1001, 1042]');
INSERT INTO media (id, message_id, place, name, type, size, data)
VALUES ('00000000000000000001', 1042, 1, 'a.txt', 'text/plain', 1, x'41');
INSERT INTO callback (id, access_id, message_id, event, state, tries, answer, at)
VALUES (1001, 1, 1001, '["inbound",1001,"sms","+4799999999","2229","Hei"]', 'done', 1,
    '', unixepoch());
INSERT INTO queue (id, access_id, state, tries, counter, why, paused_at, alert)
VALUES (1001, 1, 'paused', 3, 1, 'HTTP 500', unixepoch(), 0);
INSERT INTO number_request (id, account_id, access_id, kind, number, word, note, state,
    at, answer)
VALUES (1001, 1, 1, 'number', '', '', '', 'waiting', unixepoch(), '');
"""

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
    fill(gateway)

    statuses = run(tmp_path, f"http://127.0.0.1:{gateway.port}/v1", own)

    errors = sum(n for (_, status), n in statuses.items() if status >= 500)
    # 409: it was too late for what is sent at once.
    worked = {name for (name, status) in statuses if status < 300 or status == 409}
    figures(requests=statuses.total(), server_errors=errors)
    assert 0 == errors
    assert [] == gateway.log("error")
    # It has come past the front door of everything.
    left_out = {operation.name for operation in OPERATIONS} - worked
    assert len(left_out) <= 2, left_out  # chance may leave one out


def send_later(gateway: Gateway) -> None:
    """Schedule a message, so that there is something to look at and to cancel."""
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    body = {"to": "+4799999999", "from": "Test", "text": "Hei", "send_at": due}
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    content = json.dumps(body).encode()
    answer = ask(gateway.port, "POST", "/v1/messages", content, headers)
    assert 201 == answer.status, answer


def fill(gateway: Gateway) -> None:
    """Have something of what only phones bring, with the ids of the examples."""
    file = gateway.data / "budstikke.sqlite"
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        connection.executescript(ROWS)


def run(folder: Path, url: str, own: Callable[[Any], Any]) -> Counter[tuple[str, int]]:
    """Run it; returns how often each operation was answered with each status."""
    report = folder / "requests.har.json"
    options = ["--checks=all", "--exclude-checks=positive_data_acceptance"]
    options += ["--max-examples=12", "--seed=1", "--no-color", "--warnings=off"]
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
