"""What MMSCs write, in all its spellings; and what nobody should."""

import zlib
from base64 import encodebytes
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budstikke.mm7 import (
    Address,
    Answer,
    Deliver,
    DeliveryReport,
    Piece,
    ReadReply,
    Refused,
    Schema,
    Status,
    Submit,
    laid_out,
    read_answer,
    read_request,
    write_submit,
)
from budstikke.mm7.multipart import MOST_PARTS

SCHEMA = "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/"
REL_5 = SCHEMA + "REL-5-MM7-1-0"
REL_6 = SCHEMA + "REL-6-MM7-1-4"
XML = "text/xml; charset=utf-8"
RELATED = 'multipart/related; boundary="out"; type="text/xml"; start="<env>"'


def envelope(body: str, schema: str = REL_6) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/">
 <soap-env:Header>
  <mm7:TransactionID xmlns:mm7="{schema}" soap-env:mustUnderstand="1">
   tx-17
  </mm7:TransactionID>
 </soap-env:Header>
 <soap-env:Body>{body}</soap-env:Body>
</soap-env:Envelope>""".encode()


def deliver(inner: str, schema: str = REL_6) -> bytes:
    return envelope(
        f'<mm7:DeliverReq xmlns:mm7="{schema}"><mm7:MM7Version>6.8.0</mm7:MM7Version>'
        f"<mm7:MMSRelayServerID>relay</mm7:MMSRelayServerID>{inner}</mm7:DeliverReq>",
        schema,
    )


FROM_TO = (
    "<mm7:Sender><mm7:Number>+4790000001</mm7:Number></mm7:Sender>"
    "<mm7:Recipients><mm7:To><mm7:ShortCode>2229</mm7:ShortCode></mm7:To>"
    "</mm7:Recipients><mm7:TimeStamp>2023-11-14T23:13:20+01:00</mm7:TimeStamp>"
    "<mm7:Subject>Bilde</mm7:Subject>"
)
CONTENT = '<mm7:Content href="cid:content%40mmsc"/>'


def body(xml: bytes, rest: bytes) -> bytes:
    return (
        b"ignored\r\n--out\r\nContent-Type: text/xml\r\nContent-ID: <env>\r\n\r\n"
        + xml
        + b"\r\n--out\r\n"
        + rest
        + b"\r\n--out--\r\nignored, too"
    )


NESTED = (
    b"Content-Type: multipart/mixed; boundary=in\r\nContent-ID: <content@mmsc>\r\n\r\n"
    b"--in\r\nContent-Type: application/smil; charset=utf-8\r\n"
    b"Content-Location: a.smil\r\n\r\n<smil/>\r\n"
    b"--in\r\nContent-Type: text/plain; charset=iso-8859-1; name=t.txt\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nHei p=E5\r\n"
    b"--in\r\nContent-Type: image/jpeg\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''b%C3%A5t.jpg\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
    + encodebytes(b"\xff\xd8\r\n\x00")
    + b"--in\r\nContent-Type: image/gif\r\nContent-ID: <gif>\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\nGIF8\r\n--i\r\r\n\x00\n\r\n"
    b"--in--"
)


def test_an_mms_from_a_phone() -> None:
    asked = read_request(RELATED, body(deliver(FROM_TO + CONTENT), NESTED))
    assert isinstance(asked, Deliver)
    assert ("tx-17", "Bilde", 1_700_000_000.0) == (
        asked.transaction,
        asked.subject,
        asked.at,
    )
    assert "+4790000001" == asked.sender.international
    assert (Address("ShortCode", "2229"),) == asked.recipients
    assert [
        ("application/smil", b"<smil/>", "a.smil"),
        ("text/plain", b"Hei p\xe5", "t.txt"),
        ("image/jpeg", b"\xff\xd8\r\n\x00", "båt.jpg"),
        ("image/gif", b"GIF8\r\n--i\r\r\n\x00\n", ""),
    ] == [(piece.type, piece.data, piece.name) for piece in asked.pieces]
    assert "iso-8859-1" == asked.pieces[1].charset


def test_release_5_with_bare_addresses_and_one_part() -> None:
    inner = "<mm7:Sender>4790000001/TYPE=PLMN</mm7:Sender>"
    rest = b"Content-Type: image/png\r\n\r\n\x89PNG"
    asked = read_request(RELATED, body(deliver(inner, REL_5), rest))
    assert isinstance(asked, Deliver)
    assert ("+4790000001", (), None) == (
        asked.sender.international,
        asked.recipients,
        asked.at,
    )
    assert [Piece("image/png", b"\x89PNG", content_type="image/png")] == list(
        asked.pieces
    )


def test_an_mms_without_content_or_namespace() -> None:
    xml = envelope("<DeliverReq><Sender><Number>1</Number></Sender></DeliverReq>")
    asked = read_request(XML, xml)
    assert isinstance(asked, Deliver)
    assert () == asked.pieces


@pytest.mark.parametrize("schema", [REL_5, REL_6])
def test_a_delivery_report(schema: str) -> None:
    xml = envelope(
        f"""<DeliveryReportReq xmlns="{schema}"><MM7Version>6.8.0</MM7Version>
        <MMSRelayServerID>r</MMSRelayServerID><MessageID> 0X12 </MessageID>
        <Recipient><Number>4799999999</Number></Recipient>
        <Sender><ShortCode>2229</ShortCode></Sender>
        <Date>2023-11-14T22:13:20Z</Date><MMStatus>Rejected</MMStatus>
        <MMStatusExtension>RejectionByMMSRecipient</MMStatusExtension>
        <StatusText>no</StatusText></DeliveryReportReq>""",
        schema,
    )
    assert DeliveryReport(
        "tx-17",
        "0X12",
        Address("Number", "4799999999"),
        "Rejected",
        "RejectionByMMSRecipient",
        "no",
        1_700_000_000.0,
        Schema(schema, "6.8.0"),
    ) == read_request(XML, xml)


def test_a_read_reply() -> None:
    xml = envelope(
        f"""<ReadReplyReq xmlns="{REL_6}"><MessageID>m</MessageID>
        <TimeStamp>2023-11-14T22:13:20</TimeStamp><MMStatus>Read</MMStatus>
        </ReadReplyReq>"""
    )
    assert ReadReply("tx-17", "m", "Read", 1_700_000_000.0) == read_request(XML, xml)


DOCTYPE = b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x">'
LONG_HEAD = b"--out\r\nX: " + b"x" * 9000 + b"\r\n\r\n\r\n--out--"


@pytest.mark.parametrize(
    ("content_type", "octets", "status"),
    [
        (XML, b"", Status.FORMAT_CORRUPT),
        (XML, b"<a>", Status.FORMAT_CORRUPT),
        (XML, b"<a/>", Status.FORMAT_CORRUPT),
        (XML, envelope(""), Status.FORMAT_CORRUPT),
        (XML, envelope("<CancelReq/>"), Status.UNSUPPORTED_OPERATION),
        (XML, envelope("<DeliverReq/>"), Status.FORMAT_CORRUPT),
        (XML, envelope("<ReadReplyReq/>"), Status.FORMAT_CORRUPT),
        (XML, DOCTYPE + envelope("<a/>")[40:], Status.FORMAT_CORRUPT),
        (XML, b'<?xml version="1.0" encoding="utf-7"?><a/>', Status.FORMAT_CORRUPT),
        (XML, envelope("<a>" + "x" * 300_000 + "</a>"), Status.FORMAT_CORRUPT),
        (XML, envelope("<a/>" * 30_000), Status.FORMAT_CORRUPT),
        ("multipart/related", b"--\r\n\r\n----", Status.FORMAT_CORRUPT),
        (RELATED, body(envelope(""), b"")[:200], Status.FORMAT_CORRUPT),
        (RELATED, b"--out--", Status.FORMAT_CORRUPT),
        (RELATED, LONG_HEAD, Status.FORMAT_CORRUPT),
        (RELATED, b"--out\r\n\r\n" * 200 + b"--out--", Status.FORMAT_CORRUPT),
        (
            RELATED,
            body(deliver(FROM_TO), b"Content-Transfer-Encoding: base64\r\n\r\nA"),
            Status.FORMAT_CORRUPT,
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read(content_type: str, octets: bytes, status: Status) -> None:
    with pytest.raises(Refused) as refused:
        read_request(content_type, octets)
    assert status is refused.value.status


def test_parts_do_not_nest_for_ever() -> None:
    inside = b"Content-Type: text/plain\r\n\r\nx"
    for depth in range(10):
        name = b"b%d" % depth
        inside = (
            b"Content-Type: multipart/mixed; boundary=" + name + b"\r\n\r\n--" + name
            + b"\r\n" + inside + b"\r\n--" + name + b"--"
        )  # fmt: skip
    with pytest.raises(Refused):
        read_request(RELATED, body(deliver(FROM_TO), inside))


def test_many_parts_within_parts() -> None:
    one = b"Content-Type: multipart/mixed; boundary=in\r\n\r\n"
    some = b"--in\r\n\r\nx\r\n" * (MOST_PARTS // 2) + b"--in--"
    rest = b"\r\n--out\r\n".join([one + some] * 3)
    with pytest.raises(Refused):
        read_request(RELATED, body(deliver(FROM_TO), rest))


def test_answers() -> None:
    taken = envelope(
        f'<SubmitRsp xmlns="{REL_5}"><MM7Version>5.3.0</MM7Version><Status>'
        "<StatusCode>1000</StatusCode><StatusText>Success</StatusText></Status>"
        "<MessageID>041502073667</MessageID></SubmitRsp>"
    )
    assert Answer(1000, "1000 Success", "041502073667") == read_answer(XML, taken)
    fault = envelope(
        "<Fault><faultcode>Client</faultcode><faultstring>Client error</faultstring>"
        f'<detail><RSErrorRsp xmlns="{REL_6}"><MM7Version>6.8.0</MM7Version><Status>'
        "<StatusCode>4006</StatusCode><StatusText>Busy</StatusText>"
        "<Details><x>try again</x></Details></Status></RSErrorRsp></detail></Fault>"
    )
    assert Answer(4006, "4006 Busy try again") == read_answer(XML, fault)
    bare = envelope("<Fault><faultstring>no such operation</faultstring></Fault>")
    assert Answer(0, "no such operation") == read_answer(XML, bare)
    assert 0 == read_answer("text/html", b"<html>502</html>").code
    odd = taken.replace(b"1000<", "١٠٠٠<".encode())
    assert 0 == read_answer(XML, odd).code


texts = st.text(max_size=30)
files = st.lists(
    st.tuples(
        texts,
        st.sampled_from(["image/jpeg", "text/plain", "audio/amr", "application/smil"]),
        st.binary(max_size=60),
    ),
    max_size=4,
)


@pytest.mark.parametrize("base64", [True, False])
@given(texts, files)
@example("", [("a", "image/png", b"\r\n--out\r\n--inside--\r\n")])
def test_what_is_written_is_read(
    base64: bool,  # noqa: FBT001 - pytest gives it
    text: str,
    given_files: list[tuple[str, str, bytes]],
) -> None:
    """Send an MMS to ourselves: the parts of a submission are those of a delivery."""
    text = text.encode("utf-8", "replace").decode()
    pieces = laid_out(text, given_files)
    mms = Submit("t", "v", "", "", "1", "+47", "", 0.0, 0.0, False, False, pieces)
    boundary = f"budstikke-{zlib.crc32(repr(given_files).encode()):x}"
    written = write_submit(mms, boundary, base64=base64)
    asked = written.body.replace(b"SubmitReq", b"DeliverReq")
    asked = asked.replace(b"<MM7Version>", b"<Sender>1</Sender><MM7Version>")
    found = read_request(written.content_type, asked)
    assert isinstance(found, Deliver)
    assert [(piece.type, piece.data) for piece in pieces] == [
        (piece.type, piece.data) for piece in found.pieces
    ]


GOOD = body(deliver(FROM_TO + CONTENT), NESTED)


@given(
    st.integers(0, len(GOOD) - 1),
    st.binary(max_size=8),
    st.integers(0, 8),
    st.sampled_from([RELATED, XML, "multipart/mixed; boundary=in", ""]),
)
def test_what_is_broken_is_refused_and_never_raises(
    at: int, instead: bytes, cut: int, content_type: str
) -> None:
    octets = GOOD[:at] + instead + GOOD[at + cut :]
    read_answer(content_type, octets)
    with suppress(Refused):
        read_request(content_type, octets)


@given(st.binary(max_size=300), st.text(max_size=60))
def test_junk_never_raises(octets: bytes, content_type: str) -> None:
    for kind in (content_type, RELATED):
        read_answer(kind, octets)
        with pytest.raises(Refused):
            read_request(kind, octets)
        with pytest.raises(Refused):
            read_request(kind, b"--out\r\n" + octets + b"\r\n--out--")


@pytest.mark.parametrize(
    ("kind", "value", "digits", "international"),
    [
        ("Number", "+47 900 00 001", "4790000001", "+4790000001"),
        ("Number", "004790000001", "004790000001", "+4790000001"),
        ("Number", "2229", "2229", "2229"),
        ("ShortCode", "+12345678901", "12345678901", "12345678901"),
        ("RFC2822Address", "+4790000001/TYPE=PLMN@mms.x", "4790000001", "+4790000001"),
        ("RFC2822Address", "kari@example.com", "", "kari@example.com"),
        ("Number", "٣٣٣٣٣٣٣٣٣", "", "٣٣٣٣٣٣٣٣٣"),
    ],
)
def test_addresses(kind: str, value: str, digits: str, international: str) -> None:
    address = Address(kind, value)
    assert (digits, international) == (address.digits, address.international)
