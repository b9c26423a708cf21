"""What a VASP writes: submissions, and responses to the MMSC's requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from budstikke.mm7 import envelope, multipart
from budstikke.mm7.messages import DEFAULT, Deliver, DeliveryReport, ReadReply
from budstikke.mm7.multipart import Piece
from budstikke.mm7.smil import SMIL
from budstikke.mm7.statuses import TEXTS, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.mm7.messages import Request, Schema, Submit

XML = "text/xml; charset=utf-8"
ENVELOPE_ID, CONTENT_ID = "mm7-envelope", "mm7-content"

RESPONSES: Mapping[type[Request], str] = {
    Deliver: "DeliverRsp",
    DeliveryReport: "DeliveryReportRsp",
    ReadReply: "ReadReplyRsp",
}


class Written(NamedTuple):
    """A body and its content type."""

    content_type: str
    body: bytes


def write_submit(submit: Submit, boundary: str, *, base64: bool) -> Written:
    """
    Write a SubmitReq with its content (3GPP TS 23.140 § 8.7.1.1).

    The content must not contain ``boundary``; the inner boundary ends in ``-content``.
    With ``base64`` pictures are in base64, otherwise binary.
    """
    inner = f"{boundary}-content"
    content_type = (
        f'multipart/related; type="{SMIL}"; start="<smil>"; boundary="{inner}"'
    )
    content = Piece(
        "multipart/related",
        multipart.write(submit.pieces, inner, base64=base64),
        CONTENT_ID,
        content_type=content_type,
    )
    xml = Piece("text/xml", _submit(submit), ENVELOPE_ID, charset="utf-8")
    body = multipart.write((xml, content), boundary, base64=base64)
    return Written(
        f'multipart/related; type="text/xml"; start="<{ENVELOPE_ID}>"; '
        f'boundary="{boundary}"',
        body,
    )


def _submit(submit: Submit) -> bytes:
    sender = ""
    if submit.sender:
        kind = "Number" if len(submit.sender) > 7 else "ShortCode"
        sender = f"<SenderAddress><{kind}>{submit.sender}</{kind}></SenderAddress>"
    vasp = envelope.fields(("VASPID", submit.vaspid), ("VASID", submit.vasid)) + sender
    to = envelope.fields(("Number", submit.recipient))
    more = envelope.fields(
        ("ServiceCode", submit.service_code),
        ("TimeStamp", moment(submit.at)),
        ("ExpiryDate", moment(submit.expires_at)),
        ("DeliveryReport", _flag(on=submit.delivery_report)),
        ("ReadReply", _flag(on=submit.read_reply)),
        ("Subject", submit.subject),
    )
    return envelope.write(
        submit.transaction,
        f"{_opened('SubmitReq', submit.schema)}"
        f"<SenderIdentification>{vasp}</SenderIdentification>"
        f"<Recipients><To>{to}</To></Recipients>{more}"
        f'<Content href="cid:{CONTENT_ID}" allowAdaptations="true"/></SubmitReq>',
        submit.schema.namespace,
    )


def _opened(name: str, schema: Schema) -> str:
    """Write the start tag of a request or a response."""
    version = envelope.xml(schema.version)
    return (
        f'<{name} xmlns="{envelope.xml(schema.namespace)}">'
        f"<MM7Version>{version}</MM7Version>"
    )


def _flag(*, on: bool) -> str:
    return "true" if on else "false"


def moment(at: float) -> str:
    """Write Unix seconds in the form of MM7."""
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


def write_response(request: Request, status: Status) -> Written:
    """Write the response to a request, in the request's version of MM7."""
    body = _response(RESPONSES[type(request)], status, request.schema)
    namespace = request.schema.namespace
    return Written(XML, envelope.write(request.transaction, body, namespace))


def write_error(
    transaction: str, status: Status, detail: str, schema: Schema = DEFAULT
) -> Written:
    """Write the response to a refused request: a VASPErrorRsp in a fault."""
    side = "Client" if status < Status.SERVER_ERROR else "Server"
    body = (
        f"<env:Fault><faultcode>env:{side}</faultcode>"
        f"<faultstring>{envelope.xml(TEXTS[status])}</faultstring>"
        f"<detail>{_response('VASPErrorRsp', status, schema, detail)}</detail>"
        "</env:Fault>"
    )
    return Written(XML, envelope.write(transaction, body, schema.namespace))


def _response(name: str, status: Status, schema: Schema, detail: str = "") -> str:
    content = envelope.fields(
        ("StatusCode", str(status.value)),
        ("StatusText", TEXTS[status]),
        ("Details", detail),
    )
    return f"{_opened(name, schema)}<Status>{content}</Status></{name}>"
