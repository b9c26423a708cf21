"""Descriptions: the ready ones, those of the docs, and what is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.carriers.http import Settings, text_profile
from budstikke.carriers.http.description import describe, ready_names
from budstikke.carriers.http.template import OF_A_CARRIER, OF_A_MESSAGE
from budstikke.carriers.http.verdicts import REFUSALS, Verdict
from budstikke.domain.receipt import ReceiptState
from budstikke.domain.text import Concat
from carriers.http.operator import DESCRIPTION

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).parents[3] / "docs/carriers/http.md").read_text("utf-8")
URL = {"url": "https://api.example.com", "deliver_token": "secret"}


def settings(**changes: Any) -> Settings:
    return msgspec.convert(URL | DESCRIPTION | changes, Settings)


@pytest.mark.parametrize("name", ready_names())
def test_a_ready_description_is_complete(name: str) -> None:
    values = {"twilio": {"account": "AC1"}, "sinch": {"plan": "p"}}.get(name, {})
    found = msgspec.convert(URL | {"description": name, "values": values}, Settings)
    described = found.described()
    assert described.answer.id or described.answer.our_id
    assert Verdict.SENT in {
        *described.answer.codes.values(),
        *described.answer.http.values(),
        *(rule.then for rule in described.answer.rules),
    }
    assert f"| `{name}` |" in PAGE
    source = described.source.split(", ")
    assert all(each.startswith(("https://", "docs/dialects/")) for each in source)
    if described.receipt is not None:
        assert ReceiptState.DELIVERED in described.receipt.states.values()
        assert ReceiptState.UNDELIVERED in described.receipt.states.values()


def test_the_examples_of_the_docs_can_be_applied() -> None:
    blocks = re.findall(r"```toml\n(\[\[carrier\]\].*?)```", PAGE, re.DOTALL)
    assert 2 == len(blocks)
    for block in blocks:
        (carrier,) = tomllib.loads(block)["carrier"]
        given = carrier["settings"]
        given["password"] = given.pop("password_env")
        msgspec.convert(given, Settings)


def test_the_docs_have_all_words() -> None:
    described = Path(__file__).parents[3] / "src/budstikke/carriers/http/description.py"
    keys = re.findall(r"^    ([a-z_]+): ", described.read_text("utf-8"), re.MULTILINE)
    names = [f"{{{name}}}" for name in OF_A_CARRIER | OF_A_MESSAGE]
    wanted = [*keys, *names, *Verdict, *ReceiptState]
    unwanted = {"source", "unknown", "base"}
    assert [] == [
        word for word in wanted if f"`{word}`" not in PAGE and word not in unwanted
    ]
    assert {*Verdict} - {*REFUSALS} == {Verdict.SENT, Verdict.UNSURE}
    for verdict, (reason, retry) in REFUSALS.items():
        assert f"| `{verdict}` | {reason} | `{retry}`" in PAGE


def test_settings_change_a_ready_description_key_by_key() -> None:
    plain = describe("front", {})
    own: Mapping[str, Mapping[str, Any]] = {"answer": {"codes": {"17": "sent"}}}
    changed = describe("front", own)
    assert Verdict.NEVER is plain.answer.codes["17"]
    assert Verdict.SENT is changed.answer.codes["17"]
    assert Verdict.RECIPIENT is changed.answer.codes["1"]
    assert plain.request == changed.request


def test_long_texts_go_out_whole() -> None:
    assert Concat.PAYLOAD is text_profile(settings()).concat


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"description": "nobody"}, "there is no 'nobody'"),
        ({"url": ""}, "url: is missing"),
        ({"url": "http://api.example.com"}, "url: must be https"),
        ({"url": "https://u:p@api.example.com"}, "url: must be https"),
        ({"url": "https://api.example.com/?a=b"}, "url: must be https"),
        ({"our_url": "sms.example.com"}, "our_url: must be"),
        ({"request": {"url": "http://a.example/"}}, "must be https"),
        ({"request": {"url": "https://{text}.example/"}}, "must begin with https"),
        ({"request": {"url": "{url}", "body": "xml"}}, "xml goes with"),
        ({"request": {"url": "{url}", "fields": {"a": "b"}}}, "fields go with"),
        ({"request": {"url": "{url}", "query": {"a": {"b": "c"}}}}, "for JSON"),
        ({"request": {"url": "{url}", "headers": {"A:": "b"}}}, "no name of a header"),
        ({"request": {"url": "{url}", "method": "GET", "body": "form"}}, "no body"),
        ({"request": {"url": "{url}/{nobody}"}}, "there is no {nobody}"),
        ({"request": {"url": "{url}", "when": {"flash": {"a": "{b}"}}}}, "no {b}"),
        ({"request": {"url": "{url}", "other": 1}}, "other"),
        ({"answer": {"code": "~("}}, "no regular expression"),
        ({"answer": {"rules": [{"http": "7xx", "then": "sent"}]}}, "not like 200"),
        ({"answer": {"codes": {"1": "lost"}}}, "lost"),
        ({"answer": {"http": {"20": "sent"}}}, "at `key` in"),
        ({"receipt": {"id": "a"}}, "state"),
        ({"values": {"text": "x"}}, "cannot be a name"),
        ({"values": {"A": "x"}}, "cannot be a name"),
        ({"deliver_token": ""}, "anybody could deliver"),
        ({"deliver_username": "x"}, "together"),
        ({"allow_from": ["x"]}, "x"),
        ({"window": 0}, "window"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape(words)) as caught:
        msgspec.convert(URL | DESCRIPTION | wrong, Settings)
    assert "secret" not in str(caught.value)
