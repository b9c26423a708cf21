"""46elks: what a server's answer to a message from a phone says."""

from __future__ import annotations

import pytest

from budstikke.dialects.elks.callbacks import reply
from budstikke.domain.keyword_reply import MOST
from budstikke.wire import WireResponse

TEXT, JSON, HTML = "text/plain", "application/json", "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (TEXT, b"The current time is 08:14.", "The current time is 08:14."),
        (HTML, b"PHP calls all of it HTML\r\n", "PHP calls all of it HTML"),
        ("", "Hej på dig".encode(), "Hej på dig"),
        (TEXT, "Hej på dig".encode("latin-1"), "Hej på dig"),
        (TEXT, b"a\0b", "ab"),
        (TEXT, b"x" * 2000, "x" * MOST),
        (TEXT, b"{now} is the time", "{now} is the time"),
        (JSON, b'{"reply": " Takk! "}', "Takk!"),
        (TEXT, b'{"reply": "Takk!"}', "Takk!"),
        (TEXT, b'\n{"forward": "+46700000000"}', ""),
        (JSON, b'{"reply": 1}', ""),
        (JSON, b'"ok"', ""),
        (JSON, b"true", ""),
        (JSON, b"[" * 100_000, ""),
        (JSON, b"no JSON", ""),
        (HTML, b" <!doctype html><p>Hej", ""),
        (HTML, b"<html>", ""),
        (TEXT, b"", ""),
        (TEXT, b" \r\n", ""),
    ],
)
def test_a_reply(kind: str, body: bytes, expected: str) -> None:
    assert expected == reply(WireResponse(200, body, kind))
