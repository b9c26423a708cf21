"""``budstikke trace`` and ``orphans``: what they refuse, and what they print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from budstikke import cli
from cli.test_inbound import Here

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = (
    "INSERT INTO message (id, order_id, access_id, recipient, originator, ref,"
    " encoding, segments, parts, flash, protocol_id, priority, notify_on, accepted_at,"
    " expires_at, state, reason, raw, deleted, account_id, price)"
    " VALUES (7, 7, 1, '+4799999123', 'Acme', 'r', 'gsm', 1, 1, 0, 0, 1, 0, 1e9, 2e9,"
    " 'accepted', '', '', 0, 1, 0)"
)
PART = (
    "INSERT INTO part (id, carrier_id, state, text, tables, priority, at, raw, reason,"
    " tries) VALUES (1793, 1, 'unsure', 'secret', 0, 1, 1e9, 'no\x1b[2J', '', 0)"
)
ORPHAN = (
    "INSERT INTO orphan (carrier_id, smsc_id, state, reason, raw, at, recipient,"
    " came_at, kept_until) VALUES (1, ?, 'delivered', '', 'D\x1b[2J', 1e9, ?,"
    " 1000000001, 2e9)"
)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    monkeypatch.chdir(tmp_path)
    assert 0 == cli.main(["migrate"])
    made = Here(tmp_path, capsys)
    made.query(MESSAGE)
    made.query(PART)
    return made


REFUSALS = (
    ("", 2, "give one of ID, --ref and --to"),
    ("7 --to +4799999123", 2, "give one of ID, --ref and --to"),
    ("--ref r", 2, "--ref needs --account"),
    ("--ref r --account nobody", 2, "there is no account nobody"),
    ("--to +4799999123 --account nobody", 2, "there is no account nobody"),
    ("--to x", 2, "not a phone number: x"),
    ("8", 1, "no such message"),
    ("--ref s --account acme", 1, "no such message"),
)


def test_what_it_refuses(here: Here) -> None:
    for options, code, why in REFUSALS:
        ran = here.run("trace", *options.split())
        assert (code, "") == (ran.code, ran.out)
        assert why in ran.err


def test_what_it_prints(here: Here) -> None:
    printed = here.run("trace", "7", "--show-text")
    assert 0 == printed.code
    head, *entries = printed.out.splitlines()
    assert "message 7  acme  Acme -> …123  accepted" == head
    assert (
        "  2001-09-09 03:46:40.000 CEST  accepted  accepted from front:1234"
        in (entries[0])
    )
    assert "\x1b" not in printed.out
    assert printed == here.run("trace", "--to", "+4799999123", "--show-text")
    assert printed == here.run(
        *("trace", "--ref", "r", "--account", "acme", "--show-text")
    )
    here.query("UPDATE account SET privacy = 'full'")
    full = here.run("trace", "7", "--show-text").out
    assert "Acme -> +4799999123  accepted  secret" in full
    assert "secret" not in here.run("trace", "7").out
    found = json.loads(here.run("trace", "7", "--json", "--show-text").out)
    assert ("secret", ["accepted", "unsure"], 1e9) == (
        found["text"],
        [entry["kind"] for entry in found["entries"]],
        found["entries"][0]["at"],
    )


def test_orphans(here: Here) -> None:
    here.query(ORPHAN, "a1", "+4799999123")
    here.query(ORPHAN, "b2", "+4799999456")
    lines = here.run("orphans").out.splitlines()
    assert ["b2  …456", "a1  …123"] == [line.split(" id ")[1][:8] for line in lines]
    assert "no likely message" in lines[0]
    assert "delivered (D [2J)" in lines[0]
    assert "probably message 7 of acme (unsure, id none)" in lines[1]
    (line,) = here.run("orphans", "--json", "--limit", "1").out.splitlines()
    assert ("b2", None) == (json.loads(line)["smsc_id"], json.loads(line)["message"])
