"""What became of four messages: reported twice, refunded, unsure, cancelled."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from journeys.gateway import PROGRAM
from journeys.processes import wait_until
from journeys.test_demo import Demo
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

HEADERS = {"Authorization": "Bearer demo", "Content-Type": "application/json"}


def test_the_trace_of_four_messages(tmp_path: Path, own: Own) -> None:
    demo = Demo(tmp_path, own)
    (tmp_path / "settings.toml").write_text(f"data = {json.dumps(str(demo.data))}\n")

    def call(method: str, path: str, body: Any = None) -> Any:
        octets = None if body is None else json.dumps(body).encode()
        return ask(demo.port, method, path, octets, HEADERS).json

    def sent(number: str, **fields: Any) -> int:
        order = {"to": number, "from": "Demo", "text": "Hemmelig", **fields}
        answer = call("POST", "/v1/messages", order)
        assert "recipients" in answer, answer
        found: int = answer["recipients"][0]["id"]
        return found

    def trace(options: str) -> str:
        return demo.shell(f"{PROGRAM[0]} trace {options} --config settings.toml")

    def line(message_id: int) -> list[str]:
        found = call("GET", f"/v1/messages/{message_id}/timeline")["data"]
        return [entry["kind"] for entry in found]

    def kinds(message_id: int) -> list[str]:
        entries = json.loads(trace(f"{message_id} --json"))["entries"]
        found = [entry["kind"] for entry in entries]
        assert [kind for kind in found if kind != "routed"] == line(message_id)
        return [kind for kind in found if "callback" not in kind]

    tomorrow = datetime.now(UTC) + timedelta(days=1)
    repeated = sent("+4799990006", ref="order 77")
    refused = sent("+4799990002")
    silent = sent("+4799990003")
    cancelled = sent("+4799999999", send_at=tomorrow.isoformat())
    call("POST", f"/v1/messages/{cancelled}/cancel")

    def is_now(message_id: int, state: str) -> bool:
        return bool(call("GET", f"/v1/messages/{message_id}")["state"] == state)

    wait_until("delivered", lambda: is_now(repeated, "delivered"))
    wait_until("rejected", lambda: is_now(refused, "rejected"))

    begins = ["accepted", "charged", "routed"]
    wait_until("it is told twice", lambda: "late_report" in line(repeated))
    usual = [*begins, "claimed", "sent", "report"]
    assert [*usual, "final", "late_report"] == kinds(repeated)
    wait_until("nobody answers", lambda: "unsure" in line(silent))
    assert [*begins, "claimed", "unsure"] == kinds(silent)
    assert [*begins, "claimed", "refused", "final", "refunded"] == kinds(refused)
    assert [*begins, "cancelled", "final", "refunded", "scheduled"] == kinds(cancelled)

    printed = trace(f"{repeated}")
    assert "sent a report after the final one (" in printed
    assert re.search(
        r"^  20\d\d-\d\d-\d\d [\d:.]+ CES?T  accepted ", printed, re.MULTILINE
    )
    assert "Hemmelig" not in trace(f"{repeated} --show-text")  # its account is masked
    assert "+4799990006" not in printed
    assert printed == trace("--ref 'order 77' --account demo")
    assert printed == trace("--to +4799990006")
    assert "cancelled by native:" in trace(f"{cancelled}")
    orphans = demo.shell(f"{PROGRAM[0]} orphans --config settings.toml")
    assert "" == orphans
