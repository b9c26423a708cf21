"""Parts of texts from phones: read, joined, and never lost."""

from __future__ import annotations

from operator import itemgetter
from time import process_time
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.inbound import InboundPart, Kind
from budstikke.domain.reassembly import (
    GAP,
    Alphabet,
    PartPosition,
    PhoneText,
    alphabet,
    digest,
    generations,
    join,
    read,
)
from budstikke.domain.text import (
    GSM_CHARACTERS,
    gsm_encode,
    udh_concat8,
    udh_concat16,
    udh_national,
)


def part(payload: bytes, data_coding: int = 0, **others: Any) -> InboundPart:
    usual: dict[str, Any] = {"udhi": False, "tlvs": {}, "at": 1_700_000_000.0}
    return InboundPart(
        "+4790000001",
        "2229",
        data_coding,
        payload=payload,
        **usual | others,
    )


def headed(header: bytes, body: bytes, data_coding: int = 0) -> InboundPart:
    return part(header + body, data_coding, udhi=True)


def whole(given: InboundPart) -> PhoneText:
    piece = read(given)
    assert piece.position is None
    return join([piece])


def sms(text: str) -> PhoneText:
    return PhoneText(Kind.SMS, text)


# One part


@pytest.mark.parametrize(
    ("payload", "data_coding", "text"),
    [
        (b"Hei p\x0f\x00", 0x00, "Hei på@"),
        (b"\x1b\x65 \x1b\x3c\x1b\x3e", 0x00, "€ []"),
        (b"Hei", 0x01, "Hei"),
        (b"p\xe5", 0x01, "på"),
        (b"p\xe5 \xa7", 0x03, "på §"),
        (b"bl\xe5 \x80 @$_", 0x00, "blå € @$_"),  # Latin-1 that is called septets
        (b"\x0f \x80 @", 0x00, "å \ufffd ¡"),  # septets, one of them damaged
        ("blåbær".encode(), 0x00, "blåbær"),
        ("blåbær".encode(), 0x01, "blåbær"),
        ("blåbær".encode(), 0x03, "blåbær"),
        (b"\xef\xbb\xbfHei", 0x00, "Hei"),
        (b"\xef\xbb\xbfHei", 0x03, "Hei"),
        (b"\xef\xbb\xbfHei", 0x08, "Hei"),
        (b"\xfe\xff\x00H\x00e\x00i", 0x00, "Hei"),
        (b"\xff\xfeH\x00e\x00i\x00", 0xF0, "Hei"),
        (b"\xff\xfeH\x00e\x00i\x00", 0x03, "Hei"),
        ("Привет".encode("iso8859-5"), 0x06, "Привет"),
        ("שלום".encode("iso8859-8"), 0x07, "שלום"),
        ("Hei 🎉".encode("utf-16-be"), 0x08, "Hei 🎉"),
        (b"\xfe\xff\x00H", 0x08, "H"),
        (b"\x00H\x00", 0x08, "H\ufffd"),
        (b"\xd8\x3c\x00!", 0x08, "\ufffd!"),
        (b"Hei", 0x10, "Hei"),
        (b"\x00H", 0x18, "H"),
        (b"\x00H", 0x1B, "H"),
        (b"Hei\x02", 0x1C, "Hei$"),
        (b"\x00H", 0x4A, "H"),
        (b"\x00H", 0x58, "H"),
        (b"Hei\x02", 0x4F, "Hei$"),
        (b"Hei\x02", 0x80, "Hei$"),
        (b"Hei\x02", 0x84, "Hei$"),
        (b"Hei\x02", 0x98, "Hei$"),
        (b"Hei\x02", 0xBF, "Hei$"),
        (b"Hei\x02", 0xF8, "Hei$"),
        (b"\xff\xfe\x42\x00\x6c\x00", 0x08, "Bl"),
        (b"\xff\xfe\x42\x00\x6c\x00", 0x48, "Bl"),
        (b"\xff\xfe\x42\x00\x6c\x00", 0xE8, "Bl"),
        (b"\xff\xfe\x3c\xd8\x89\xdf", 0x08, "🎉"),
        (b"\xff\xfe", 0x08, ""),
        (b"\xff", 0x08, "\ufffd"),
        (b"100 \x80\x85 \x93\x94", 0x01, "100 €… “”"),
        (b"100 \x80\x85 \x93\x94", 0x03, "100 €… “”"),
        (b"Hei", 0x51, "Hei"),
        (b"Hei", 0xC8, "Hei"),
        (b"Hei", 0xD0, "Hei"),
        (b"\x00H", 0xE0, "H"),
        (b"Hei", 0xF0, "Hei"),
        (b"Hei", 0xF3, "Hei"),
        (b"a\0b", 0x03, "ab"),
        (b"", 0x00, ""),
    ],
)
def test_alphabets(payload: bytes, data_coding: int, text: str) -> None:
    assert sms(text) == whole(part(payload, data_coding))


@pytest.mark.parametrize(
    "data_coding",
    [
        *(0x02, 0x04, 0x05, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F),
        *(0x14, 0x17, 0x44, 0x54, 0xF4, 0xF5, 0xF6, 0xFC, 0xFF),
        *range(0x20, 0x40),  # compressed
        *range(0x60, 0x80),
    ],
)
def test_what_is_no_text_is_kept(data_coding: int) -> None:
    assert Alphabet.BINARY is alphabet(data_coding)
    wanted = PhoneText(Kind.BINARY, "", "00ff1b")
    assert wanted == whole(part(b"\x00\xff\x1b", data_coding))


@pytest.mark.parametrize("text", ["Hei på deg, så fint!", "Привет", "שלום", "你好吗"])
def test_ucs2_with_the_bit_for_a_header_and_none(text: str) -> None:
    given = part(text.encode("utf-16-be"), 8, udhi=True)
    assert sms(text) == whole(given)


@pytest.mark.parametrize("text", [b"@kari hei", b"Hei, dette er en test"])
def test_latin1_with_the_bit_for_a_header_and_none(text: bytes) -> None:
    assert sms(text.decode()) == whole(part(text, 3, udhi=True))


def test_no_header_and_parameters_that_join() -> None:
    octets = [b"Hei, dette er f\x0frst", b"\x00 og dette s\x0c"]
    parts = [
        part(each, udhi=True, tlvs={0x20C: b"\1", 0x20E: b"\2", 0x20F: b"%c" % number})
        for number, each in enumerate(octets, 1)
    ]
    assert [sms("Hei, dette er fårst@ og dette sø")] == joined(parts, 2)


@pytest.mark.parametrize("tag", [0x020A, 0x020B])
@pytest.mark.parametrize("data_coding", [0, 3, 8])
def test_ports_in_parameters_make_it_binary(tag: int, data_coding: int) -> None:
    tlvs = {tag: b"\x23\xf0"}
    wanted = PhoneText(Kind.BINARY, "", b"BEG".hex())
    assert wanted == whole(part(b"BEG", data_coding, tlvs=tlvs))
    parts = [
        part(udh_concat8(1, 2, number) + body, data_coding, udhi=True, tlvs=tlvs)
        for number, body in ((1, b"BE"), (2, b"G"))
    ]
    assert [wanted] == joined(parts, 2)


def test_ports_make_it_binary_whatever_it_says() -> None:
    ports = bytes.fromhex("06050423f40000")
    assert PhoneText(Kind.BINARY, "", "06050423f40000424547") == whole(
        headed(ports, b"BEG")
    )
    small = bytes.fromhex("0404020101")
    assert Kind.BINARY is whole(headed(small, b"x", 8)).kind


def test_binary_in_parts_keeps_one_header() -> None:
    ports = "050423f40000"
    parts = [
        headed(bytes.fromhex(f"0b{ports}00030702{number:02x}"), body, 4)
        for number, body in ((1, b"\x01\x02"), (2, b"\x03"))
    ]
    pieces = [read(each) for each in parts]
    assert [PartPosition("8:7", 2, 1), PartPosition("8:7", 2, 2)] == [
        each.position for each in pieces
    ]
    assert PhoneText(Kind.BINARY, "", f"06{ports}010203") == join(pieces)
    assert PhoneText(Kind.BINARY, "", f"06{ports}03", 1) == join([None, pieces[1]])


@pytest.mark.parametrize(
    ("tables", "text"),
    [((1, 0), "ğşıİ"), ((0, 1), "ğş€"), ((0, 3), "ÁÉ"), ((3, 3), "ção")],
)
def test_national_tables(tables: tuple[int, int], text: str) -> None:
    body = gsm_encode(text, tables)
    for data_coding in (0, 1):
        assert sms(text) == whole(headed(udh_national(tables), body, data_coding))


def test_national_tables_are_of_septets_only() -> None:
    assert sms("€") == whole(headed(udh_national((1, 1)), b"\x20\xac", 8))
    assert sms("\xe5") == whole(headed(udh_national((1, 1)), b"\xe5", 3))


# Which part it is


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (headed(udh_concat8(7, 3, 2), b"x"), PartPosition("8:7", 3, 2)),
        (headed(udh_concat16(7, 3, 2), b"x"), PartPosition("16:7", 3, 2)),
        (headed(udh_concat16(0xABCD, 3, 2), b"x"), PartPosition("16:43981", 3, 2)),
        (headed(udh_concat8(7, 2, 1, (1, 1)), b"x"), PartPosition("8:7", 2, 1)),
        (headed(udh_concat8(7, 1, 1), b"x"), None),
        (
            part(b"x", tlvs={0x20C: b"\x01\x02", 0x20E: b"\x02", 0x20F: b"\x01"}),
            PartPosition("sar:258", 2, 1),
        ),
        (part(b"x", tlvs={0x20C: b"\1", 0x20E: b"\2", 0x20F: b"\3"}), None),
        (part(b"x", tlvs={0x20C: b"\1", 0x20E: b"\0", 0x20F: b"\0"}), None),
        (part(b"x", tlvs={0x20C: b"\1"}), None),
        (part(b"x", tlvs={0x20E: b"\2", 0x20F: b"\1"}), None),
    ],
)
def test_places(given: InboundPart, place: PartPosition | None) -> None:
    assert place == read(given).position


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("0500030702030048656a", "@Hej"),  # part 3 of 2
        ("05000307000048656a", "Hej"),  # part 0 of 0
        ("0500030702", "é@¥ì$"),  # a header that is cut off: part of the text
        ("ff48656a", "ÿHej"),
        ("05", "é"),
        ("0048656a", "@Hej"),  # an empty one says nothing
        ("00", "@"),
        ("48656920706120646567", "Hei pa deg"),
        ("0648656a206465672121", "ùHej deg!!"),  # no elements fill it
        ("", ""),
    ],
)
def test_headers_that_cannot_be(payload: str, text: str) -> None:
    assert sms(text) == whole(part(bytes.fromhex(payload), udhi=True))


def test_digests() -> None:
    one = part(b"Hei")
    assert digest(one) == digest(part(b"Hei", at=5.0))
    others = [part(b"Hej"), part(b"Hei", 1), part(b"Hei", udhi=True)]
    assert 4 == len({digest(each) for each in (one, *others)})


# Several


class Held(NamedTuple):
    """As the store keeps them."""

    number: int
    digest: str
    part: InboundPart


def hold(parts: list[InboundPart]) -> list[Held]:
    """Keep each once, as the store does, in the order in which they came."""
    kept: dict[tuple[int, str], Held] = {}
    for each in parts:
        place = read(each).position
        assert place is not None
        row = Held(place.number, digest(each), each)
        kept.setdefault((row.number, row.digest), row)
    return list(kept.values())


def joined(parts: list[InboundPart], total: int) -> list[PhoneText]:
    return [
        join([read(text[n].part) if n in text else None for n in range(1, total + 1)])
        for text in generations(hold(parts), lambda row: row.number)
    ]


def test_an_escape_and_a_surrogate_cut_in_two() -> None:
    septets = [udh_concat8(1, 2, 1) + b"5 \x1b", udh_concat8(1, 2, 2) + b"\x65!"]
    assert [sms("5 €!")] == joined([part(each, udhi=True) for each in septets], 2)
    high, low = "🎉".encode("utf-16-be")[:2], "🎉".encode("utf-16-be")[2:]
    halves = [udh_concat16(1, 2, 2) + low, udh_concat16(1, 2, 1) + high]
    assert [sms("🎉")] == joined([part(each, 8, udhi=True) for each in halves], 2)


def marked(number: int, text: str, order: str, mark: bytes = b"") -> InboundPart:
    return headed(udh_concat8(1, 3, number), mark + text.encode(order), 8)


@pytest.mark.parametrize("again", [b"", b"\xff\xfe"])
def test_a_mark_in_the_first_part_is_of_all_of_them(again: bytes) -> None:
    parts = [
        marked(2, "to ", "utf-16-le", again),
        marked(1, "Blå ", "utf-16-le", b"\xff\xfe"),
        marked(3, "tre", "utf-16-le", again),
    ]
    assert [sms("Blå to tre")] == joined(parts, 3)
    del parts[0]
    assert [PhoneText(Kind.SMS, f"Blå {GAP}tre", "", 1)] == joined(parts, 3)


def test_a_mark_of_big_endian_in_each_part_is_no_text() -> None:
    parts = [
        marked(number, text, "utf-16-be", b"\xfe\xff")
        for number, text in ((1, "Blå "), (2, "to "), (3, "tre"))
    ]
    assert [sms("Blå to tre")] == joined(parts, 3)


def test_a_marked_text_cut_within_a_character() -> None:
    octets = b"\xff\xfe" + "Hei 🎉!".encode("utf-16-le")
    parts = [
        headed(udh_concat8(1, 3, number), body, 8)
        for number, body in enumerate((octets[:11], octets[11:13], octets[13:]), 1)
    ]
    assert [sms("Hei 🎉!")] == joined(parts, 3)


def test_what_looks_like_a_mark_within_a_character_is_text() -> None:
    octets = "Hei þ\uff41".encode("utf-16-be")  # ... 00 | FE FF 41
    parts = [
        headed(udh_concat8(1, 2, number), body, 8)
        for number, body in ((1, octets[:9]), (2, octets[9:]))
    ]
    assert [sms("Hei þ\uff41")] == joined(parts, 2)


def test_parts_of_several_alphabets() -> None:
    parts = [
        headed(udh_concat8(1, 3, 1), b"Hei "),
        headed(udh_concat8(1, 3, 2), "Ж".encode("utf-16-be"), 8),
        headed(udh_concat8(1, 3, 3, (1, 0)), gsm_encode("ğ", (1, 0))),
    ]
    assert [sms("Hei Жğ")] == joined(parts, 3)


def test_parts_that_never_came() -> None:
    def piece(number: int) -> InboundPart:
        return headed(udh_concat8(1, 5, number), b"%d" % number)

    assert [PhoneText(Kind.SMS, f"1{GAP}3{GAP}", "", 3)] == joined(
        [piece(1), piece(3)], 5
    )
    assert [PhoneText(Kind.SMS, f"{GAP}5", "", 4)] == joined([piece(5)], 5)


def test_two_texts_with_one_reference() -> None:
    def piece(number: int, text: bytes) -> InboundPart:
        return headed(udh_concat8(1, 2, number), text)

    parts = [piece(1, b"a"), piece(2, b"b"), piece(2, b"d"), piece(1, b"c")]
    assert [sms("ab"), sms("cd")] == joined(parts, 2)


TEXTS = st.one_of(
    st.tuples(st.text(GSM_CHARACTERS, min_size=2), st.just((0, 0)), st.just(0)),
    st.tuples(st.text(min_size=2), st.just((0, 0)), st.just(8)),
    st.tuples(st.text("ğşıİ€{abc}", min_size=2), st.just((1, 1)), st.just(0)),
    st.tuples(st.text("çÊÁ€{abc}", min_size=2), st.just((3, 3)), st.just(0)),
)


@given(TEXTS, st.sampled_from(["8", "16", "sar"]), st.data())
def test_any_text_split_anywhere_in_any_order_with_duplicates(
    given: tuple[str, tuple[int, int], int], how: str, data: st.DataObject
) -> None:
    text, tables, data_coding = given
    text = text.translate(dict.fromkeys((0, 0xFEFF, 0xFFFE), "x"))
    octets = text.encode("utf-16-be") if data_coding else gsm_encode(text, tables)
    points = st.integers(0, len(octets))
    cuts = sorted(data.draw(st.lists(points, min_size=1, max_size=8)))
    ends = zip([0, *cuts], [*cuts, len(octets)], strict=True)
    bodies = [octets[start:end] for start, end in ends]
    parts = []
    for number, body in enumerate(bodies, 1):
        if how == "sar":
            tlvs = {
                0x20C: b"\0\x09",
                0x20E: bytes((len(bodies),)),
                0x20F: b"%c" % number,
            }
            header = udh_national(tables)
            parts.append(part(header + body, data_coding, udhi=bool(header), tlvs=tlvs))
        else:
            make = udh_concat8 if how == "8" else udh_concat16
            header = make(300, len(bodies), number, tables)
            parts.append(headed(header, body, data_coding))
    again = data.draw(st.lists(st.sampled_from(parts), max_size=5))
    came = data.draw(st.permutations(parts + again))
    assert [sms(text)] == joined(list(came), len(bodies))


@given(
    payload=st.binary(max_size=40),
    data_coding=st.integers(0, 255),
    udhi=st.booleans(),
    tlvs=st.dictionaries(st.sampled_from([0x20C, 0x20E, 0x20F]), st.binary(max_size=5)),
)
def test_anything_can_be_read(
    *, payload: bytes, data_coding: int, udhi: bool, tlvs: dict[int, bytes]
) -> None:
    piece = read(part(payload, data_coding, udhi=udhi, tlvs=tlvs))
    reading = join([piece])
    reading.text.encode()
    assert piece.body == payload[len(payload) - len(piece.body) :]
    if piece.position is not None:
        assert 1 <= piece.position.number <= piece.position.total <= 255


@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=24),
)
def test_every_part_is_in_one_text_and_copies_only_fill(
    parts: list[tuple[int, bool]],
) -> None:
    rows = list(enumerate(parts))
    found = generations(rows, lambda row: row[1][0], lambda row: row[1][1])
    assert rows == sorted(row for text in found for row in text.values())
    own = [
        {number: row for number, row in text.items() if not row[1][1]} for text in found
    ]
    without = generations([row for row in rows if not row[1][1]], lambda row: row[1][0])
    assert without == [text for text in own if text]


def test_many_parts_of_one_number_are_many_texts() -> None:
    parts = [(1, each) for each in range(20_000)] + [(2, 0)]
    started = process_time()
    found = generations(parts, itemgetter(0))
    assert process_time() - started < 1.0
    assert [{1: (1, 0), 2: (2, 0)}, *({1: part} for part in parts[1:-1])] == found
