"""
Settings of an SMPP link to an operator.

Operators differ in what the standard leaves open, so each difference that was met is
a setting. The descriptions here are the table in docs/carriers/smpp.md.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from budstikke.domain.address import PREFIX
from budstikke.domain.receipt import Reason, Retry
from budstikke.domain.staging import TextProfile
from budstikke.domain.text import Concat, Filling, LinkAlphabet
from budstikke.smpp import ids, status
from budstikke.smpp.receipt import MessageState
from budstikke.smpp.versions import speaks_parameters

Octet = Annotated[int, Meta(ge=0, le=255)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
NumberPlan = tuple[Octet, Octet]
"""(type of number, numbering plan indicator), SMPP 3.4 § 5.2.5 and § 5.2.6."""


def _compile(pattern: str, where: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{where}: {error}") from error


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS 1.2 or later to the operator; files are PEM, read at each connection."""

    ca: Annotated[str, Meta(description="Whom to trust; empty: the system's.")] = ""
    cert: Annotated[str, Meta(description="Our certificate, if asked for.")] = ""
    key: Annotated[str, Meta(description="Its private key.")] = ""
    verify: Annotated[
        bool, Meta(description="Check the operator's certificate and name.")
    ] = True
    server_name: Annotated[
        str, Meta(description="The name to check; empty: `host`.")
    ] = ""

    def __post_init__(self) -> None:
        """Refuse a key without its certificate."""
        if self.key and not self.cert:
            raise ValueError("tls: key without cert")


class AddressRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How originators that match a pattern (all of it) are typed."""

    pattern: str
    ton: Octet
    npi: Octet

    def __post_init__(self) -> None:
        """Refuse what is no regular expression."""
        _compile(self.pattern, "pattern")


ADDRESS_RULES = (
    AddressRule(pattern=r"[0-9]{1,6}", ton=3, npi=0),
    AddressRule(pattern=r"\+?[0-9]+", ton=1, npi=1),
    AddressRule(pattern=r".*", ton=5, npi=0),
)
"""Short numbers, international numbers, and all the rest, which is text."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one carrier; see docs/carriers/smpp.md."""

    # Where, and as whom
    host: Annotated[str, Meta(min_length=1, description="The operator's host.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="Its port.")] = 2775
    tls: Annotated[Tls | None, Meta(description="Absent: no TLS.")] = None
    system_id: Annotated[
        str, Meta(min_length=1, max_length=15, description="Who we are there.")
    ]
    password: Annotated[
        str, Meta(max_length=8, description="Our password; never shown.")
    ] = ""
    system_type: Annotated[
        str, Meta(max_length=12, description="As the operator says; mostly empty.")
    ] = ""
    interface_version: Annotated[
        Octet, Meta(description="52 is SMPP 3.4, 80 is 5.0.")
    ] = 0x34
    bind_ton: Annotated[Octet, Meta(description="`addr_ton` of the bind.")] = 0
    bind_npi: Annotated[Octet, Meta(description="`addr_npi` of the bind.")] = 0
    address_range: Annotated[
        str, Meta(max_length=40, description="`address_range` of the bind.")
    ] = ""

    # How many, how fast, how patient
    bind: Annotated[
        Literal["trx", "tx+rx"],
        Meta(description="One transceiver a link, or a transmitter and a receiver."),
    ] = "trx"
    links: Annotated[
        int, Meta(ge=1, le=64, description="Links at once, of each node.")
    ] = 1
    max_nodes: Annotated[
        int, Meta(ge=0, description="Nodes that have links at once; 0: all of them.")
    ] = 0
    window: Annotated[
        int,
        Meta(ge=1, le=10_000, description="submit_sm without an answer, a link."),
    ] = 10
    throughput: Annotated[
        float, Meta(ge=0, description="submit_sm a second, a link; 0: no limit.")
    ] = 0.0
    connect_timeout: Annotated[
        Seconds, Meta(description="For the connection, TLS included.")
    ] = 10.0
    response_timeout: Annotated[
        Seconds,
        Meta(description="For an answer; after that nobody knows."),
    ] = 30.0
    enquire_link: Annotated[
        Seconds, Meta(description="Silence after which we ask for life.")
    ] = 30.0
    enquire_misses: Annotated[
        int, Meta(ge=1, le=10, description="Unanswered questions that mean death.")
    ] = 2
    reconnect_min: Annotated[
        Seconds, Meta(description="First pause before the next attempt to bind.")
    ] = 1.0
    reconnect_max: Annotated[
        Seconds, Meta(description="The pause doubles up to this; we never give up.")
    ] = 60.0
    tears: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Torn connections in a row that pause a link; 0: none do.",
        ),
    ] = 3
    tear_pause_min: Annotated[
        Seconds, Meta(description="First pause of a link that tears.")
    ] = 10.0
    tear_pause_max: Annotated[
        Seconds, Meta(description="The pause doubles up to this.")
    ] = 600.0
    throttle_min: Annotated[
        Seconds, Meta(description="First pause of a link that is throttled.")
    ] = 0.5
    throttle_max: Annotated[
        Seconds, Meta(description="The pause doubles up to this.")
    ] = 30.0

    # Texts
    alphabet: Annotated[
        LinkAlphabet, Meta(description="What `data_coding` 0 means there.")
    ] = LinkAlphabet.GSM
    concat: Annotated[
        Concat, Meta(description="How the segments of a long text are joined.")
    ] = Concat.UDH8
    national: Annotated[
        tuple[Octet, ...],
        Meta(description="National language tables the operator passes on."),
    ] = ()
    data_coding_gsm: Annotated[
        Octet, Meta(description="Sent with texts in the alphabet of the link.")
    ] = 0
    data_coding_ucs2: Annotated[Octet, Meta(description="Sent with UCS-2.")] = 8
    data_coding_flash_gsm: Annotated[
        Octet, Meta(description="The same, for texts shown at once.")
    ] = 0xF0
    data_coding_flash_ucs2: Annotated[
        Octet, Meta(description="The same, for UCS-2 shown at once.")
    ] = 8
    inbound_data_codings: Annotated[
        dict[str, Octet],
        Meta(description="What the operator writes, and what it means: `{'0' = 8}`."),
    ] = msgspec.field(default_factory=dict)
    packed_filling: Annotated[
        Filling,
        Meta(
            description="What fills packed texts of 7, 15 … characters there: `return` "
            "or `zero`; `guess`: one `@` at the end is none."
        ),
    ] = Filling.GUESS

    # Numbers
    home: Annotated[
        str,
        Meta(
            pattern=PREFIX,
            extra={"expected": "`+` and the country's calling code, or nothing"},
            description="Prefix of the operator's country, `+47`: completes national "
            "numbers of phones and of ours; empty: as below.",
        ),
    ] = ""

    # Fields of submit_sm
    originators: Annotated[
        tuple[AddressRule, ...],
        Meta(description="TON and NPI of originators; the first match counts."),
    ] = ADDRESS_RULES
    recipient: Annotated[NumberPlan, Meta(description="TON and NPI of recipients.")] = (
        1,
        1,
    )
    plus: Annotated[bool, Meta(description="Write numbers with their `+`.")] = False
    service_type: Annotated[
        str, Meta(max_length=5, description="As the operator says; mostly empty.")
    ] = ""
    esm_class: Annotated[Octet, Meta(description="Bits always set in `esm_class`.")] = 0
    priority: Annotated[
        bool, Meta(description="Send the priority of messages (0 to 2).")
    ] = False
    registered_delivery: Annotated[
        Octet, Meta(description="Sent when a receipt is wanted.")
    ] = 1
    validity: Annotated[
        Literal["relative", "absolute", "none"],
        Meta(description="How `validity_period` is written."),
    ] = "relative"
    max_validity: Annotated[
        int, Meta(ge=0, description="Longest validity there, seconds; 0: no limit.")
    ] = 0
    tlvs: Annotated[
        dict[str, str],
        Meta(description="Optional parameters sent always: `{'1400' = 'hex'}`."),
    ] = msgspec.field(default_factory=dict)

    premium_tlv: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF,
            description="Tag of the price of premium messages, øre as decimal digits; "
            "0: this operator takes none.",
        ),
    ] = 0

    # Answers and receipts
    statuses: Annotated[
        dict[str, Retry],
        Meta(description="What may be done after a status: `{'0x412' = 'later'}`."),
    ] = msgspec.field(default_factory=dict)
    message_ids: Annotated[
        str, Meta(description="How ids differ between answers and receipts.")
    ] = "as_written"
    receipt_text: Annotated[
        bool, Meta(description="Take a text alone for a receipt, without its mark.")
    ] = False
    receipt_words: Annotated[
        dict[str, str],
        Meta(description="What `stat` means: `{'0' = 'delivered'}`."),
    ] = msgspec.field(default_factory=dict)
    receipt_errors: Annotated[
        dict[str, Reason],
        Meta(description="What `err` means: `{'001' = 'unknown_subscriber'}`."),
    ] = msgspec.field(default_factory=dict)
    receipt_pattern: Annotated[
        str,
        Meta(description="Pattern with groups `id`, `stat` (`err`, `submit`, `done`)."),
    ] = ""
    receipt_utc_offset: Annotated[
        int,
        Meta(ge=-840, le=840, description="Minutes the dates are ahead of UTC."),
    ] = 0
    receipts_missing: Annotated[
        float,
        Meta(ge=0, description="Seconds without a receipt that are an alarm; 0: off."),
    ] = 900.0

    def __post_init__(self) -> None:
        """Refuse what the types cannot; raises ValueError."""
        if self.message_ids not in ids.RULES:
            raise ValueError(f"message_ids: one of {', '.join(ids.RULES)}")
        _compile(self.receipt_pattern, "receipt_pattern")
        if self.national and not self.alphabet.startswith("gsm"):
            raise ValueError("national: only where alphabet is gsm or gsm-packed")
        if not speaks_parameters(self.interface_version):
            _without_parameters(self)
        words(self)
        statuses(self)
        tlvs(self)
        data_codings(self)
        for name in _WRITTEN:
            text = getattr(self, name)
            if not (text.isascii() and text.isprintable()):
                raise ValueError(f"{name}: printable ASCII only")

    def __repr__(self) -> str:
        """Show no password."""
        return f"Settings({self.system_id}@{self.host}:{self.port})"

    def __rich_repr__(self) -> Any:
        """Show no password in pretty printers either."""
        yield repr(self)


def _without_parameters(settings: Settings) -> None:
    """Refuse what SMPP 3.3 cannot say; raises ValueError."""
    asked = {
        "concat": settings.concat in {Concat.SAR, Concat.PAYLOAD},
        "tlvs": bool(settings.tlvs),
        "premium_tlv": bool(settings.premium_tlv),
    }
    for name, used in asked.items():
        if used:
            raise ValueError(f"{name}: needs parameters, interface_version 52 or more")


_WRITTEN = ("system_id", "password", "system_type", "address_range", "service_type")


def text_profile(settings: Settings) -> TextProfile:
    """Say how this link is sent long texts."""
    return TextProfile(settings.concat, frozenset(settings.national))


def words(settings: Settings) -> dict[str, MessageState]:
    """Read ``receipt_words``; raises ValueError."""
    states = {each.name.lower(): each for each in MessageState}
    by_word = {}
    for word, name in settings.receipt_words.items():
        if name not in states:
            raise ValueError(f"receipt_words: {name!r} is none of {', '.join(states)}")
        by_word[word.upper()] = states[name]
    return by_word


def statuses(settings: Settings) -> dict[int, Retry]:
    """Read ``statuses``: names, decimal and hexadecimal; raises ValueError."""
    known = {name: value for value, name in status.NAMES.items()}
    return {
        known.get(key) or _integer(key, "statuses"): retry
        for key, retry in settings.statuses.items()
    }


def tlvs(settings: Settings) -> tuple[tuple[int, bytes], ...]:
    """Read ``tlvs``, hexadecimal both; raises ValueError."""
    parameters = []
    for tag, value in settings.tlvs.items():
        try:
            number, octets = int(tag, 16), bytes.fromhex(value)
        except ValueError as error:
            raise ValueError(f"tlvs: {tag!r} = {value!r} is not hex") from error
        if not 0 < number <= 0xFFFF:
            raise ValueError(f"tlvs: {tag!r} is no tag")
        parameters.append((number, octets))
    return tuple(parameters)


def data_codings(settings: Settings) -> dict[int, int]:
    """Read ``inbound_data_codings``; raises ValueError."""
    return {
        _integer(key, "inbound_data_codings"): value
        for key, value in settings.inbound_data_codings.items()
    }


def _integer(text: str, where: str) -> int:
    try:
        return int(text, 0)
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} is no number") from error
