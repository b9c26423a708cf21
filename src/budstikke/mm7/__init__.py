"""
MM7 between an MMSC and a VASP, who sends through it (3GPP TS 23.140 § 8.7). Pure.

It is SOAP 1.1 with attachments: a multipart body of an envelope and the MMS.
"""

from budstikke.mm7.messages import (
    DEFAULT,
    Address,
    Answer,
    Deliver,
    DeliveryReport,
    ReadReply,
    Request,
    Schema,
    Submit,
)
from budstikke.mm7.multipart import Malformed, Piece
from budstikke.mm7.reading import Refused, read_answer, read_request
from budstikke.mm7.smil import laid_out
from budstikke.mm7.statuses import Status
from budstikke.mm7.writing import Written, write_error, write_response, write_submit

__all__ = [
    "DEFAULT",
    "Address",
    "Answer",
    "Deliver",
    "DeliveryReport",
    "Malformed",
    "Piece",
    "ReadReply",
    "Refused",
    "Request",
    "Schema",
    "Status",
    "Submit",
    "Written",
    "laid_out",
    "read_answer",
    "read_request",
    "write_error",
    "write_response",
    "write_submit",
]
