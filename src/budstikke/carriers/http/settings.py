"""
Settings of an HTTP carrier.

The descriptions here are the table in docs/carriers/http.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from msgspec import Meta, Struct

from budstikke.carriers.caller_auth import check_caller, is_guarded
from budstikke.carriers.http.description import describe
from budstikke.carriers.http.template import OF_A_CARRIER, OF_A_MESSAGE, names_in
from budstikke.domain.address import PREFIX

if TYPE_CHECKING:
    from budstikke.carriers.http.description import Description
    from budstikke.carriers.http.template import Values

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
_value_name = re.compile(r"[a-z][a-z0-9_]*").fullmatch


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one carrier; see docs/carriers/http.md."""

    # What the operator speaks
    description: Annotated[
        str,
        Meta(description="Name of a ready description; empty: the tables below are."),
    ] = ""
    request: Annotated[
        dict[str, Any],
        Meta(description="The request, or what differs from the ready description's."),
    ] = {}
    answer: Annotated[
        dict[str, Any], Meta(description="How to read the answer, likewise.")
    ] = {}
    receipt: Annotated[
        dict[str, Any], Meta(description="How to read delivery reports, likewise.")
    ] = {}
    inbound: Annotated[
        dict[str, Any], Meta(description="How to read inbound messages, likewise.")
    ] = {}

    # Where, and as whom
    url: Annotated[
        str,
        Meta(
            description="What `{url}` stands for: the beginning of the operator's URL."
        ),
    ] = ""
    allow_http: Annotated[
        bool, Meta(description="Allow plain http to the operator.")
    ] = False
    allow_private: Annotated[
        bool,
        Meta(description="Allow private and loopback addresses, as on private lines."),
    ] = False
    ca: Annotated[
        str,
        Meta(description="PEM file of the authorities to trust; empty: the system's."),
    ] = ""
    username: Annotated[
        str, Meta(description="Our user name or key at the operator: `{username}`.")
    ] = ""
    password: Annotated[
        str,
        Meta(
            description="Our password, token or secret: `{password}`; never logged or "
            "shown."
        ),
    ] = ""
    values: Annotated[
        dict[str, str],
        Meta(
            description='Further names for templates: `{ plan = "abc" }` is `{plan}`.'
        ),
    ] = {}

    # How many, how patient
    window: Annotated[
        int, Meta(ge=1, le=1000, description="Most requests without an answer.")
    ] = 10
    throughput: Annotated[
        float, Meta(ge=0, description="Most requests a second; 0: no limit.")
    ] = 0.0
    connect_timeout: Annotated[
        Seconds, Meta(description="Longest time to connect, TLS handshake included.")
    ] = 10.0
    response_timeout: Annotated[
        Seconds,
        Meta(description="Longest wait for an answer; then the message is unsure."),
    ] = 30.0
    pause_min: Annotated[
        Seconds,
        Meta(
            description="First pause when the operator throttles or cannot be reached."
        ),
    ] = 1.0
    pause_max: Annotated[
        Seconds,
        Meta(
            description="Longest such pause: it doubles up to this; `Retry-After` may "
            "ask for as much, and for no more."
        ),
    ] = 60.0

    # What the operator asks of us
    our_url: Annotated[
        str,
        Meta(
            description="Our own address as the operator sees it, such as "
            "`https://sms.example.com`: for `{receipt_url}` and `{inbound_url}`."
        ),
    ] = ""
    deliver_token: Annotated[
        str,
        Meta(
            description="Secret at the end of the URLs that the operator calls: "
            "`?token=…`."
        ),
    ] = ""
    deliver_username: Annotated[
        str,
        Meta(
            description="User name that the operator gives us, by basic authentication."
        ),
    ] = ""
    deliver_password: Annotated[
        str, Meta(description="Its password; never logged or shown.")
    ] = ""
    allow_from: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks from which the operator may call; "
            "empty: any."
        ),
    ] = ()
    open: Annotated[
        bool,
        Meta(description="Let anybody deliver; needed if no setting says who may."),
    ] = False
    home: Annotated[
        str,
        Meta(
            pattern=PREFIX,
            extra={"expected": "`+` and the country's calling code, or nothing"},
            description="Calling code of the operator's country, such as `+47`: "
            "completes national numbers, of phones and ours.",
        ),
    ] = ""
    number: Annotated[
        str,
        Meta(
            description="Our number (digits) for inbound messages in which the "
            "operator names none."
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Check rules that the types do not express; raises ValueError."""
        described = self.described()
        _check_url("our_url", self.our_url, schemes=("https", "http"))
        schemes = ("https", "http") if self.allow_http else ("https",)
        _check_url("url", self.url, schemes=schemes)
        whole = described.request.url.replace("{url}", self.url)
        if not self.url and whole != described.request.url:
            raise ValueError("url: is missing: the description needs it")
        if whole.partition(":")[0] not in schemes:
            raise ValueError("request: url: must be https, or allow_http = true")
        for name in self.values:
            if not _value_name(name) or name in OF_A_CARRIER | OF_A_MESSAGE:
                raise ValueError(f"values: {name!r} cannot be a name")
        known = OF_A_CARRIER | OF_A_MESSAGE | self.values.keys()
        request = described.request
        for part in (request.url, request.headers, request.query, request.fields):
            _check_names(part, known)
        _check_names(request.xml, known)
        _check_names(dict(request.when), known)
        if described.receipt or described.inbound:
            check_caller(self)

    def described(self) -> Description:
        """Return the description; raises ValueError."""
        own = {
            "request": self.request,
            "answer": self.answer,
            "receipt": self.receipt,
            "inbound": self.inbound,
        }
        return describe(self.description, own)

    @property
    def guarded(self) -> bool:
        """Whether a caller must prove that it is the operator."""
        return is_guarded(self)

    def template_values(self, name: str) -> Values:
        """Return the values that are the same for all messages of carrier ``name``."""
        return {
            "url": self.url,
            "username": self.username,
            "password": self.password,
            "receipt_url": self._called(name, "receipts"),
            "inbound_url": self._called(name, "inbound"),
            **self.values,
        }

    def _called(self, name: str, what: str) -> str | None:
        """Return a URL that the operator calls; ``None``: ``our_url`` is not set."""
        if not self.our_url:
            return None
        token = f"?token={quote(self.deliver_token)}" if self.deliver_token else ""
        return f"{self.our_url.rstrip('/')}/carriers/{quote(name)}/{what}{token}"


def _check_url(name: str, written: str, *, schemes: tuple[str, ...]) -> None:
    """Refuse what is no URL without a query; empty is none. Raises ValueError."""
    if not written:
        return
    url = urlsplit(written)
    if url.scheme not in schemes or not url.hostname or url.username or url.query:
        raise ValueError(f"{name}: must be {' or '.join(schemes)}://HOST/…")
    if not all(" " < character <= "~" for character in written):
        raise ValueError(f"{name}: characters that must be escaped")
    assert url.port is None or url.port > 0  # noqa: S101 - reading it raises ValueError


def _check_names(template: object, known: frozenset[str] | set[str]) -> None:
    for name in names_in(template):
        if name not in known:
            raise ValueError(
                f"request: there is no {{{name}}}: name it in values, or take one of "
                f"{', '.join(sorted(known))}"
            )
