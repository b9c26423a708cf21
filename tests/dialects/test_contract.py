"""What every dialect in the register must do, whatever it speaks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Generator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.dialects import DIALECTS, HTTP_DIALECTS
from budstikke.dialects.contract import (
    Call,
    Done,
    HttpDialect,
    Inbound,
    Reports,
    Step,
    Steps,
    Stepwise,
    Task,
    TaskResult,
)
from budstikke.domain import queries as ask
from budstikke.domain.callback import InboundExtras, Topic, topic_of
from budstikke.domain.inbound import InboundEvent, Kind, MediaPart, MediaRef
from budstikke.domain.message import Accepted, Order, StatusEvent
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState
from budstikke.wire import WireRequest, WireResponse
from dialects.caller import CASES, Access, facts

# All routes of a dialect share these; the machine may be busy.
thorough = settings(deadline=None, max_examples=300)

NOW = 1704067200.0

every_dialect = pytest.mark.parametrize(
    "dialect", HTTP_DIALECTS.values(), ids=HTTP_DIALECTS
)
REPORTS = {name: d for name, d in DIALECTS.items() if isinstance(d, Reports)}
INBOUND = {name: d for name, d in DIALECTS.items() if isinstance(d, Inbound)}

every_reporting = pytest.mark.parametrize("dialect", REPORTS.values(), ids=REPORTS)
every_inbound = pytest.mark.parametrize("dialect", INBOUND.values(), ids=INBOUND)
PUSHING: dict[str, Any] = {**REPORTS, **INBOUND}
every_pushing = pytest.mark.parametrize("dialect", PUSHING.values(), ids=PUSHING)
every_operation = pytest.mark.parametrize(
    ("dialect", "method", "path"),
    [(d, *route) for d in HTTP_DIALECTS.values() for route in d.routes],
    ids=[
        f"{d.name} {' '.join(route)}"
        for d in HTTP_DIALECTS.values()
        for route in d.routes
    ],
)


def names(dialect: HttpDialect) -> list[str]:
    """Find the parameters that occur in a dialect's golden cases."""
    return names_in(dialect.name)


@cache
def names_in(folder: str) -> list[str]:
    text = "".join(p.read_text("utf-8") for p in (CASES / folder).glob("*.txt"))
    return sorted(set(re.findall(r'[?&"]([A-Za-z_]+)(?:=|":)', text)))


ANSWERS: dict[type, TaskResult] = {
    ask.MessageQuery: ask.MessagesAnswer(()),
    ask.OrderQuery: ask.MessagesAnswer(()),
    ask.ReferenceQuery: ask.MessagesAnswer(()),
    ask.BalanceQuery: ask.BalanceAnswer("EUR", 1_000_000, True, 50_000),
    ask.CreditCommand: ask.CreditAnswer(False, 1_000_000),
    ask.CancelCommand: ask.CancelAnswer(1, 0),
    ask.MmsOrder: ask.MmsAnswer(1001),
    ask.MediaQuery: ask.MediaAnswer(MediaPart("a.jpg", "image/jpeg", b"x")),
    ask.GroupCommand: ask.GroupAnswer(
        ("Ansatte",), (ask.Member("Ola", "+4799999999"),)
    ),
}
"""What might be answered to each thing that is asked."""


def answer_to(asked: Task) -> TaskResult:
    if isinstance(asked, Order):
        check_order(asked)
        members = [(f"+47{i}", i) for i, _ in enumerate(asked.groups, 2001)]
        return Accepted(1, [1001] * len(asked.recipients), 1, members=members)
    if isinstance(asked, list):
        assert asked
        several: list[Accepted | Refusal] = []
        for order in asked:
            check_order(order)
            several.append(Accepted(1, [1001] * len(order.recipients), 1))
        return several
    assert isinstance(asked, msgspec.Struct)
    return asked if isinstance(asked, ask.Page) else ANSWERS[type(asked)]


def take_steps(steps: Steps) -> Done:
    """Answer what steps ask for; what this suite has no answer to is refused."""
    refused = Refusal(RefusalCode.BAD_FIELD, field="key")
    step = following(steps.send, None)
    while not isinstance(step, Done):
        if step is None:
            step = following(steps.send, None)
        elif isinstance(step, Order) or type(step) in ANSWERS:
            step = following(steps.send, answer_to(step))
        else:
            step = following(steps.throw, refused)
    return step


def following(resume: Callable[[Any], Step], value: object) -> Step | Done:
    try:
        return resume(value)
    except StopIteration as end:
        done: Done = end.value
        return done


def check_order(order: Order) -> None:
    msgspec.convert(msgspec.to_builtins(order), Order)  # types are as declared
    order.text.encode()  # no half surrogate pairs
    assert order.validity > 0
    assert 0 <= order.protocol_id <= 255
    assert 1 <= order.priority <= 3
    assert order.send_at is None or order.send_at > NOW
    assert not order.texts or len(order.texts) == len(order.recipients)


def work(dialect: HttpDialect, request: WireRequest) -> None:
    """Take a request all the way; anything but a good Order or a Refusal raises."""
    path = dict.fromkeys(re.findall(r"\{(\w+)\}", request.target), "1")
    operation = dialect.routes[request.method, request.target]
    call = Call(request, operation, path=path)
    answer: TaskResult
    try:
        login = dialect.login(call)
        access = None
        if login is not None:
            assert login.identifier
            access = Access(dialect.settings())
        asked = dialect.parse(call, access, NOW)
        if isinstance(asked, Generator):
            asked = take_steps(asked)
        if isinstance(asked, Done):
            assert asked.response.status >= 200
            return
        answer = answer_to(asked)
    except Refusal as refusal:
        answer = refusal
    assert dialect.render(call, answer, 0.0).status >= 200


def test_the_register_knows_dialects_by_their_names() -> None:
    assert list(DIALECTS) == [dialect.name for dialect in DIALECTS.values()]


@every_dialect
def test_routes_are_upper_case_methods_and_lower_case_paths(
    dialect: HttpDialect,
) -> None:
    assert dialect.routes
    for method, path in dialect.routes:
        assert (method.upper(), path.lower()) == (method, path)
        assert path.startswith("/")


@every_dialect
def test_settings_have_defaults_and_refuse_what_they_do_not_know(
    dialect: HttpDialect,
) -> None:
    assert msgspec.convert({}, dialect.settings) == dialect.settings()
    with pytest.raises(msgspec.ValidationError, match="unknown field `nonsense`"):
        msgspec.convert({"nonsense": 1}, dialect.settings)


@every_operation
def test_there_are_words_for_every_refusal(
    dialect: HttpDialect, method: str, path: str
) -> None:
    """Also for one raised before anything was read, and with any field."""
    call = Call(WireRequest(method, path), dialect.routes[method, path])
    fields = ("", "nonsense", *names(dialect))
    for code, field in itertools.product(RefusalCode, fields):
        refusal = Refusal(code, field=field, value="<&\"'>\n", invalid=["1"])
        response = dialect.render(call, refusal, 0.0)
        assert 200 <= response.status < 600, (code, field)
        assert response.body, (code, field)
    for code in () if isinstance(dialect, Stepwise) else RefusalCode:
        assert dialect.render(call, Accepted(1, [code], 0), 0.0).body, code


@every_dialect
def test_junk_is_refused_and_nothing_worse(dialect: HttpDialect) -> None:
    @thorough
    @given(st.sampled_from(sorted(dialect.routes)), st.binary(), st.binary())
    def check(route: tuple[str, str], query: bytes, body: bytes) -> None:
        headers = facts(dialect).headers
        work(dialect, WireRequest(*route, query, headers, body))

    check()


@every_dialect
def test_junk_in_known_parameters_is_refused_and_nothing_worse(
    dialect: HttpDialect,
) -> None:
    route = st.sampled_from(sorted(dialect.routes))
    known = st.sampled_from(names(dialect))
    value = st.one_of(
        st.binary(max_size=12).map(lambda raw: raw.replace(b"&", b"")),
        st.text("0123456789+-.:TZ truefalsutf8", max_size=24).map(str.encode),
    )
    pairs = st.lists(st.tuples(known.map(str.encode), value), max_size=8)
    scalar = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        known,
    )
    anything = st.recursive(
        scalar,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=6,  # more take Hypothesis ten times as long and find nothing else
    )

    @thorough
    @given(route, pairs, st.dictionaries(known, anything, max_size=6))
    def check(
        route: tuple[str, str],
        pairs: list[tuple[bytes, bytes]],
        document: dict[str, Any],
    ) -> None:
        query = b"&".join(name + b"=" + value for name, value in pairs)
        body = msgspec.json.encode(document)
        headers = facts(dialect).headers
        work(dialect, WireRequest(*route, query, headers, body))
        work(dialect, WireRequest(*route, query, headers, query))

    check()


@every_reporting
@pytest.mark.parametrize("state", MessageState)
@pytest.mark.parametrize("ref", [None, "", "å&=#? %\n🤣"])
def test_a_callback_is_nothing_or_a_request_to_the_url(
    dialect: Any, state: MessageState, ref: str | None
) -> None:
    event = StatusEvent(1001, "+4799999999", ref, state.value, "", "", NOW)
    url = "https://kunde.no/dr?key=1"

    request = dialect.report(event, url, dialect.settings())

    if request is not None:
        assert request.target.startswith("https://kunde.no/dr")
        assert request.target.isascii()
        assert not re.search(r"[\s#]", request.target)


@every_reporting
@pytest.mark.parametrize("state", ["read", "deleted", "something new"])
def test_a_state_that_a_dialect_does_not_know_does_no_harm(
    dialect: Any, state: str
) -> None:
    event = StatusEvent(1001, "+4799999999", None, state, "", "", NOW)
    request = dialect.report(event, "https://kunde.no/dr", dialect.settings())
    assert (request is not None) == (state in facts(dialect).reported)


READ: Mapping[str, Callable[[bytes], object]] = {
    "application/json": msgspec.json.decode,
    "application/x-www-form-urlencoded": lambda body: parse_qsl(
        body.decode("ascii"), strict_parsing=True
    ),
}
"""How the body of a push is read, by its type."""

inbound_events = st.builds(
    InboundEvent,
    message_id=st.integers(1001, 2**53 // 1000 - 1),
    kind=st.sampled_from(Kind),
    originator=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True) | st.text(),
    recipient=st.from_regex(r"[0-9]{0,16}", fullmatch=True),
    text=st.text(),
    data=st.binary().map(bytes.hex),
    keyword=st.text(),
    reply_to=st.integers(0, 2**53),
    reply=st.booleans(),
    counter=st.integers(0, 2**53),
    sent_at=st.floats(0, 4e9),
    came_at=st.floats(0, 4e9),
    missing=st.integers(0, 255),
    opt_out=st.booleans(),
    subject=st.text(),
    media=st.lists(
        st.builds(
            MediaRef,
            id=st.from_regex("[0-9]{20}", fullmatch=True),
            name=st.text(),
            type=st.text(),
            size=st.integers(0),
        ),
        max_size=3,
    ).map(tuple),
)
looked_up = st.builds(
    InboundExtras,
    files=st.lists(
        st.builds(MediaPart, name=st.text(), type=st.text(), data=st.binary()),
        max_size=3,
    ).map(tuple),
    name=st.text(),
    address=st.text(),
)


@every_inbound
def test_a_message_from_a_phone_is_a_request_to_the_url(dialect: Any) -> None:
    several = [
        msgspec.convert(values, dialect.settings) for values in facts(dialect).inbound
    ]
    place = "https://kunde.no/inn?key=1"

    @thorough
    @given(inbound_events, looked_up, st.sampled_from(several))
    def check(event: InboundEvent, more: InboundExtras, settings: Any) -> None:
        url = dialect.url(topic_of(event), settings, place)
        assert url == place
        request = dialect.inbound(event, more, url, settings)
        assert request is not None
        assert request.target.startswith(place)
        assert re.fullmatch("[!-~]+", request.target)
        assert "#" not in request.target
        assert (request.method == "GET") != bool(request.body)
        if request.body:
            READ[request.headers["content-type"]](request.body)

    check()


@every_pushing
def test_a_topic_that_is_pushed_has_a_policy_and_a_url(dialect: Any) -> None:
    assert (Topic.STATUS in dialect.policies) == isinstance(dialect, Reports)
    assert (Topic.INBOUND in dialect.policies) == isinstance(dialect, Inbound)
    for values in facts(dialect).inbound:
        settings = msgspec.convert(values, dialect.settings)
        for topic in Topic:
            if topic not in dialect.policies:
                assert dialect.url(topic, settings, "https://kunde.no/inn") == ""


@every_dialect
def test_urls_in_settings_are_urls(dialect: HttpDialect) -> None:
    fields = [
        field.name
        for field in msgspec.structs.fields(dialect.settings)
        if field.name.endswith("_url")
    ]
    beside = facts(dialect).with_urls
    good = ["", "https://kunde.no", "HTTP://kunde.no:8080/a?b=%20&c#d", "http://[::1]/"]
    good += ["https://user:word@kunde.no/", "https://blåbær.no/x"]
    bad = ["kunde.no", "ftp://kunde.no/", "https://", "https:///a", "file:///etc/x"]
    bad += ["https://kunde.no/å", "https://kunde.no/a b", "https://kunde.no/\r\nX: y"]
    for name in fields:
        for url in good:
            msgspec.convert({name: url, **beside}, dialect.settings)
        for url in bad:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert({name: url, **beside}, dialect.settings)


@every_pushing
@pytest.mark.parametrize("status", [300, 302, 400, 401, 404, 429, 500, 502, 503])
def test_a_failure_is_never_understood(dialect: Any, status: int) -> None:
    for body in (b"", b"true", b"OK"):
        for topic in Topic:
            answer = WireResponse(status, body)
            assert not dialect.understood(topic, answer, dialect.settings())
