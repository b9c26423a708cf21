"""Large and dear requests: read in slices, within limits, and never at once."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.dialects.native import SMALL, exchange, large
from budstikke.dialects.native import order as native_order
from budstikke.dialects.native.bodies import Reader
from budstikke.dialects.native.exchange import PIECE
from budstikke.dialects.native.faults import invalid
from budstikke.dialects.native.operations import OPERATIONS
from budstikke.dialects.native.order import (
    MOST_RECIPIENTS,
    Filler,
    Recipient,
    SendBody,
)
from budstikke.dialects.native.problems import NO_FIELD, Problem
from budstikke.dialects.native.steps import steps
from budstikke.domain.message import Order
from budstikke.flow import prepare
from budstikke.flow.bulk import at_a_time
from budstikke.subprocesses import COLLECT
from budstikke.wire import WireRequest
from dialects.native import rig
from dialects.native.rig import OSLO, Api, api_on
from flow.rig import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from store.engines import SqliteEngine

HELD = 0.05
"""Seconds that no request may keep others waiting."""

SEND = next(each for each in OPERATIONS if each.name == "sendMessages")
READER = Reader(OPERATIONS)

NASTY = ["", "Kari", '},{"', '"', '","', "}],", "\\", "å🤣", "{}", '"},{"to":"+1"},{"']


def read(body: bytes) -> Any:
    request = WireRequest("POST", "/v1/messages", b"", {}, body, "", True)
    reading = READER.body(SEND, request)
    while True:
        try:
            assert next(reading) is None, "it asks for nothing"
        except StopIteration as end:
            return end.value


@pytest.fixture
def slices_of_100(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr("budstikke.dialects.native.bodies.LARGE", 100)


RECIPIENTS = st.lists(
    st.builds(
        lambda to, name: {"to": f"+{to}", "fields": {"name": name, "x": "y"}},
        st.integers(0, 10**11),
        st.sampled_from(NASTY),
    ),
    min_size=1,
    max_size=40,
)


@given(
    recipients=RECIPIENTS, indent=st.sampled_from([None, 0, 3]), fields=st.booleans()
)
@pytest.mark.usefixtures("slices_of_100")
def test_slices_say_what_the_whole_says(
    recipients: list[dict[str, Any]], indent: int | None, *, fields: bool
) -> None:
    text = "Hei {name}!" if fields else "Hei"
    for key, value in (
        ("recipients", recipients),
        ("to", [each["to"] for each in recipients]),
    ):
        tables: list[dict[str, Any]] = [
            {"text": text, "from": "Test"},
            {key: value},
            {"ref": "x" * 90},
        ]
        for order in (tables, tables[::-1]):
            content = {name: each for table in order for name, each in table.items()}
            found = read(json.dumps(content, indent=indent).encode())
            assert isinstance(found, large.LargeOrder)
            assert [each["to"] for each in recipients] == found.to
            names = [each["fields"]["name"] for each in recipients]
            filled = key == "recipients" and fields
            assert ([f"Hei {name}!" for name in names] if filled else []) == found.texts
            assert ("Test", "x" * 90) == (found.body.from_, found.body.ref)


def test_any_number_of_fields_may_look_like_the_end() -> None:
    fields = {"a": "}],"}
    recipients = [{"to": f"+{to}", "fields": fields} for to in range(5000)]
    tables: list[dict[str, Any]] = [
        {"recipients": recipients},
        {"text": "Hei {a}"},
        {"ref": "}],"},
    ]
    for these in (tables, tables[::-1]):
        content = {name: each for table in these for name, each in table.items()}
        found = read(json.dumps(content).encode())
        assert (5000, "}],") == (len(found.to), found.body.ref)
        assert {"Hei }],"} == set(found.texts)


def refused(body: bytes) -> tuple[str, str, str]:
    with pytest.raises(Problem) as caught:
        read(body)
    return caught.value.code.value, caught.value.param, caught.value.detail


def test_what_is_deep_behind_the_recipients_is_refused_by_name() -> None:
    recipients = [{"to": f"+{to}"} for to in range(5000)]
    content = json.dumps({"text": "Hei", "recipients": recipients}).encode()
    deep = b"[" * 5000 + b"]" * 5000
    assert ("bad_field", "x", NO_FIELD) == refused(
        content[:-1] + b',"x":' + deep + b"}"
    )


def order(*recipients: str, text: str = "Hei {a}") -> bytes:
    return f'{{"text":"{text}","recipients":[{",".join(recipients)}]}}'.encode()


GOOD = ['{"to":"+4799999999","fields":{"a":"b"}}'] * 5000


@pytest.mark.parametrize(
    ("bad", "code", "param"),
    [
        ('{"to":1}', "bad_field", "recipients[4000].to"),
        ('{"fields":{}}', "missing_field", "recipients[4000].to"),
        ('{"to":"1","x":1}', "bad_field", "recipients[4000].x"),
        ('{"to":"1","fields":{}}', "missing_field", "recipients[4000].fields.a"),
        ('{"to":"1" "x"}', "malformed", ""),
        ('{"to":"1"}}', "malformed", ""),
        ('{"to":"1"}]', "malformed", ""),
        ('{"to":"1"', "malformed", ""),
        ("", "malformed", ""),
        ('{"to":"1","fields":{"a":"' + "x" * 200_000 + '"}}', "malformed", ""),
    ],
)
def test_what_is_wrong_far_down_is_named(bad: str, code: str, param: str) -> None:
    assert (code, param) == refused(order(*GOOD[:4000], bad, *GOOD))[:2]


def test_other_octets_are_not_read_as_text() -> None:
    body = order(*GOOD).replace(b"9999", b"99\xe699")
    assert ("malformed", "") == refused(body)[:2]
    assert "The body is not UTF-8 (byte " in refused(body)[2]


def test_limits() -> None:
    many = ['{"to":"1"}'] * (MOST_RECIPIENTS + 1)
    expected = ("bad_field", "recipients", f"At most {MOST_RECIPIENTS} recipients")
    assert expected == refused(order(*many, text="x"))
    assert len(read(order(*many[1:], text="x")).to) == MOST_RECIPIENTS
    numbers = ",".join(['"1"'] * (MOST_RECIPIENTS + 1))
    assert "to" == refused(f'{{"text":"x","to":[{numbers}]}}'.encode())[1]
    values = ",".join(f'"{n}":"b"' for n in range(100_000))
    code, _, detail = refused(b'{"template":{"values":{%b}}}' % values.encode())
    assert code == "too_large"
    assert detail == f"More than {large.REST // 1024} kB besides its recipients"
    fields = ",".join(f'"{n}":"b"' for n in range(101))
    one = f'{{"to":"1","fields":{{{fields}}}}}'
    assert ("bad_field", "recipients[0].fields") == refused(order(one))[:2]


def test_a_text_is_refused_when_it_is_too_long_once_it_is_filled_in() -> None:
    one = '{"to":"1","fields":{"a":"' + "x" * 1600 + '"}}'
    assert "text_too_long" == _filled_in(one, "{a}{a}")
    assert "text_too_long" == _filled_in(one, "y{a}")
    assert "" == _filled_in(one, "{a}")


def _filled_in(recipient: str, text: str) -> str:
    found = msgspec.json.decode(order(recipient, text=text), type=SendBody)
    assert found.recipients
    try:
        (batch,) = Filler(text).batches(found.recipients, 0)
    except Problem as problem:
        return problem.code.value
    assert ["x" * 1600] == batch
    return ""


def test_texts_of_an_order_are_too_large_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(native_order, "MOST_OCTETS", 8 * 4 * 1000)
    some = [Recipient(to="1", fields={"a": "b"})] * 8
    assert 8 == len(next(iter(Filler("x" * 900 + "{a}").batches(some, 0))))
    for text, times in (("x" * 900, 5), ("\N{SLOT MACHINE}" * 1000, 1)):
        with pytest.raises(Problem) as caught:
            list(Filler(text + "{a}").batches(some * times, 0))
        assert ("too_large", "recipients") == (
            caught.value.code.value,
            caught.value.param,
        )


async def test_other_operations_have_small_bodies(api: Api) -> None:
    body = b'{"name":"%b"}' % (b"x" * SMALL)
    answer = await api.ask("PUT", f"/v1/contacts/{OSLO}", body)
    assert (413, "too_large", None) == answer.code


async def test_groups_have_a_limit(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "MOST_MEMBERS", 1)

    async with api_on(engine) as api:
        await api.ask("PUT", "/v1/groups/all")
        for last, status in ((1, 201), (2, 413)):
            member = f"/v1/groups/all/members/+479999999{last}"
            assert 200 == (await api.ask("PUT", member)).status
            body = {"groups": ["all"], "from": "Test", "text": "Hei"}
            answer = await api.ask("POST", "/v1/messages", body)
            assert status == answer.status


# Time


@pytest.fixture
def gateways_collector() -> Iterator[None]:
    """Look for cycles as the gateway does, not in all that the tests have made."""
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


async def longest_turn(work: Awaitable[Any]) -> tuple[Any, float]:
    """Find how long the loop was held, in seconds of this thread; load is none."""
    longest, done = 0.0, False

    async def beat() -> None:
        nonlocal longest
        last = time.thread_time()
        while not done:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    try:
        found = await work
    finally:
        done = True
        await beating
    return found, longest


def dear(text: str, count: int) -> dict[str, Any]:
    recipients = [
        {"to": f"+4799{n:06}", "fields": {"a": f"{n % 1000:03}"}} for n in range(count)
    ]
    return {"text": text, "from": "Test", "recipients": recipients}


REQUESTS: dict[str, tuple[str, Any, int]] = {
    "an unknown key": ("messages", {"x` - at `$" * 13_000: 1}, 422),
    "texts of many names": ("messages", dear("{a}" * 533, 5000), 422),
    "long texts": ("messages", dear("{a}" * 500, 500), 201),
    "long texts quoted": ("quote", dear("{a}" * 500, 3000), 200),
    "numbers that are none": (
        "messages",
        {"text": "x", "from": "Test", "to": [f"+4712{n:05}" for n in range(20_000)]},
        422,
    ),
    "a million numbers": (
        "messages",
        {"text": "x", "from": "Test", "to": ["+4799999999"] * 1_000_000},
        422,
    ),
    "50,000 numbers": (
        "messages",
        {"text": "x", "from": "Test", "to": [f"+4799{n:06}" for n in range(50_000)]},
        201,
    ),
    "values of a template": (
        "messages",
        {"template": {"values": {str(n): "b" for n in range(500_000)}}},
        413,
    ),
    "files": ("mms", {"files": [{"data": "AAAA", "type": "a/b"}] * 400_000}, 422),
}


@pytest.mark.usefixtures("gateways_collector")
@pytest.mark.parametrize("name", REQUESTS)
async def test_no_request_keeps_others_waiting(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(rig, "MAX_BODY", 32 * 1024 * 1024)
    path, content, status = REQUESTS[name]
    body = json.dumps(content, ensure_ascii=False).encode()

    async with api_on(engine, credit_limit=10**12) as api:
        await api.send(OSLO, "+4712")  # token and country are known from here on
        answer, held = await longest_turn(api.ask("POST", f"/v1/{path}", body))
        assert status == answer.status
        assert held < HELD
        if status > 400:
            assert len(answer.json.get("detail", "")) <= 200
            assert len(answer.json.get("param", "")) <= 200


def test_a_fault_is_read_in_time_that_grows_with_its_length_only() -> None:
    name = "x` - at `$" * 400_000
    started = time.thread_time()
    problem = invalid(f"Object contains unknown field `{name}` - at `$.recipients[0]`")
    assert time.thread_time() - started < HELD
    assert problem.param.startswith("recipients[0].x` - at `$x`")


@pytest.mark.parametrize(
    ("path", "to"), [("messages", OSLO), ("messages", "12"), ("quote", OSLO)]
)
async def test_a_long_answer_is_written_piece_by_piece(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, to: str
) -> None:
    """Others have their turn in between, and nothing long is freed at once."""
    sizes: list[int] = []
    encode = msgspec.json.encode

    def note(value: object) -> bytes:
        sizes.append(len(value) if isinstance(value, list) else 0)
        return encode(value)

    def whole(body: Any) -> bytes:
        assert isinstance(body.recipients, msgspec.Raw)
        return encode(body)

    monkeypatch.setattr(exchange, "_encode", note)
    monkeypatch.setattr(sys.modules[steps.__module__], "_encode", whole)
    body = {"from": "Test", "text": "Hei", "to": [to] * (2 * PIECE + 1)}
    answer = await api.ask("POST", f"/v1/{path}", json.dumps(body).encode())
    assert 2 * PIECE + 1 == len(answer.json["recipients"])
    assert [PIECE, PIECE, 1] == sizes


async def test_long_messages_are_laid_out_in_fewer_at_a_time(api: Api) -> None:
    answer = await api.ask("POST", "/v1/messages", dear("{a}" * 500, 400))
    assert (201, 400) == (answer.status, answer.json["accepted"])
    await until(lambda: not api.bulk._tasks)
    assert [(400,)] == api.query("SELECT count(DISTINCT id) FROM message")
    assert [(4000,)] == api.query("SELECT count(*) FROM part")


@pytest.mark.parametrize(
    ("text", "texts", "expected"),
    [
        ("x" * 160, (), 500),
        ("x" * 1500, (), 150),
        ("æ" * 670, (), 136),
        ("x", ["x"] * 600, 500),
        ("x", ["x" * 1500] * 600, 150),
        ("x", ["x", *["x" * 1500] * 600], 150),
        ("x", ["æ" * 10**6], 1),
    ],
)
def test_messages_at_a_time(text: str, texts: list[str], expected: int) -> None:
    found = Order(recipients=(), text=text, originator="", texts=texts)
    assert expected == at_a_time(found, range(len(texts) or 10_000))
