"""
Golden exchanges: one runner for all dialects, both ways.

A file in ``cases/<dialect>/`` holds cases, each begun by a line ``# title``; what
stands before the first one goes for all of the file. The other lines::

    ## source: where it is from, and what was corrected in a printed example
    @@ now=2024-01-01T00:00:00Z     the clock
    @@ settings={...}               the access's settings, if not all by default
    @@ order={...}                  what every ``== order`` of the file has as well
    @@ url=https://...              where a push goes; of messages from phones: the URL
                                    of the number or keyword itself
    @@ more={...}                   what was looked up for it (files in base64)
    @@ client=192.0.2.1             the caller's address
    @@ headers={...}                the request's headers, names in lower case
    >> GET /path?query              a request (its body on the lines after), or
    !! {...}                        a StatusEvent, or
    ~~ {...}                        an InboundEvent, an SMS if nothing else is said
    == login {...}                  who calls
    == order {...}                  the Order, without what is default, or
    == orders [{...}, ...]          several of them, or
    == asked {"type": "BalanceQuery"} another thing that is asked (domain.ask), or
    == refusal {...}                its code, field and (where given) value, or
    == push GET https://...         the push that an event becomes, or
    == nothing                      it becomes none
    ++ accepted {...}               what is answered: Accepted or
    ++ several [{...}, ...]         one for each order (a refusal has a code), or
    ++ answer {"type": "BalanceAnswer", ...}   (domain.ask), or
    ++ refusal {...}                Refusal (by default the one that parse raised)
    << 200 text/plain               the response (its body on the lines after, here
                                    in UTF-8 and compared in its own charset)
    ?? taken 204 body               understood, or ?? refused 500 body; of another
    ?? inbound taken 200 OK         topic than the status
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.dialects import HTTP_DIALECTS
from budstikke.dialects.contract import (
    Call,
    HttpDialect,
    Inbound,
    Login,
    NeedsExtras,
    Reports,
    Task,
    TaskResult,
)
from budstikke.domain import queries as ask
from budstikke.domain.callback import (
    InboundExtras,
    InboundRequirements,
    Topic,
    topic_of,
)
from budstikke.domain.inbound import InboundEvent, Kind, MediaPart, MediaRef
from budstikke.domain.message import Accepted, Order, StatusEvent
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.routes import Routed, Routes
from budstikke.wire import WireRequest, WireResponse
from dialects.caller import CASES, Access

if TYPE_CHECKING:
    from pathlib import Path

MARKS = ("##", "@@", ">>", "!!", "~~", "==", "++", "<<", "??")
DEFAULTS = {
    known.name: known.default
    for known in msgspec.structs.fields(Order)
    if known.default is not msgspec.NODEFAULT
}
DEFAULTS = {name: msgspec.to_builtins(it) for name, it in DEFAULTS.items()}
DEFAULTS = {n: list(it) if isinstance(it, tuple) else it for n, it in DEFAULTS.items()}


class Looked(msgspec.Struct):
    """What was looked up for a push."""

    files: list[MediaPart] = []
    name: str = ""
    address: str = ""


@dataclass
class Case:
    """One exchange: (mark, words, body) in the order of the file."""

    dialect: str
    title: str
    lines: list[tuple[str, str, bytes]] = field(default_factory=list)

    def one(self, mark: str, word: str = "") -> tuple[str, bytes] | None:
        """Find a line and its body; of several alike the last."""
        found = None
        for its, text, body in self.lines:
            if its == mark and text.startswith(word):
                found = text.removeprefix(word).strip(), body
        return found

    def setting(self, name: str, default: str) -> str:
        """Find what an ``@@`` line says."""
        found = self.one("@@", f"{name}=")
        return found[0] if found else default

    def dict(self, mark: str, word: str) -> dict[str, Any] | None:
        """Find a line that ends in a JSON object."""
        found = self.one(mark, word)
        return msgspec.json.decode(found[0], type=dict[str, Any]) if found else None


def read(path: Path) -> list[Case]:
    """Read the cases of a file."""
    head = Case(path.parent.name, "")
    cases: list[Case] = []
    current = head
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# "):
            title = f"{path.parent.name}/{path.stem}: {line[2:]}"
            current = Case(path.parent.name, title, list(head.lines))
            cases.append(current)
        elif line.startswith(MARKS):
            current.lines.append((line[:2], line[2:].strip(), b""))
        elif line or (current.lines and current.lines[-1][2]):
            mark, text, body = current.lines[-1]
            body = (body + b"\n" if body else b"") + line.encode()
            current.lines[-1] = mark, text, body
    for case in cases:
        case.lines = [(m, text, body.rstrip(b"\n")) for m, text, body in case.lines]
    return cases


ALL = [case for path in sorted(CASES.glob("*/*.txt")) for case in read(path)]


def call_of(case: Case, dialect: HttpDialect) -> Call:
    found = case.one(">>")
    assert found, "a case needs a request"
    (method, target), body = found[0].split(" ", 1), found[1]
    path, _, query = target.partition("?")
    client = case.setting("client", "")
    headers = msgspec.json.decode(case.setting("headers", "{}"))
    request = WireRequest(method, path, query.encode(), headers, body, client)
    routed = Routes([dialect]).find(method, path, path)
    assert isinstance(routed, Routed), f"{method} {path} has no route"
    return Call(request, routed.operation, path=routed.parameters)


def settings_of(case: Case, dialect: HttpDialect) -> Any:
    return msgspec.json.decode(case.setting("settings", "{}"), type=dialect.settings)


def shown(order: Order) -> dict[str, Any]:
    """Show an order without what is default."""
    return {
        name: value
        for name, value in msgspec.json.decode(msgspec.json.encode(order)).items()
        if name not in DEFAULTS or value != DEFAULTS[name]
    }


def refusal_of(words: dict[str, Any]) -> Refusal:
    return Refusal(RefusalCode(words.pop("code")), **words)


def now_of(case: Case) -> float:
    now = datetime.fromisoformat(case.setting("now", "2024-01-01T00:00:00Z"))
    return now.timestamp()


def attempt(
    case: Case, dialect: HttpDialect, call: Call
) -> tuple[Login | None, Task] | Refusal:
    """Take a request through login and parse."""
    try:
        login = dialect.login(call)
        access = Access(settings_of(case, dialect)) if login else None
        return login, dialect.parse(call, access, now_of(case))
    except Refusal as refusal:
        return refusal


def check_refusal(case: Case, refusal: Refusal) -> None:
    expected = case.dict("==", "refusal")
    assert expected is not None, f"refused: {refusal.code} {refusal.field}"
    expected = {"field": "", **expected}
    assert expected == {name: getattr(refusal, name) for name in expected}


def check_asked(case: Case, login: Login | None, asked: Task) -> None:
    assert case.one("==", "refusal") is None, asked
    if (who := case.dict("==", "login")) is not None:
        assert Login(**who) == login
    if isinstance(asked, Order):
        check_order(case, case.dict("==", "order ") or {}, asked)
    elif isinstance(asked, list):
        found = case.one("==", "orders")
        expected = msgspec.json.decode(found[0]) if found else []
        assert len(expected) == len(asked)
        for words, order in zip(expected, asked, strict=True):
            check_order(case, words, order)
    else:
        assert isinstance(asked, msgspec.Struct), "steps are not compared"
        words = {
            "type": type(asked).__name__,
            **msgspec.json.decode(msgspec.json.encode(asked)),
        }
        blank = (None, "", True)
        usual = {it.name: it.default for it in msgspec.structs.fields(type(asked))}
        shown = {
            name: it
            for name, it in words.items()
            if it not in blank and it != usual.get(name, msgspec.NODEFAULT)
        }
        assert case.dict("==", "asked") == shown


def check_order(case: Case, words: dict[str, Any], order: Order) -> None:
    always = msgspec.json.decode(case.setting("order", "{}"))
    expected = {**always, **words}
    kept = {name: it for name, it in expected.items() if it != DEFAULTS.get(name, ())}
    assert kept == shown(order)


def check_request(case: Case, dialect: HttpDialect, call: Call) -> Refusal | None:
    """Compare what a request becomes; gives the refusal, if it is one."""
    came = attempt(case, dialect, call)
    if isinstance(came, Refusal):
        check_refusal(case, came)
        return came
    check_asked(case, *came)
    return None


def accepted_of(words: dict[str, Any]) -> Accepted:
    words = {"order_id": 1, "ids": (), "segments": 1, **words}
    words["ids"] = [i if isinstance(i, int) else RefusalCode(i) for i in words["ids"]]
    words["members"] = [
        (number, i if isinstance(i, int) else RefusalCode(i))
        for number, i in words.get("members", ())
    ]
    return Accepted(**words)


def answer_of(case: Case, refusal: Refusal | None) -> TaskResult | None:
    if (words := case.dict("++", "accepted")) is not None:
        return accepted_of(words)
    if (found := case.one("++", "several")) is not None:
        return [
            refusal_of(words) if "code" in words else accepted_of(words)
            for words in msgspec.json.decode(found[0])
        ]
    if (words := case.dict("++", "answer")) is not None:
        kind = getattr(ask, words.pop("type"))
        answer: TaskResult = msgspec.convert(words, kind)
        return answer
    if (words := case.dict("++", "refusal")) is not None:
        return refusal_of(words)
    return refusal


def check_response(case: Case, response: WireResponse) -> None:
    found = case.one("<<")
    assert found, "a case with an answer needs a response"
    head, body = found
    charset = head.partition("charset=")[2] or "utf-8"
    expected = (head, body.decode().encode(charset))
    assert expected == (f"{response.status} {response.content_type}", response.body)


def status_push(case: Case, dialect: HttpDialect) -> WireRequest | None:
    event = StatusEvent(**(case.dict("!!", "") or {}))
    settings = settings_of(case, dialect)
    if not isinstance(dialect, Reports):
        return None
    return dialect.report(event, case.setting("url", ""), settings)


def inbound_push(case: Case, dialect: HttpDialect) -> WireRequest | None:
    words = {"kind": Kind.SMS, **(case.dict("~~", "") or {})}
    words["kind"] = Kind(words["kind"])
    words["media"] = tuple(MediaRef(**part) for part in words.get("media", ()))
    event = InboundEvent(**words)
    settings = settings_of(case, dialect)
    if not isinstance(dialect, Inbound):
        return None
    url = dialect.url(topic_of(event), settings, case.setting("url", ""))
    more = msgspec.json.decode(case.setting("more", "{}"), type=Looked)
    needs = InboundRequirements()
    if isinstance(dialect, NeedsExtras):
        needs = dialect.requirements(settings)
    given = InboundExtras(
        tuple(more.files) if needs.files else (),
        more.name if needs.subscriber else "",
        more.address if needs.subscriber else "",
    )
    return dialect.inbound(event, given, url, settings) if url else None


def check_push(case: Case, request: WireRequest | None) -> None:
    if request is None:
        assert case.one("==", "nothing"), "nothing was pushed"
        return
    expected = case.one("==", "push")
    assert expected, f"pushed {request.target}"
    assert expected == (f"{request.method} {request.target}", request.body)


def check_verdict(case: Case, dialect: HttpDialect, text: str, body: bytes) -> None:
    first = text.partition(" ")[0]
    topic = Topic(first) if first in list(Topic) else Topic.STATUS
    verdict, status, *rest = text.removeprefix(topic.value).lstrip().split(" ", 2)
    response = WireResponse(int(status), "".join(rest).encode() or body)
    assert isinstance(dialect, Reports | Inbound), "nothing is pushed"
    taken = dialect.understood(topic, response, settings_of(case, dialect))
    assert (verdict == "taken") is taken, text


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.title)
def test_case(case: Case) -> None:
    dialect = HTTP_DIALECTS[case.dialect]
    checks = 0
    if case.one("!!"):
        check_push(case, status_push(case, dialect))
        checks += 1
    if case.one("~~"):
        check_push(case, inbound_push(case, dialect))
        checks += 1
    if case.one(">>"):
        call = call_of(case, dialect)
        refusal = check_request(case, dialect, call) if case.one("==") else None
        answer = answer_of(case, refusal)
        if answer is not None:
            check_response(case, dialect.render(call, answer, now_of(case)))
        checks += 1
    for mark, text, body in case.lines:
        if mark == "??":
            check_verdict(case, dialect, text, body)
            checks += 1
    assert checks, "a case that checks nothing"


def test_every_dialect_has_cases_with_titles_of_their_own() -> None:
    titles = [case.title for case in ALL]

    assert set(HTTP_DIALECTS) == {case.dialect for case in ALL}
    assert len(set(titles)) == len(titles)
    assert all(case.one("##", "source:") for case in ALL)
