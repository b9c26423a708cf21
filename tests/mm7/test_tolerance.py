"""What MMSCs really write, and the standards allow or their authors overlooked."""

from __future__ import annotations

from base64 import b64encode, encodebytes

import pytest

from budstikke.mm7 import (
    DEFAULT,
    Address,
    Answer,
    Deliver,
    Refused,
    Schema,
    Status,
    read_answer,
    read_request,
    write_error,
    write_response,
)
from budstikke.mm7.multipart import Malformed, leaves, split
from budstikke.mm7.reading import MOST_ADDRESSEES
from mm7.test_reading import (
    CONTENT,
    FROM_TO,
    REL_5,
    REL_6,
    RELATED,
    SCHEMA,
    XML,
    body,
    deliver,
    envelope,
)


def told(content_type: str, octets: bytes) -> Deliver:
    asked = read_request(content_type, octets)
    assert isinstance(asked, Deliver)
    return asked


def refused(octets: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read_request(XML, octets)
    return caught.value


# Envelopes and what is said of their characters


def said(declared: str, octets: bytes) -> bytes:
    """Put a declaration before an envelope in any encoding of eight bits."""
    return b'<?xml version="1.0" encoding="%s"?>' % declared.encode() + octets


def subject(text: str) -> str:
    return deliver(FROM_TO.replace("Bilde", text)).decode().partition("?>")[2]


@pytest.mark.parametrize(
    "declared", ["utf-16", "UTF-16LE", "ucs-2", "iso-8859-1", "euc-kr", "GB2312", "x"]
)
def test_an_envelope_that_is_utf_8_whatever_it_declares(declared: str) -> None:
    octets = said(declared, subject("Bålet").encode())
    assert told(XML, octets).subject == "Bålet"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("declared", ["utf-16", "UTF-8", "us-ascii"])
def test_an_envelope_of_wide_characters(codec: str, declared: str) -> None:
    text = f'\n<?xml version="1.0" encoding="{declared}"?>\r\n' + subject("Bålet 😀")
    assert told("text/xml", text.encode(codec)).subject == "Bålet 😀"


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("euc-kr", "euc-kr", "사진"),
        ("GB2312", "gb2312", "照片"),
        ("Shift_JIS", "shift_jis", "写真です"),
        ("iso-8859-1", "cp1252", "Bålet – 5 €"),
        ("utf-8", "cp1252", "Bålet"),
        ("utf-16", "cp1252", "Bålet"),
        ("windows-1251", "cp1251", "Фото"),
    ],
)
def test_an_envelope_in_the_encoding_that_it_declares(
    declared: str, codec: str, text: str
) -> None:
    octets = said(declared, subject(text).encode(codec))
    assert told("text/xml", octets).subject == text


def test_the_charset_of_http_counts_where_nothing_is_declared() -> None:
    octets = subject("사진").encode("euc-kr")
    assert told("text/xml; charset=EUC-KR", octets).subject == "사진"


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-be", "utf-16-le", "utf-32"])
def test_a_document_type_is_refused_in_every_encoding(codec: str) -> None:
    laughs = '<!DOCTYPE a [<!ENTITY b "haha"><!ENTITY c "&b;&b;">]>'
    octets = (laughs + subject("&c;")).encode(codec)
    assert refused(octets).status is Status.FORMAT_CORRUPT


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tom & Jerry", "Tom & Jerry"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("B&aring;let&nbsp;nå", "Bålet\xa0nå"),
        ("&unknown; &b", "&unknown; &b"),
        ("Sol &#55357;&#56832;", "Sol 😀"),
        ("Sol &#xD83D;&#xDE00;", "Sol 😀"),
        ("Sol\x00 &#0;og\x0b m&#229;ne&#x1f;", "Sol og måne"),
        ("&#xD83D; &#9999999;.", "\ufffd ."),
        ("=?utf-8?B?" + b64encode("Bålet".encode()).decode() + "?=", "Bålet"),
        ("=?utf-8?B?QsOlbGV0?=", "Bålet"),
        ("=?UTF-8?Q?B=C3=A5let_n=C3=A5?=", "Bålet nå"),
        ("=?iso-8859-1?q?B=E5let =80?= !", "Bålet € !"),
        ("=?utf-8?B?QsM?= =?utf-8?B?pWxldA?=", "Bålet"),
        ("=?utf-8?Q?a?=\r\n =?iso-8859-1?Q?=E5?=", "aå"),
        ("=?nonsense?Q?=C3=A5?= =?x", "å =?x"),
        ("=?utf-8?B?%%%?=", "%%%"),
        ("=?utf-8*no?Q?=C3=A5?=", "å"),
        ("a =?b", "a =?b"),
    ],
)
def test_subjects(written: str, read: str) -> None:
    assert told("text/xml", subject(written).encode()).subject == read


# Bodies in parts


PICTURE = b"\xff\xd8\r\n\x00 \xff\xd9"


def one_part(head: bytes, data: bytes) -> bytes:
    part = b"Content-Type: image/jpeg\r\n" + head + b"\r\n\r\n" + data
    return body(deliver(FROM_TO), part)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("base64", encodebytes(PICTURE)),
        ("BASE64 ", b64encode(PICTURE).rstrip(b"=")),
        (
            "base64",
            b"\r\n".join(b64encode(PICTURE)[i : i + 3] for i in range(0, 12, 3)),
        ),
        ("base64", b"\r\n".join(b64encode(PICTURE[i : i + 2]) for i in range(0, 8, 2))),
        ("base64", b64encode(PICTURE) + b"!"),
        ("base64", PICTURE),
        ("quoted-printable", b"=FF=D8=0D=0A=\r\n=00 =ff=d9"),
        ("8bit", PICTURE),
        ("binary", PICTURE),
        ("x-unknown", PICTURE),
    ],
)
def test_transfer_encodings(name: str, written: bytes) -> None:
    head = b"content-TRANSFER-encoding:" + name.encode()
    (piece,) = told(RELATED, one_part(head, written)).pieces
    assert piece.data == PICTURE


def test_what_is_not_base64_whatever_it_is_said_to_be() -> None:
    smil = b"<smil><body><par><img src='a.gif'/></par></body></smil>"
    head = b"Content-Transfer-Encoding: base64"
    assert told(RELATED, one_part(head, smil)).pieces[0].data == smil


def test_base64_of_the_alphabet_for_urls() -> None:
    data = b"\xfb\xff\xbf" * 20
    written = b64encode(data, b"-_")
    head = b"Content-Transfer-Encoding: base64"
    assert told(RELATED, one_part(head, written)).pieces[0].data == data


@pytest.mark.parametrize(
    ("parameter", "boundary"),
    [
        ('"out"', "out"),
        ('"=_a;b, c=d?"', "=_a;b, c=d?"),
        ("----=_Part_7_11.22", "----=_Part_7_11.22"),
        ('"' + "x" * 200 + '"', "x" * 200),
        ("x" * 71 + "; charset=utf-8", "x" * 71),
        ('"a\\"b"', 'a"b'),
        ("'single'", "single"),
        ('"--given with its hyphens"', "given with its hyphens"),
        ("wrong", "another"),
        ('"unended', "unended"),
        ("", "not said"),
    ],
)
def test_boundaries(parameter: str, boundary: str) -> None:
    octets = one_part(b"X: y", PICTURE).replace(b"--out", b"--" + boundary.encode())
    octets = octets.removeprefix(b"ignored\r\n")
    asked = told(f"multipart/related; BOUNDARY={parameter}", octets)
    assert [piece.data for piece in asked.pieces] == [PICTURE]


@pytest.mark.parametrize(
    "end",
    [b"", b"\r\n", b"\n", b"\r\n--out", b"\r\n--out-", b"\r\n--ou", b"\r\n--out\r\n"],
)
def test_a_last_boundary_that_is_missing_or_torn(end: bytes) -> None:
    octets = one_part(b"X: y", PICTURE).partition(b"\r\n--out--")[0] + end
    assert [piece.data for piece in told(RELATED, octets).pieces] == [PICTURE]


def test_line_feeds_alone() -> None:
    octets = one_part(b"X: y", b"GIF8 of no line breaks").replace(b"\r\n", b"\n")
    (piece,) = told(RELATED, octets).pieces
    assert piece.data == b"GIF8 of no line breaks"


@pytest.mark.parametrize(
    "start", ['"<env>"', "env", '"cid:env"', "<ENV>", "other", None]
)
def test_an_envelope_that_is_not_first(start: str | None) -> None:
    kind = 'multipart/related; boundary="out"' + (f"; start={start}" if start else "")
    octets = (
        b"--out\r\nContent-Type: application/smil\r\n\r\n<smil/>\r\n"
        b"--out\r\nContent-Type: text/plain\r\n\r\nHei\r\n"
        b"--out\r\nContent-Type: text/xml\r\nContent-ID: <env>\r\n\r\n"
        + deliver(FROM_TO)
        + b"\r\n--out--"
    )
    assert [piece.data for piece in told(kind, octets).pieces] == [b"<smil/>", b"Hei"]


def test_xml_that_is_no_envelope_is_content() -> None:
    octets = (
        b"--out\r\nContent-Type: text/xml\r\n\r\n<other/>\r\n"
        b"--out\r\nContent-Type: application/octet-stream\r\n\r\n"
        + deliver(FROM_TO)
        + b"\r\n--out--"
    )
    assert [piece.data for piece in told(RELATED, octets).pieces] == [b"<other/>"]


def test_parts_whose_type_is_not_said() -> None:
    octets = one_part(b"X: y", PICTURE).removeprefix(b"ignored\r\n")
    for kind in ("", "text/xml", "application/octet-stream"):
        assert [piece.data for piece in told(kind, octets).pieces] == [PICTURE]


def nested(kind: bytes, boundary: bytes, *parts: bytes) -> bytes:
    return (
        b"Content-Type: multipart/" + kind + b"; boundary=" + boundary + b"\r\n\r\n"
        + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
        + b"--" + boundary + b"--"
    )  # fmt: skip


def test_parts_within_parts_of_all_kinds() -> None:
    inner = nested(
        b"alternative", b"c", b"Content-Type: text/plain\r\n\r\nHei", b"\r\n2"
    )
    middle = nested(b"related", b"b", inner, b"Content-Type: image/gif\r\n\r\nGIF8")
    outer = nested(b"mixed", b"a", middle, b"Content-Type: audio/amr\r\n\r\n#!AMR")
    asked = told(RELATED, body(deliver(FROM_TO), outer))
    assert [piece.data for piece in asked.pieces] == [b"Hei", b"2", b"GIF8", b"#!AMR"]


def test_an_envelope_within_parts() -> None:
    xml = b"Content-Type: text/xml\r\n\r\n" + deliver(FROM_TO)
    inner = nested(b"related", b"in", xml, b"Content-Type: image/gif\r\n\r\nGIF8")
    octets = b"--out\r\n" + inner + b"\r\n--out--"
    asked = told("multipart/mixed; boundary=out", octets)
    assert [piece.data for piece in asked.pieces] == [b"GIF8"]


@pytest.mark.parametrize("href", ["CID:Pic@x", "cid:%3Cpic%40X%3E", "Pic@x", "<Pic@x>"])
def test_a_content_is_found_however_it_is_named(href: str) -> None:
    parts = (
        b"Content-Type: image/gif\r\n\r\nno\r\n--out\r\n"
        b"Content-Type: image/gif\r\nContent-ID: <Pic@x>\r\n\r\nyes"
    )
    content = CONTENT.replace("cid:content%40mmsc", href.replace("<", "&lt;"))
    octets = body(deliver(FROM_TO + content), parts)
    assert [piece.data for piece in told(RELATED, octets).pieces] == [b"yes"]


@pytest.mark.parametrize(
    ("headers", "name", "kind"),
    [
        (b'Content-Type: image/gif; name="a;b.gif"', "a;b.gif", "image/gif"),
        (b"Content-Type: image/gif;\r\n\tname=a b.gif ;x", "a b.gif", "image/gif"),
        (b'Content-Type: image/gif; name="=?utf-8?B?w6UuZ2lm?="', "å.gif", "image/gif"),
        (
            b"Content-Type: IMAGE/GIF; name*0=a; name*1*=%20b.gif",
            "a b.gif",
            "image/gif",
        ),
        (
            b"Content-Type: image/gif; name*1=b; name*0*=iso-8859-1'no'%E5",
            "åb",
            "image/gif",
        ),
        (
            b"Content-Type: image/gif\r\nContent-Location: =?utf-8?Q?=C3=A5?=",
            "å",
            "image/gif",
        ),
        (b"Content-Type: jpeg", "", "application/octet-stream"),
        (b"Content-Type: image/\xc3\xa5", "", "application/octet-stream"),
        (b"Content-Type:", "", "text/plain"),
        (b"Content-Type: text; charset=utf-8", "", "text/plain"),
        (b"Content-Type: Plain/Text", "", "text/plain"),
        (b"Content-Type image/gif", "", "text/plain"),
        (b"Content-Type: a/b; x*" + b"9" * 6000 + b"=1", "", "a/b"),
    ],
)
def test_heads_of_parts(headers: bytes, name: str, kind: str) -> None:
    octets = b"--b\r\n" + headers + b"\r\n\r\nx\r\n--b--"
    (piece,) = split("multipart/mixed; boundary=b", octets)
    assert (piece.name, piece.type, piece.data) == (name, kind, b"x")


def test_parts_without_a_body_or_without_headers() -> None:
    octets = b"--b\r\nContent-Type: image/gif\r\n--b\r\nHei\r\n--b\r\n\r\n--b--"
    pieces = leaves(split("multipart/mixed; boundary=b", octets))
    assert [(piece.type, piece.data) for piece in pieces] == [
        ("image/gif", b""),
        ("text/plain", b"Hei"),
        ("text/plain", b""),
    ]


def test_a_content_type_is_bounded() -> None:
    with pytest.raises(Malformed):
        split("multipart/mixed; boundary=b; " + "a" * 9000, b"--b\r\n\r\nx\r\n--b--")


# Who sent it, and whom it is for


@pytest.mark.parametrize(
    "sender",
    [
        "<Sender><Number>4790000001</Number></Sender>",
        "<Sender>4790000001</Sender>",
        "<Sender><SenderAddress><Number>4790000001</Number></SenderAddress></Sender>",
        "<Sender><SenderAddress>4790000001</SenderAddress></Sender>",
        "<SenderAddress><Number>4790000001</Number></SenderAddress>",
        "<SenderAddress>4790000001</SenderAddress>",
        "<Sender><Number>TEL:+47-90000001</Number></Sender>",
        (
            "<SenderAddress><RFC2822Address>4790000001/TYPE=PLMN@x</RFC2822Address>"
            "</SenderAddress>"
        ),
        (
            "<SenderIdentification><VASPID>v</VASPID><SenderAddress><Number>4790000001"
            "</Number></SenderAddress></SenderIdentification>"
        ),
        "<Sender/><SenderAddress><Number>4790000001</Number></SenderAddress>",
    ],
)
def test_senders(sender: str) -> None:
    asked = told(XML, envelope(f"<DeliverReq>{sender}</DeliverReq>"))
    assert asked.sender.international == "+4790000001"


TO = "<Sender>1</Sender><Recipients>{}</Recipients>"


@pytest.mark.parametrize(
    ("recipients", "numbers"),
    [
        ("<To><Number>1</Number></To><To><Number>2</Number></To>", ["1", "2"]),
        ("<To><Number>1</Number><ShortCode>2</ShortCode></To>", ["1", "2"]),
        (
            (
                "<To><Number>1</Number></To><Cc><Number>2</Number></Cc>"
                "<Bcc><RFC2822Address>3@x</RFC2822Address></Bcc>"
            ),
            ["1", "2", "3@x"],
        ),
        ('<To><Number displayOnly="true">1</Number><Number>2</Number></To>', ["2"]),
        ('<To><Number displayOnly=" 1 ">1</Number></To><Cc>2</Cc>', ["2"]),
        ('<To displayOnly="true"><Number>1</Number></To><Cc>2</Cc>', ["2"]),
        ('<To><Number displayOnly="false">1</Number></To>', ["1"]),
        ("<To><Number>1</Number><Number>1</Number></To>", ["1"]),
        ("<To><RecipientAddress><Number>1</Number></RecipientAddress></To>", ["1"]),
        ("<Number>1</Number>", ["1"]),
        ("<To>1</To>", ["1"]),
        ('<To><Number displayOnly="true">1</Number></To>', []),
        ("<To/>", []),
    ],
)
def test_recipients(recipients: str, numbers: list[str]) -> None:
    asked = told(XML, envelope(f"<DeliverReq>{TO.format(recipients)}</DeliverReq>"))
    assert [address.value for address in asked.recipients] == numbers


def test_recipients_without_what_is_around_them() -> None:
    inner = "<Sender>1</Sender><To><Number>2</Number></To><Cc><Number>3</Number></Cc>"
    asked = told(XML, envelope(f"<DeliverReq>{inner}</DeliverReq>"))
    assert asked.recipients == (Address("Number", "2"), Address("Number", "3"))


def test_an_encrypted_address_is_no_number() -> None:
    inner = '<Sender><Number addressCoding="encrypted">4790000001</Number></Sender>'
    sender = told(XML, envelope(f"<DeliverReq>{inner}</DeliverReq>")).sender
    assert (sender.digits, sender.value) == ("", "4790000001")


def test_there_are_not_recipients_without_end() -> None:
    for most, status in ((0, None), (1, Status.MULTIPLE_ADDRESSES)):
        numbers = range(MOST_ADDRESSEES + most)
        many = "".join(f"<To><Number>{number}</Number></To>" for number in numbers)
        octets = envelope(f"<DeliverReq>{TO.format(many)}</DeliverReq>")
        if status is None:
            assert len(told(XML, octets).recipients) == MOST_ADDRESSEES
        else:
            assert refused(octets).status is status


# Which MM7


def asked_in(namespace: str, version: str) -> bytes:
    said = f"<MM7Version>{version}</MM7Version>" if version else ""
    space = f' xmlns="{namespace}"' if namespace else ""
    return (
        envelope(f"<DeliverReq{space}>{said}<Sender>1</Sender></DeliverReq>", namespace)
        .replace(b' xmlns:mm7=""', b"")
        .replace(b"mm7:", b"mm7:" if namespace else b"")
    )


@pytest.mark.parametrize(
    ("namespace", "version", "answered"),
    [
        (REL_6, "6.8.0", Schema(REL_6, "6.8.0")),
        (REL_6, "6.5.0", Schema(REL_6, "6.5.0")),
        (SCHEMA + "REL-6-MM7-1-0", "", Schema(SCHEMA + "REL-6-MM7-1-0", "6.8.0")),
        (REL_5, "5.3.0", Schema(REL_5, "5.3.0")),
        (REL_5, "", Schema(REL_5, "5.3.0")),
        (SCHEMA + "REL-5-MM7-1-2", "5.6.0", Schema(SCHEMA + "REL-5-MM7-1-2", "5.6.0")),
        (SCHEMA + "REL-4-MM7-1-0", "4.5.0", Schema(SCHEMA + "REL-4-MM7-1-0", "4.5.0")),
        ("urn:vendor", "5.3.0", Schema("urn:vendor", "5.3.0")),
        ("", "5.3.0", Schema(REL_5, "5.3.0")),
        ("", "", Schema("urn:ours", "6.1.0")),
        (REL_6, "newest", Schema(REL_6, "6.8.0")),
    ],
)
def test_it_is_answered_in_the_schema_that_it_was_asked_in(
    namespace: str, version: str, answered: Schema
) -> None:
    octets = asked_in(namespace, version)
    asked = read_request(XML, octets, Schema("urn:ours", "6.1.0"))
    assert asked.schema == answered
    response = write_response(asked, Status.SUCCESS).body.decode()
    assert f'<DeliverRsp xmlns="{answered.namespace}">' in response
    assert f"<MM7Version>{answered.version}</MM7Version>" in response
    assert f'TransactionID xmlns:mm7="{answered.namespace}"' in response
    assert REL_6 in answered or REL_6 not in response


@pytest.mark.parametrize(
    ("namespace", "version"),
    [
        (SCHEMA + "REL-7-MM7-1-5", "7.0.0"),
        (SCHEMA + "REL-7-MM7-1-5", ""),
        (SCHEMA + "REL-66-MM7-1-4", "6.8.0"),
        (REL_6, "9.9.9"),
        (REL_5, "3.0"),
        ("", "7"),
    ],
)
def test_what_is_not_spoken_is_said(namespace: str, version: str) -> None:
    error = refused(asked_in(namespace, version))
    assert (error.status, error.transaction) == (Status.UNSUPPORTED_VERSION, "tx-17")
    said = (error.transaction, error.status, error.detail, error.schema)
    written = write_error(*said)
    assert b"<StatusCode>4002</StatusCode>" in written.body
    assert DEFAULT.namespace.encode() in written.body


def test_an_error_is_in_the_schema_that_it_was_asked_in() -> None:
    xml = f'<ReadReplyReq xmlns="{REL_5}"><MM7Version>5.3.0</MM7Version></ReadReplyReq>'
    error = refused(envelope(xml, REL_5))
    assert error.schema == Schema(REL_5, "5.3.0")
    said = (error.transaction, error.status, error.detail, error.schema)
    written = write_error(*said).body.decode()
    assert f'<VASPErrorRsp xmlns="{REL_5}"><MM7Version>5.3.0</MM7Version>' in written
    assert REL_6 not in written


# Answers


TAKEN = envelope(
    f'<SubmitRsp xmlns="{REL_6}"><MM7Version>6.8.0</MM7Version><Status><StatusCode>1000'
    "</StatusCode><StatusText>Mottatt på norsk</StatusText></Status><MessageID>m-1"
    "</MessageID></SubmitRsp>"
)
TEXT = TAKEN.decode().partition("?>")[2]


@pytest.mark.parametrize(
    ("content_type", "octets"),
    [
        (XML, said("utf-16", TEXT.encode())),
        (XML, said("x-unknown", TEXT.encode("cp1252"))),
        (XML, said("utf-8", TEXT.encode("cp1252"))),
        (XML, TAKEN.decode().encode("utf-16-le")),
        (XML, said("euc-kr", TEXT.replace("på", "한").encode("euc-kr"))),
        ("text/html", TAKEN),
        ("", TAKEN),
        (XML, TAKEN + b"\0"),
        (XML, TAKEN.replace(b"Mottatt", b"\x01&nbsp;&")),
        (XML, TAKEN[:-30]),
        (XML, TAKEN.replace(b"</StatusText>", b"")),
        (XML, b"<!DOCTYPE a>" + TEXT.encode()),
        (XML, TAKEN.replace(b">1000<", b" a='b'>\r\n 1000\t<")),
        (XML, TAKEN.replace(b"<Status>", b"").replace(b"</Status>", b"")),
        ("multipart/related; boundary=x", TAKEN),
        (
            "multipart/related; boundary=x",
            b"--x\r\nContent-Type: text/xml\r\n\r\n" + TAKEN,
        ),
        ("multipart/related", b"--x\r\n\r\n" + TAKEN),
        (XML, TAKEN.replace(b"Envelope", b"Umschlag")),
        (XML, b"Proxy says: " + TAKEN),
    ],
)
def test_a_status_code_that_can_be_found_counts(
    content_type: str, octets: bytes
) -> None:
    answer = read_answer(content_type, octets)
    assert (answer.code, answer.message_id) == (1000, "m-1")


@pytest.mark.parametrize(
    "octets",
    [
        b"<html><h1>502 Bad Gateway</h1> 1000 requests</html>",
        b"<StatusCode>",
        b"<StatusCode>99999999999</StatusCode>",
        b"<StatusCode>none</StatusCode>",
        b"",
    ],
)
def test_a_code_that_is_none(octets: bytes) -> None:
    assert Answer(0, "") == read_answer(XML, octets)._replace(text="")
