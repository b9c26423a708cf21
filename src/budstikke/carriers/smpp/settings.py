"""
Settings of an SMPP carrier.

Operators differ in what the standard leaves open, so each difference that we met is a
setting. The descriptions here are the table in docs/carriers/smpp.md, word for word.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from budstikke.carriers.smpp.address_rules import (
    ADDRESS_RULES,
    AddressRule,
    NumberPlan,
    Octet,
    check_pattern,
)
from budstikke.carriers.smpp.operator_tables import data_codings, statuses, tlvs, words
from budstikke.domain.address import PREFIX
from budstikke.domain.receipt import Reason, Retry
from budstikke.domain.staging import TextProfile
from budstikke.domain.text import Concat, Filling, LinkAlphabet
from budstikke.smpp import ids
from budstikke.smpp.versions import speaks_parameters

Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS 1.2 or later to the operator; files are PEM, read at each connection."""

    ca: Annotated[
        str,
        Meta(description="PEM file of the authorities to trust; empty: the system's."),
    ] = ""
    cert: Annotated[
        str,
        Meta(description="PEM file of our certificate, if the operator asks for one."),
    ] = ""
    key: Annotated[str, Meta(description="PEM file of its private key.")] = ""
    verify: Annotated[
        bool, Meta(description="Check the operator's certificate and the name in it.")
    ] = True
    server_name: Annotated[
        str, Meta(description="The name that must be in it; empty: `host`.")
    ] = ""

    def __post_init__(self) -> None:
        """Refuse a key without its certificate; raises ValueError."""
        if self.key and not self.cert:
            raise ValueError("tls: key without cert")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one carrier; see docs/carriers/smpp.md."""

    # Where, and as whom
    host: Annotated[
        str, Meta(min_length=1, description="The operator's host name or address.")
    ]
    port: Annotated[
        int, Meta(ge=1, le=65535, description="The operator's TCP port.")
    ] = 2775
    tls: Annotated[
        Tls | None, Meta(description="TLS, as the `tls.` rows say; absent: no TLS.")
    ] = None
    system_id: Annotated[
        str,
        Meta(
            min_length=1, max_length=15, description="Our `system_id` at the operator."
        ),
    ]
    password: Annotated[
        str, Meta(max_length=8, description="Our password; never logged or shown.")
    ] = ""
    system_type: Annotated[
        str,
        Meta(
            max_length=12,
            description="The `system_type` that the operator gave you; usually empty.",
        ),
    ] = ""
    interface_version: Annotated[
        Octet, Meta(description="SMPP version of the bind: 52 is 3.4, 80 is 5.0.")
    ] = 0x34
    bind_ton: Annotated[Octet, Meta(description="`addr_ton` of the bind.")] = 0
    bind_npi: Annotated[Octet, Meta(description="`addr_npi` of the bind.")] = 0
    address_range: Annotated[
        str, Meta(max_length=40, description="`address_range` of the bind.")
    ] = ""

    # Binds, rates and timeouts
    bind_type: Annotated[
        Literal["trx", "tx+rx"],
        Meta(
            description="`trx`: each bind is a transceiver; `tx+rx`: a transmitter and "
            "a receiver."
        ),
    ] = "trx"
    binds: Annotated[
        int, Meta(ge=1, le=64, description="How many binds each node keeps open.")
    ] = 1
    max_nodes: Annotated[
        int,
        Meta(
            ge=0, description="How many nodes may have binds at the same time; 0: all."
        ),
    ] = 0
    window: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Most submit_sm without a response on each bind.",
        ),
    ] = 10
    throughput: Annotated[
        float,
        Meta(ge=0, description="Most submit_sm a second on each bind; 0: no limit."),
    ] = 0.0
    connect_timeout: Annotated[
        Seconds, Meta(description="Longest time to connect, TLS handshake included.")
    ] = 10.0
    response_timeout: Annotated[
        Seconds,
        Meta(description="Longest wait for a response; then a submit_sm is unsure."),
    ] = 30.0
    enquire_link: Annotated[
        Seconds, Meta(description="Silence after which the carrier sends enquire_link.")
    ] = 30.0
    enquire_misses: Annotated[
        int,
        Meta(
            ge=1,
            le=10,
            description="After this many enquire_link without a response the "
            "connection is dead.",
        ),
    ] = 2
    reconnect_min: Annotated[
        Seconds, Meta(description="First pause before the carrier connects again.")
    ] = 1.0
    reconnect_max: Annotated[
        Seconds,
        Meta(description="Longest such pause; the carrier never gives up."),
    ] = 60.0
    flaps: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Pause a bind after this many connections in a row that "
            "broke with parts in flight; 0: never.",
        ),
    ] = 3
    flap_pause_min: Annotated[
        Seconds, Meta(description="First pause of a bind that keeps breaking.")
    ] = 10.0
    flap_pause_max: Annotated[
        Seconds, Meta(description="Longest such pause: it doubles up to this.")
    ] = 600.0
    throttle_min: Annotated[
        Seconds, Meta(description="First pause of a bind after the operator throttled.")
    ] = 0.5
    throttle_max: Annotated[
        Seconds,
        Meta(description="Longest such pause; after twice as long, parts may move."),
    ] = 30.0

    # Texts
    alphabet: Annotated[
        LinkAlphabet,
        Meta(
            description="What the operator means by `data_coding` 0: `gsm`, "
            "`gsm-packed`, `latin1` or `ascii`."
        ),
    ] = LinkAlphabet.GSM
    concat: Annotated[
        Concat,
        Meta(
            description="How segments say that they are one text: `udh8`, `udh16`, "
            "`sar` or `payload`."
        ),
    ] = Concat.UDH8
    national: Annotated[
        tuple[Octet, ...],
        Meta(
            description="National language tables that the operator passes on, by "
            "their identifiers in 3GPP TS 23.038."
        ),
    ] = ()
    data_coding_gsm: Annotated[
        Octet, Meta(description="`data_coding` of texts in the `alphabet` of the bind.")
    ] = 0
    data_coding_ucs2: Annotated[
        Octet, Meta(description="`data_coding` of texts in UCS-2.")
    ] = 8
    data_coding_flash_gsm: Annotated[
        Octet,
        Meta(description="`data_coding` of flash texts in the `alphabet` of the bind."),
    ] = 0xF0
    data_coding_flash_ucs2: Annotated[
        Octet, Meta(description="`data_coding` of flash texts in UCS-2.")
    ] = 8
    inbound_data_codings: Annotated[
        dict[str, Octet],
        Meta(
            description="How to read a `data_coding` of inbound texts: `{'0' = 8}` "
            "reads 0 as 8, UCS-2."
        ),
    ] = msgspec.field(default_factory=dict)
    packed_filling: Annotated[
        Filling,
        Meta(
            description="How the operator fills up packed texts of 7, 15 … "
            "characters: `return`, `zero` or `guess`."
        ),
    ] = Filling.GUESS

    # Numbers
    home: Annotated[
        str,
        Meta(
            pattern=PREFIX,
            extra={"expected": "`+` and the country's calling code, or nothing"},
            description="Calling code of the operator's country, such as `+47`: "
            "completes national numbers, of phones and ours.",
        ),
    ] = ""

    # Fields of submit_sm
    originators: Annotated[
        tuple[AddressRule, ...],
        Meta(description="TON and NPI of senders; the first rule that matches counts."),
    ] = ADDRESS_RULES
    recipient: Annotated[NumberPlan, Meta(description="TON and NPI of recipients.")] = (
        1,
        1,
    )
    plus: Annotated[bool, Meta(description="Write numbers with their `+`.")] = False
    service_type: Annotated[
        str,
        Meta(
            max_length=5,
            description="The `service_type` that the operator gave you; usually empty.",
        ),
    ] = ""
    esm_class: Annotated[
        Octet, Meta(description="Bits to set in every `esm_class`.")
    ] = 0
    priority: Annotated[
        bool,
        Meta(description="Send the message's priority as `priority_flag` (0 to 2)."),
    ] = False
    registered_delivery: Annotated[
        Octet,
        Meta(description="`registered_delivery` of parts that need a delivery report."),
    ] = 1
    validity: Annotated[
        Literal["relative", "absolute", "none"],
        Meta(
            description="How to write `validity_period`: `relative`, `absolute` or "
            "`none`."
        ),
    ] = "relative"
    max_validity: Annotated[
        int,
        Meta(
            ge=0,
            description="Longest validity that the operator takes, seconds; 0: no "
            "limit.",
        ),
    ] = 0
    tlvs: Annotated[
        dict[str, str],
        Meta(
            description="Optional parameters of every submit_sm, tag and value in "
            "hexadecimal: `{'1400' = '01'}`."
        ),
    ] = msgspec.field(default_factory=dict)

    premium_tlv: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF,
            description="Tag of the price of premium messages (øre in decimal "
            "digits); 0: the operator takes no premium messages.",
        ),
    ] = 0

    # Responses and delivery reports
    statuses: Annotated[
        dict[str, Retry],
        Meta(
            description="What to do after a command status, instead of the table "
            "below: `{'0x412' = 'later'}`."
        ),
    ] = msgspec.field(default_factory=dict)
    message_ids: Annotated[
        str,
        Meta(
            description="How message ids differ between responses and delivery "
            "reports; `auto`: the carrier learns it."
        ),
    ] = ids.AUTO
    receipt_text: Annotated[
        bool,
        Meta(
            description="Take a text with `id:` and `stat:` for a delivery report, "
            "even without a mark."
        ),
    ] = False
    receipt_words: Annotated[
        dict[str, str],
        Meta(
            description="What the operator's own words in `stat` mean: `{'0' = "
            "'delivered'}`."
        ),
    ] = msgspec.field(default_factory=dict)
    receipt_errors: Annotated[
        dict[str, Reason],
        Meta(
            description="What the operator's codes in `err` mean: `{'001' = "
            "'unknown_subscriber'}`."
        ),
    ] = msgspec.field(default_factory=dict)
    receipt_pattern: Annotated[
        str,
        Meta(
            description="Regular expression of a delivery report, with groups `id`, "
            "`stat` (`err`, `submit`, `done`)."
        ),
    ] = ""
    receipt_utc_offset: Annotated[
        int,
        Meta(
            ge=-840,
            le=840,
            description="Minutes by which dates in delivery reports are ahead of UTC.",
        ),
    ] = 0
    receipts_missing: Annotated[
        float,
        Meta(
            ge=0,
            description="Alarm if parts are accepted and no delivery report comes "
            "for so many seconds; 0: never.",
        ),
    ] = 900.0

    def __post_init__(self) -> None:
        """Check rules that the types do not express; raises ValueError."""
        if self.message_ids not in ids.RULES:
            raise ValueError(f"message_ids: one of {', '.join(ids.RULES)}")
        check_pattern(self.receipt_pattern, "receipt_pattern")
        if self.national and not self.alphabet.startswith("gsm"):
            raise ValueError("national: only where alphabet is gsm or gsm-packed")
        if not speaks_parameters(self.interface_version):
            _without_parameters(self)
        words(self)
        statuses(self)
        tlvs(self)
        data_codings(self)
        for name in _ASCII_ONLY:
            text = getattr(self, name)
            if not (text.isascii() and text.isprintable()):
                raise ValueError(f"{name}: printable ASCII only")

    def __repr__(self) -> str:
        """Leave out the password."""
        return f"Settings({self.system_id}@{self.host}:{self.port})"

    def __rich_repr__(self) -> Any:
        """Leave out the password in pretty printers, too."""
        yield repr(self)


def _without_parameters(settings: Settings) -> None:
    """Refuse settings that need optional parameters; raises ValueError."""
    needed = {
        "concat": settings.concat in {Concat.SAR, Concat.PAYLOAD},
        "tlvs": bool(settings.tlvs),
        "premium_tlv": bool(settings.premium_tlv),
    }
    for name, used in needed.items():
        if used:
            raise ValueError(f"{name}: needs parameters, interface_version 52 or more")


_ASCII_ONLY = ("system_id", "password", "system_type", "address_range", "service_type")


def text_profile(settings: Settings) -> TextProfile:
    """Return how to cut long texts for this carrier."""
    return TextProfile(settings.concat, frozenset(settings.national))
