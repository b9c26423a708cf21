"""
The description of an operator's HTTP API: what to ask, and how to read what comes.

The ready ones are the TOML files beside this, in ``descriptions/``;
docs/carriers/http.md is the reference.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from budstikke.carriers.http.document import Format
from budstikke.carriers.http.verdicts import Verdict
from budstikke.domain.address import Nature
from budstikke.domain.receipt import Reason, ReceiptState

if TYPE_CHECKING:
    from collections.abc import Mapping

Status = Annotated[str, Meta(pattern=r"\A[1-5]([0-9]{2}|xx)\Z")]
Path = str
Condition = Literal["flash", "premium", "protocol_id", "ucs2", "gsm", "report"]

TOLD = ("flash", "premium", "protocol_id")
"""What a message may ask for that a request must say; else it is refused."""


def check_path(path: Path) -> None:
    """Check the expression in a path; raises ValueError."""
    if path.startswith("~"):
        _check_pattern(path[1:])


def _check_pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error


class Request(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The request that sends a message."""

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    auth: Literal["none", "basic", "bearer"] = "none"
    headers: dict[str, str] = {}
    query: dict[str, Any] = {}
    body: Literal["none", "form", "json", "xml"] = "none"
    fields: dict[str, Any] = {}
    xml: str = ""
    when: dict[Condition, dict[str, Any]] = {}
    unicode: bool = True
    longest: Annotated[int, Meta(ge=0)] = 0
    longest_ref: Annotated[int, Meta(ge=0)] = 0
    validity_least: Annotated[int, Meta(ge=0)] = 0
    validity_most: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        """Check rules that the types do not express; raises ValueError."""
        if not re.match(r"(https?://[^/{}]+|\{url\})(/|\?|$)", self.url):
            raise ValueError("url: must begin with https://HOST/ or {url}")
        if bool(self.xml) != (self.body == "xml"):
            raise ValueError('xml goes with body = "xml"')
        if self.fields and self.body not in ("form", "json"):
            raise ValueError('fields go with body = "form" or "json"')
        if self.method == "GET" and self.body != "none":
            raise ValueError("a GET has no body")
        for name in self.headers:
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                raise ValueError(f"headers: {name!r} is no name of a header")
        if self.body != "json":
            _check_flat(self.fields)
        _check_flat(self.query)


def _check_flat(fields: Mapping[str, Any]) -> None:
    """Refuse tables where only texts and lists of texts can be written."""
    for name, value in fields.items():
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, dict | list) for each in values):
            raise ValueError(f"{name}: tables and nested lists are for JSON")


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on an answer, and what the answer then means."""

    http: str = ""
    path: Path = ""
    pattern: str = ".+"
    then: Verdict

    def __post_init__(self) -> None:
        """Check the expressions; raises ValueError."""
        for word in self.http.split():
            if not re.fullmatch(r"[1-5]([0-9]{2}|xx)", word):
                raise ValueError(f"http: {word!r} is not like 200 or 4xx")
        _check_pattern(self.pattern)
        check_path(self.path)


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read the answer to a request."""

    format: Format = "json"
    id: Path = ""
    our_id: bool = False
    code: Path = ""
    codes: dict[str, Verdict] = {}
    rules: tuple[Rule, ...] = ()
    http: dict[Status, Verdict] = {}
    raw: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Check the expressions; raises ValueError."""
        for path in (self.id, self.code, *self.raw):
            check_path(path)


class Reply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What we answer when what the operator told us is durable."""

    status: Annotated[int, Meta(ge=200, le=299)] = 200
    body: str = ""
    type: str = "text/plain; charset=utf-8"


class ReceiptMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a delivery report has its values."""

    format: Format = "form"
    items: Path = ""
    id: Path
    state: Path
    states: dict[str, ReceiptState]
    reason: Path = ""
    reasons: dict[str, Reason] = {}
    raw: tuple[Path, ...] = ()
    at: Path = ""
    recipient: Path = ""
    nature: Nature = Nature.UNKNOWN
    reply: Reply = Reply()

    def __post_init__(self) -> None:
        """Check the expressions; raises ValueError."""
        paths = (self.id, self.state, self.reason, self.at, self.recipient, *self.raw)
        for path in paths:
            check_path(path)


class InboundMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an inbound message has its values."""

    format: Format = "form"
    items: Path = ""
    id: Path = ""
    sender: Path
    recipient: Path
    text: Path
    data: Path = ""
    at: Path = ""
    reference: Path = ""
    total: Path = ""
    position: Path = ""
    nature: Nature = Nature.UNKNOWN
    reply: Reply = Reply()

    def __post_init__(self) -> None:
        """Check the expressions; raises ValueError."""
        paths = (self.id, self.sender, self.recipient, self.text, self.data, self.at)
        for path in (*paths, self.reference, self.total, self.position):
            check_path(path)


class Description(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator's HTTP API; ``source`` is the page that says so."""

    source: str
    request: Request
    answer: Answer = Answer()
    receipt: ReceiptMap | None = None
    inbound: InboundMap | None = None


def ready_names() -> list[str]:
    """List the names of the ready descriptions."""
    folder = files(__package__) / "descriptions"
    return sorted(
        file.name.removesuffix(".toml")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    )


@cache
def _ready(name: str) -> dict[str, Any]:
    file = files(__package__) / "descriptions" / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))


def describe(name: str, own: Mapping[str, Mapping[str, Any]]) -> Description:
    """
    Return a description.

    Args:
        name: Of a ready one; empty: all is in ``own``.
        own: Its tables, which replace what the ready one says, key by key.

    Raises:
        ValueError: There is no such description, or it is wrong, as the message says.

    """
    if name and name not in ready_names():
        raise ValueError(
            f"description: there is no {name!r}, only {', '.join(ready_names())}"
        )
    base: dict[str, Any] = _ready(name) if name else {"source": "settings"}
    tables = {key: table for key, table in own.items() if table}
    try:
        return msgspec.convert(merged(base, tables), Description)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge tables, key by key; other values of ``own`` replace those of ``base``."""
    result = dict(base)
    for key, value in own.items():
        there = result.get(key)
        if isinstance(there, dict) and isinstance(value, dict):
            result[key] = merged(there, value)
        else:
            result[key] = value
    return result
