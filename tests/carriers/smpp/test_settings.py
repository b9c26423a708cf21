"""Settings that are refused, and that no password is shown."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest

from budstikke.carriers import smpp
from budstikke.carriers.smpp.address_rules import ADDRESS_RULES
from budstikke.carriers.smpp.operator_tables import statuses
from budstikke.carriers.smpp.settings import (
    Settings,
    Tls,
    text_profile,
)
from budstikke.carriers.smpp.statuses import STATUSES
from budstikke.carriers.token_bucket import TokenBucket
from budstikke.domain.receipt import Retry
from budstikke.domain.staging import TextProfile
from budstikke.domain.text import Concat
from budstikke.smpp import status
from budstikke.smpp.ids import RULES

LEAST: dict[str, Any] = {"host": "smsc.example", "system_id": "bud"}
DOCS = Path(__file__).parents[3] / "docs/carriers/smpp.md"


def convert(**changes: Any) -> Settings:
    return msgspec.convert(LEAST | changes, Settings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"port": 0}, "port"),
        ({"system_id": "sixteen letters!"}, "system_id"),
        ({"system_id": "blåbær"}, "system_id"),
        ({"password": "nine chars"}, "password"),
        ({"password": "a\0b"}, "password"),
        ({"bind_type": "rx"}, "bind_type"),
        ({"window": 0}, "window"),
        ({"alphabet": "ebcdic"}, "alphabet"),
        ({"concat": "udh"}, "concat"),
        ({"national": [1], "alphabet": "latin1"}, "national"),
        ({"message_ids": "roman"}, "as_written"),
        ({"receipt_pattern": "("}, "receipt_pattern"),
        ({"receipt_words": {"OK": "fine"}}, "fine"),
        ({"receipt_errors": {"1": "bad luck"}}, "bad luck"),
        ({"statuses": {"0x58": "soon"}}, "soon"),
        ({"statuses": {"many": "later"}}, "many"),
        ({"tlvs": {"xyz": "00"}}, "xyz"),
        ({"interface_version": 0x33, "concat": "sar"}, "concat"),
        ({"interface_version": 0x33, "concat": "payload"}, "concat"),
        ({"interface_version": 0x33, "tlvs": {"1400": "00"}}, "tlvs"),
        ({"interface_version": 0, "premium_tlv": 0x1401}, "premium_tlv"),
        ({"tlvs": {"1400": "0"}}, "1400"),
        ({"tlvs": {"10000": "00"}}, "10000"),
        ({"inbound_data_codings": {"a": 0}}, "inbound_data_codings"),
        ({"originators": [{"pattern": "[", "ton": 1, "npi": 1}]}, "pattern"),
        ({"recipient": [1, 256]}, "recipient"),
        ({"tls": {"key": "key.pem"}}, "key without cert"),
    ],
)
def test_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(**changes)
    assert said in str(caught.value)


def test_statuses_by_name_and_number() -> None:
    found = statuses(
        convert(statuses={"ESME_RSYSERR": "slower", "1042": "never", "0x58": "later"})
    )
    assert {8: Retry.SLOWER, 1042: Retry.NEVER, 0x58: Retry.LATER} == found


def test_no_password_is_shown() -> None:
    made = convert(password="hemmelig")
    for text in (repr(made), str(made), f"{made}", str(list(made.__rich_repr__()))):
        assert "hemmelig" not in text
        assert "bud@smsc.example:2775" in text


def test_text_profile() -> None:
    made = convert(concat="udh16", national=[1, 3])
    assert TextProfile(Concat.UDH16, frozenset({1, 3})) == text_profile(made)


def test_register_factory() -> None:
    import random

    made = smpp.carrier(
        "op",
        convert(),
        random=random.Random(1),  # noqa: S311 - jitter
        clock=lambda: 0.0,
    )
    assert ("op", 0, False, "") == (made.name, made.room(), made.healthy(), made.alarm)


def shown(default: object) -> str:
    """Say a default as the docs do."""
    if default is msgspec.NODEFAULT:
        return "required"
    if default in (None, "", ()) or isinstance(default, type):
        return ""
    if default == ADDRESS_RULES:
        return "below"
    value = default.value if isinstance(default, Enum) else default
    text = json.dumps(value).replace(".0", "")
    return f"`{text}`"


def rows() -> list[str]:
    """Say what the table in the docs must be."""
    found = []
    for struct, prefix in ((Settings, ""), (Tls, "tls.")):
        info: Any = msgspec.inspect.type_info(struct)
        for field in info.fields:
            extra = getattr(field.type, "extra_json_schema", None) or {}
            default = field.default
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory
            description = extra["description"]
            found.append(
                f"| `{prefix}{field.name}` | {shown(default)} | {description} |"
            )
    return found


def test_the_docs_have_every_setting_with_its_default() -> None:
    lines = DOCS.read_text("utf-8").splitlines()
    begin = lines.index("| setting | default | what it is |") + 2
    assert rows() == lines[begin : lines.index("", begin)]


def test_the_docs_have_every_status_with_its_verdict() -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for number, (reason, retry) in STATUSES.items():
        found.setdefault((reason.value, retry.value), []).append(status.name(number))
    lines = DOCS.read_text("utf-8").splitlines()
    for verdict, names in found.items():
        said = " ".join(f"`{name}`" for name in names)
        assert f"| {verdict[0]} | {verdict[1]} | {said} |" in lines


def test_the_docs_have_every_rule_for_ids() -> None:
    docs = DOCS.read_text("utf-8")
    for rule in RULES:
        assert f"| `{rule}` |" in docs


# The token bucket


def test_bucket() -> None:
    bucket = TokenBucket(100.0, 0.0)
    assert [True] * 10 + [False] == [bucket.take(0.0) for _ in range(11)]
    assert 0.01 == pytest.approx(bucket.wait())
    assert [True, False] == [bucket.take(0.01), bucket.take(0.01)]
    assert [True] * 10 + [False] == [bucket.take(99.0) for _ in range(11)]


def test_slow_bucket() -> None:
    bucket = TokenBucket(0.5, 0.0)
    assert [True, False] == [bucket.take(0.0), bucket.take(1.0)]
    assert 1.0 == pytest.approx(bucket.wait())
    assert bucket.take(2.0)


def test_bucket_over_time() -> None:
    bucket = TokenBucket(30.0, 0.0)
    taken = sum(bucket.take(millisecond / 1000) for millisecond in range(10_000))
    assert 300 <= taken <= 303
