"""Clients that others' generators make of our description: whole, and at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.dialects.native.operations import OPERATIONS
from journeys.gateway import Gateway, simulator_carrier
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOKEN = "generated"
BIN = Path(sys.executable).parent
NPM = Path(__file__).parent.parent / "peers" / "node_modules"

PYTHON = """
import json, sys
from client import AuthenticatedClient
from client.api.messages import get_message, list_messages, quote_messages
from client.api.messages import send_messages
from client.api.messages_from_phones import get_media
from client.api.money import get_balance, list_ledger
from client.models import LedgerKind, ListMessagesState, ProblemBody, Quoted, SendBody
from client.models import Sent

client = AuthenticatedClient(base_url=sys.argv[1] + "/v1", token=sys.argv[2])
body = SendBody(text="Hei på deg", from_="Test", to=["+4799999999", "+4712"])
quoted = quote_messages.sync(client=client, body=body)
assert isinstance(quoted, Quoted), quoted
sent = send_messages.sync(client=client, body=body, idempotency_key="one")
assert isinstance(sent, Sent), sent
again = send_messages.sync_detailed(client=client, body=body, idempotency_key="one")
assert again.status_code == 200 and again.parsed == sent, again
message = get_message.sync(sent.recipients[0].id, client=client)
listed = list_messages.sync(client=client, to="+4799999999", limit=10)
none = list_messages.sync(client=client, state=ListMessagesState.CANCELLED)
ledger = list_ledger.sync(client=client)
refused = send_messages.sync(client=client, body=SendBody(text="", to="+4799999999"))
missing = get_media.sync("00000000000000000001", client=client)
assert isinstance(refused, ProblemBody), refused
print(json.dumps({
    "quoted": quoted.segments, "text": message.text, "listed": len(listed.data),
    "none": len(none.data), "code": refused.code, "missing": missing.code,
    "bad": sent.recipients[1].code, "balance": get_balance.sync(client=client).balance,
    "ledger": [[entry.kind, entry.amount] for entry in ledger.data],
    "kind": isinstance(ledger.data[0].kind, LedgerKind),
}))
"""

TYPESCRIPT = """
import type { components, paths } from "./described";
type Shapes = components["schemas"];
const sent: Shapes["SendBody"] = { to: "+4799999999", from: "Test", text: "Hei" };
const mms: Shapes["MmsBody"] = { to: "+4799999999", from: "2229", text: "Hei" };
const contact: Shapes["ContactBody"] = {};
const member: Shapes["Recipient"] = { to: "+4799999999" };
const state: NonNullable<paths["/messages"]["get"]["parameters"]["query"]>["state"] =
    "delivered";
const kind: Shapes["LedgerEntry"]["kind"] = "refund";
const inbound: Shapes["Inbound"]["kind"] = "mms";
// @ts-expect-error: what is no kind of the ledger's is seen
const wrong: Shapes["LedgerEntry"]["kind"] = "mms";
export { sent, mms, contact, member, state, kind, inbound, wrong };
"""


@pytest.fixture
def gateway(tmp_path: Path, own: Callable[[Any], Any]) -> Gateway:
    access = {"dialect": "native", "password": TOKEN, "require_https": False}
    account = {"name": "rest", "originators": ["*"], "trial": True, "access": [access]}
    found: Gateway = own(Gateway(tmp_path, simulator_carrier(), [account]))
    found.start()
    described = ask(found.port, "GET", "/v1/openapi.json").body
    (tmp_path / "openapi.json").write_bytes(described)
    return found


def run(folder: Path, command: Sequence[str]) -> str:
    """Run a program; returns what it said, all of it."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_a_generated_python_client_sends_lists_and_reads_the_ledger(
    gateway: Gateway,
) -> None:
    folder = gateway.folder
    made = ["--path", "openapi.json", "--meta", "none", "--output-path", "client"]
    said = run(
        folder,
        [str(BIN / "openapi-python-client"), "generate", *made, "--fail-on-warning"],
    )
    assert "warning" not in said.lower()
    names = {path.stem for path in folder.glob("client/api/*/*.py")} - {"__init__"}
    assert {_snake(operation.name) for operation in OPERATIONS} == names

    (folder / "program.py").write_text(PYTHON, "utf-8")
    base = f"http://127.0.0.1:{gateway.port}"
    found = json.loads(run(folder, [sys.executable, "program.py", base, TOKEN]))
    assert found == {
        "quoted": 1,
        "text": "Hei på deg",
        "listed": 1,
        "none": 0,
        "code": "bad_field",
        "missing": "not_found",
        "bad": "bad_recipient",
        "balance": "24.00",
        "ledger": [["charge", "-1.00"], ["trial", "25.00"]],
        "kind": True,
    }


@pytest.mark.slow
@pytest.mark.peer
def test_generated_typescript_has_types_that_fit(gateway: Gateway) -> None:
    if not (NPM / ".bin" / "openapi-typescript").exists():
        pytest.skip("tests/peers/install.sh was not run")
    folder = gateway.folder
    generate = str(NPM / ".bin" / "openapi-typescript")
    said = run(folder, [generate, "openapi.json", "-o", "described.ts"])
    assert "warn" not in said.lower()
    (folder / "program.ts").write_text(TYPESCRIPT, "utf-8")
    check = [str(NPM / ".bin" / "tsc"), "--noEmit", "--strict"]
    assert not run(folder, [*check, "program.ts", "described.ts"])


def _snake(name: str) -> str:
    """Write ``sendMessages`` as the generator names its module."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)
