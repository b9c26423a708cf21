"""Parts as submit_sm: long texts, alphabets, numbers, times, by the link's settings."""

from __future__ import annotations

from typing import Any

import pytest

from budstikke.carriers.smpp.outgoing import Outgoing
from budstikke.domain.message import Part, TextMode
from budstikke.domain.text import Concat, LinkAlphabet, segment
from budstikke.smpp import PduError, Tlvs, tags
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Sm
from carriers.rig import settings

NOW = 1_795_422_600.0  # 2026-11-23 08:30 UTC


def part(**changes: Any) -> Part:
    values: dict[str, Any] = {
        "id": 0x012345 * 256 + 1,
        "number": 1,
        "total": 1,
        "originator": "Bud",
        "recipient": "+4799999999",
        "text": "Hei",
        "encoding": "gsm",
        "tables": (0, 0),
        "flash": False,
        "protocol_id": 0,
        "priority": 1,
        "expires_at": NOW + 2 * 86_400,
        "report": True,
    }
    return Part(**(values | changes))


def write(changed: Part, **changes: Any) -> tuple[Sm, Tlvs]:
    return Outgoing(settings(2775, **changes)).write(changed, NOW)


def test_the_plain_case() -> None:
    assert (
        Sm(
            source_addr_ton=5,
            source_addr="Bud",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="4799999999",
            validity_period="000002000000000R",
            registered_delivery=1,
            short_message=b"Hei",
        ),
        (),
    ) == write(part())


def test_fields_of_the_link() -> None:
    body, tlvs = write(
        part(protocol_id=0x41, priority=3, report=False),
        service_type="CMT",
        esm_class=3,
        priority=True,
        plus=True,
        recipient=(2, 8),
        tlvs={"1400": "c0ffee", "0x1401": ""},
    )
    assert ("CMT", 3, 2, 0x41, 0) == (
        body.service_type,
        body.esm_class,
        body.priority_flag,
        body.protocol_id,
        body.registered_delivery,
    )
    assert ("+4799999999", 2, 8) == (
        body.destination_addr,
        body.dest_addr_ton,
        body.dest_addr_npi,
    )
    assert ((0x1400, b"\xc0\xff\xee"), (0x1401, b"")) == tuple(tlvs)


# Long text forms: (concat; esm_class, beginning of the text, parameters)
LONG_TEXTS = [
    (Concat.UDH8, 0x40, bytes.fromhex("050003450302"), ()),
    (Concat.UDH16, 0x40, bytes.fromhex("06080423450302"), ()),
    (
        Concat.SAR,
        0,
        b"",
        (
            (tags.SAR_MSG_REF_NUM, b"\x23\x45"),
            (tags.SAR_TOTAL_SEGMENTS, b"\3"),
            (tags.SAR_SEGMENT_SEQNUM, b"\2"),
        ),
    ),
    # planned for a route with other links too: it came in segments
    (Concat.PAYLOAD, 0x40, bytes.fromhex("050003450302"), ()),
]


@pytest.mark.parametrize(("concat", "esm_class", "head", "tlvs"), LONG_TEXTS)
def test_long_text_forms(
    concat: Concat, esm_class: int, head: bytes, tlvs: Tlvs
) -> None:
    for encoding, text, octets in (
        ("gsm", "€", b"\x1b\x65"),
        ("ucs2", "Č", b"\x01\x0c"),
    ):
        second = part(number=2, total=3, encoding=encoding, text=text)
        body, found = write(second, concat=concat)
        assert (esm_class, head + octets) == (body.esm_class, body.short_message)
        assert tuple(tlvs) == tuple(found)


@pytest.mark.parametrize(("encoding", "char"), [("gsm", "a"), ("ucs2", "Č")])
def test_message_payload(encoding: str, char: str) -> None:
    text = char * 200
    body, tlvs = write(part(text=text, encoding=encoding), concat=Concat.PAYLOAD)
    octets = text.encode("ascii" if encoding == "gsm" else "utf-16-be")
    assert b"" == body.short_message
    assert ((tags.MESSAGE_PAYLOAD, octets),) == tuple(tlvs)


def test_a_full_segment_needs_no_payload() -> None:
    for text, encoding in (("a" * 160, "gsm"), ("Č" * 70, "ucs2")):
        body, tlvs = write(part(text=text, encoding=encoding), concat=Concat.PAYLOAD)
        assert body.short_message
        assert () == tlvs


@pytest.mark.parametrize("concat", list(Concat))
@pytest.mark.parametrize("alphabet", list(LinkAlphabet))
@pytest.mark.parametrize("char", ["a", "€", "Č", "😀"])
def test_every_planned_segment_fits(
    concat: Concat, alphabet: LinkAlphabet, char: str
) -> None:
    planned = segment(char * 500, mode=TextMode.AUTO, concat=concat)
    outgoing = Outgoing(settings(2775, concat=concat, alphabet=alphabet))
    for number, text in enumerate(planned.parts, 1):
        body, tlvs = outgoing.write(
            part(
                number=number,
                total=len(planned.parts),
                text=text,
                encoding=planned.encoding,
            ),
            NOW,
        )
        packed = alphabet is LinkAlphabet.GSM_PACKED or planned.encoding == "ucs2"
        assert len(body.short_message) <= (140 if packed else 160)
        assert bool(tlvs) == (concat in {Concat.SAR, Concat.PAYLOAD})


# data_coding


@pytest.mark.parametrize(
    ("encoding", "flash", "coding"),
    [
        ("gsm", False, 0),
        ("gsm", True, 0xF0),
        ("ucs2", False, 8),
        ("ucs2", True, 8),
    ],
)
def test_data_coding(encoding: str, flash: bool, coding: int) -> None:  # noqa: FBT001 - a table
    body, tlvs = write(part(encoding=encoding, flash=flash))
    assert coding == body.data_coding
    subunit = [(tags.DEST_ADDR_SUBUNIT, b"\1")] if flash and coding == 8 else []
    assert subunit == list(tlvs)


@pytest.mark.parametrize(
    ("encoding", "changes", "coding", "subunit"),
    [
        ("gsm", {"data_coding_flash_gsm": 0}, 0, 1),
        ("gsm", {"data_coding_flash_gsm": 0x10}, 0x10, 0),
        ("gsm", {"data_coding_flash_gsm": 1, "data_coding_gsm": 1}, 1, 1),
        ("ucs2", {"data_coding_flash_ucs2": 0x18}, 0x18, 0),
        ("ucs2", {"interface_version": 0x33}, 8, 0),
        ("ucs2", {"data_coding_flash_ucs2": 0x19, "data_coding_ucs2": 0x19}, 0x19, 1),
    ],
)
def test_flash_is_said_by_the_data_coding_or_by_the_subunit(
    encoding: str, changes: dict[str, Any], coding: int, subunit: int
) -> None:
    body, tlvs = write(part(encoding=encoding, flash=True), **changes)
    assert coding == body.data_coding
    assert [(tags.DEST_ADDR_SUBUNIT, b"\1")] * subunit == list(tlvs)


@pytest.mark.parametrize(
    ("alphabet", "text", "octets"),
    [
        (LinkAlphabet.GSM, "@Å€", b"\x00\x0e\x1b\x65"),
        (LinkAlphabet.LATIN1, "@Å", b"@\xc5"),
        (LinkAlphabet.LATIN1, "€", b"EUR"),
        (LinkAlphabet.ASCII, "Å", b"A"),
        (LinkAlphabet.GSM_PACKED, "hellohello", bytes.fromhex("e8329bfd4697d9ec37")),
    ],
)
def test_alphabet_of_the_link(alphabet: LinkAlphabet, text: str, octets: bytes) -> None:
    body, _ = write(part(text=text), alphabet=alphabet)
    assert octets == body.short_message


def test_packed_after_a_header_begins_on_a_septet() -> None:
    body, _ = write(part(number=1, total=2, text="a"), alphabet=LinkAlphabet.GSM_PACKED)
    # six octets of header, one bit of filling, then 0x61 << 1
    assert bytes.fromhex("050003450201c2") == body.short_message


def test_national_tables() -> None:
    turkish = part(text="ş", tables=(0, 1))
    body, _ = write(turkish, national=(1,))
    assert (0x40, bytes.fromhex("032401011b73")) == (body.esm_class, body.short_message)
    body, _ = write(part(text="ş", tables=(0, 1), total=2, number=1), national=(1,))
    assert bytes.fromhex("080003450201240101") == body.short_message[:9]
    with pytest.raises(PduError) as caught:
        write(turkish)
    assert st.ESME_RINVDCS == caught.value.status


# Numbers


@pytest.mark.parametrize(
    ("originator", "types"),
    [
        ("Bud", (5, 0)),
        ("Bud 2", (5, 0)),
        ("2229", (3, 0)),
        ("123456", (3, 0)),
        ("4799999999", (1, 1)),
        ("+4799999999", (1, 1)),
        ("26114123456789", (1, 1)),
    ],
)
def test_numbers_by_default(originator: str, types: tuple[int, int]) -> None:
    body, _ = write(part(originator=originator))
    assert originator.removeprefix("+") == body.source_addr
    assert types == (body.source_addr_ton, body.source_addr_npi)


def test_number_rules_of_the_link() -> None:
    rules = ({"pattern": "26114[0-9]{9}", "ton": 0, "npi": 1},)
    typed = tuple(smpp_rule(rule) for rule in rules)
    body, _ = write(part(originator="26114123456789"), originators=typed)
    assert (0, 1) == (body.source_addr_ton, body.source_addr_npi)
    body, _ = write(part(originator="Bud"), originators=typed)
    assert (0, 0) == (body.source_addr_ton, body.source_addr_npi)


def smpp_rule(rule: dict[str, Any]) -> Any:
    from budstikke.carriers.smpp.address_rules import AddressRule

    return AddressRule(**rule)


# Times


@pytest.mark.parametrize(
    ("seconds", "changes", "text"),
    [
        (3600.9, {}, "000000010000000R"),
        (0.5, {}, "000000000001000R"),
        (7 * 86_400, {"max_validity": 86_400}, "000001000000000R"),
        (3600, {"validity": "absolute"}, "261123093000000+"),
        (7 * 86_400, {"validity": "absolute", "max_validity": 60}, "261123083100000+"),
        (3600, {"validity": "none"}, ""),
    ],
)
def test_validity(seconds: float, changes: dict[str, Any], text: str) -> None:
    body, _ = write(part(expires_at=NOW + seconds), **changes)
    assert text == body.validity_period
