"""What is written, read again by others: ``email`` and ``ElementTree``."""

from email import message_from_bytes
from email.message import Message
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.mm7 import (
    Address,
    DeliveryReport,
    Schema,
    Status,
    Submit,
    laid_out,
    read_answer,
    write_error,
    write_response,
    write_submit,
)

REL_6 = "{http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-6-MM7-1-4}"
JPEG = b"\xff\xd8\xff\r\n--b\r\n\x00\xff\xd9"


def submit(text: str = "Hei på deg", *files: tuple[str, str, bytes]) -> Submit:
    return Submit(
        transaction="t-1",
        vaspid="acme",
        vasid="news",
        service_code="gold",
        sender="2229",
        recipient="+4799999999",
        subject="Sol & <måne>",
        at=1_700_000_000.0,
        expires_at=1_700_086_400.9,
        delivery_report=True,
        read_reply=False,
        pieces=laid_out(text, files),
    )


def xml_of(octets: Any) -> Any:
    return ET.fromstring(octets)  # noqa: S314 - our own


def opened(content_type: str, body: bytes) -> Message:
    return message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )


def parts_of(message: Message) -> list[Message]:
    payload = message.get_payload()
    assert isinstance(payload, list)
    return payload  # type: ignore[return-value] # of a multipart it is messages


def test_a_submission_octet_by_octet() -> None:
    written = write_submit(submit("Hei"), "b0", base64=True)
    assert (
        'multipart/related; type="text/xml"; start="<mm7-envelope>"; boundary="b0"'
        == written.content_type
    )
    assert (
        b"--b0\r\n"
        b"Content-Type: text/xml; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n"
        b"Content-ID: <mm7-envelope>\r\n"
        b"\r\n"
        b'<?xml version="1.0" encoding="utf-8"?>\n'
        b'<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/">'
        b'<env:Header><mm7:TransactionID xmlns:mm7="http://www.3gpp.org/ftp/Specs/'
        b'archive/23_series/23.140/schema/REL-6-MM7-1-4" env:mustUnderstand="1">t-1'
        b"</mm7:TransactionID></env:Header><env:Body>"
        b'<SubmitReq xmlns="http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/'
        b'schema/REL-6-MM7-1-4"><MM7Version>6.8.0</MM7Version>'
        b"<SenderIdentification><VASPID>acme</VASPID><VASID>news</VASID>"
        b"<SenderAddress><ShortCode>2229</ShortCode></SenderAddress>"
        b"</SenderIdentification>"
        b"<Recipients><To><Number>+4799999999</Number></To></Recipients>"
        b"<ServiceCode>gold</ServiceCode>"
        b"<TimeStamp>2023-11-14T22:13:20Z</TimeStamp>"
        b"<ExpiryDate>2023-11-15T22:13:20Z</ExpiryDate>"
        b"<DeliveryReport>true</DeliveryReport><ReadReply>false</ReadReply>"
        b"<Subject>Sol &amp; &lt;m\xc3\xa5ne&gt;</Subject>"
        b'<Content href="cid:mm7-content" allowAdaptations="true"/>'
        b"</SubmitReq></env:Body></env:Envelope>\n"
        b"\r\n"
        b"--b0\r\n"
        b'Content-Type: multipart/related; type="application/smil"; start="<smil>"; '
        b'boundary="b0-content"\r\n'
        b"Content-ID: <mm7-content>\r\n"
        b"\r\n"
        b"--b0-content\r\n"
    ) == written.body.partition(b"Content-Type: application/smil")[0]


@pytest.mark.parametrize("base64", [True, False])
def test_others_read_a_submission(*, base64: bool) -> None:
    files = (("bilde æ.jpg", "image/jpeg", JPEG), ("bilde æ.jpg", "image/png", b"png"))
    written = write_submit(submit("Hei på deg", *files), "b1", base64=base64)
    envelope, content = parts_of(opened(written.content_type, written.body))
    asked = xml_of(envelope.get_payload(decode=True)).find(f".//{REL_6}SubmitReq")
    assert "Sol & <måne>" == asked.findtext(f"{REL_6}Subject")
    assert "<mm7-content>" == content["content-id"]
    smil, text, first, second = parts_of(content)
    assert ["mms.smil", "text.txt", "bilde_.jpg", "bilde__2.jpg"] == [
        part["content-location"] for part in (smil, text, first, second)
    ]
    assert "Hei på deg".encode() == text.get_payload(decode=True)
    if base64:  # ``email`` does not keep octets as they are
        assert JPEG == first.get_payload(decode=True)
    else:
        assert JPEG in written.body
    shown = xml_of(smil.get_payload(decode=True))
    assert [
        [("img", "bilde_.jpg"), ("text", "text.txt")],
        [("img", "bilde__2.jpg")],
    ] == [[(one.tag, one.get("src")) for one in par] for par in shown.iter("par")]


def test_given_smil_comes_first_and_names_stay() -> None:
    smil = b'<smil><body><par><img src="A b.jpg"/></par></body></smil>'
    pieces = laid_out(
        "", [("A b.jpg", "image/jpeg", JPEG), ("s.smil", "application/smil", smil)]
    )
    assert [("application/smil", smil), ("image/jpeg", JPEG)] == [
        (piece.type, piece.data) for piece in pieces
    ]
    assert "A b.jpg" == pieces[1].name


def test_a_name_cannot_add_a_header() -> None:
    evil = ("a\r\nX-Evil: 1\r\n\r\n.jpg", "image/jpeg\r\nX-Evil: 2", b"")
    smil = ("s", "application/smil", b"<smil/>")
    body = write_submit(submit("", evil, smil), "b", base64=False).body
    assert b"\r\nX-Evil" not in body


def test_texts_are_what_they_are_said_to_be() -> None:
    files = [("a.txt", "text/plain", b"5 \x80"), ("b.txt", "text/plain", "å".encode())]
    assert [("5 €", "utf-8"), ("å", "utf-8")] == [
        (piece.data.decode(), piece.charset) for piece in laid_out("", files)[1:]
    ]


def test_a_submission_in_another_schema() -> None:
    schema = Schema("urn:rel-5", "5.3.0")
    body = write_submit(submit()._replace(schema=schema), "b", base64=True).body
    assert b'<SubmitReq xmlns="urn:rel-5"><MM7Version>5.3.0</MM7Version>' in body
    assert b'TransactionID xmlns:mm7="urn:rel-5"' in body
    assert b"REL-6" not in body


def test_a_sender_may_be_left_to_the_mmsc() -> None:
    body = write_submit(submit()._replace(sender=""), "b", base64=True).body
    assert b"SenderAddress" not in body
    long = write_submit(submit()._replace(sender="4790000000"), "b", base64=True).body
    assert b"<Number>4790000000</Number></SenderAddress>" in long


def test_a_response() -> None:
    report = DeliveryReport("t<2", "m", Address("Number", "1"), "Expired", "", "", None)
    written = write_response(report, Status.SUCCESS)
    assert "text/xml; charset=utf-8" == written.content_type
    root = xml_of(written.body)
    assert "t<2" == root.findtext(f".//{REL_6}TransactionID")
    found = root.find(f".//{REL_6}DeliveryReportRsp")
    assert "1000" == found.findtext(f"{REL_6}Status/{REL_6}StatusCode")


@given(st.text(max_size=50), st.sampled_from([2000, 2007, 3000, 4006]), st.text())
def test_errors_are_faults_that_can_be_read(
    transaction: str, code: int, detail: str
) -> None:
    written = write_error(transaction, Status(code), detail)
    root = xml_of(written.body)
    soap = "{http://schemas.xmlsoap.org/soap/envelope/}"
    fault = root.find(f"{soap}Body/{soap}Fault")
    assert ("env:Client" if code < 3000 else "env:Server") == fault.findtext(
        "faultcode"
    )
    assert code == read_answer(written.content_type, written.body).code
