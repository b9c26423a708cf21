"""
Writes delivery reports: deliver_sm or data_sm (SMPP 3.4 § 4.6, § 5.2.12, appendix B).

Text and optional parameters have the same id, in the form of the access.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from budstikke.dialects.smpp.addresses import number_address
from budstikke.dialects.smpp.deliver_requests import request
from budstikke.dialects.smpp.ids import write_id
from budstikke.dialects.smpp.submission import read, wants
from budstikke.domain.receipt import Reason
from budstikke.domain.states import MessageState as Our
from budstikke.smpp import tags
from budstikke.smpp.receipt import MessageState, receipt_text, receipt_tlvs
from budstikke.smpp.versions import V34

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.delivery_contract import Delivery
    from budstikke.dialects.smpp.settings import Settings
    from budstikke.dialects.smpp.submission import Address, Submission
    from budstikke.domain.message import StatusEvent

RECEIPT_CLASS: Final = 0x04
INTERIM_CLASS: Final = 0x20
"""esm_class of a delivery receipt, and of an intermediate notification (§ 5.2.12)."""

STATES: Final[Mapping[str, MessageState]] = {
    Our.SENT: MessageState.ENROUTE,
    Our.DELIVERED: MessageState.DELIVERED,
    Our.UNDELIVERED: MessageState.UNDELIVERABLE,
    Our.EXPIRED: MessageState.EXPIRED,
    Our.REJECTED: MessageState.REJECTED,
    Our.CANCELLED: MessageState.DELETED,
}
"""message_state (§ 5.2.28) by our state; any other is UNKNOWN."""

ERRORS: Final[Mapping[str, int]] = {
    Reason.NONE: 0,
    Reason.UNKNOWN_SUBSCRIBER: 1,
    Reason.ABSENT: 27,
    Reason.EXPIRED: 0,
    Reason.REJECTED: 21,
    Reason.BARRED: 13,
}
"""
Codes by our reason, where the operator gave none: GSM's (3GPP TS 29.002), as operators
write them. Any other reason is ``OTHER``.
"""

OTHER: Final = 999

GSM_NETWORK: Final = 3
"""Network type of network_error_code (§ 5.3.2.31)."""

_code = re.compile(r"(?<![0-9A-Za-z])([0-9]{3})(?![0-9A-Za-z])").search


def receipt(event: StatusEvent, settings: Settings) -> Delivery | None:
    """Write the report of an event; ``None``: its submit_sm did not ask for it."""
    submission = read(event.ref)
    if submission is None:
        return None
    interim = event.state == Our.SENT
    delivered = event.state == Our.DELIVERED
    asked = submission.registered_delivery
    if not wants(asked, final=not interim, delivered=delivered):
        return None
    state = STATES.get(event.state, MessageState.UNKNOWN)
    code = 0 if interim or delivered else _error(event)
    message_id = write_id(settings.message_ids, event.message_id, V34)
    text = b""
    if settings.receipts != "tlv":
        text = receipt_text(
            message_id,
            state,
            submitted=submission.submitted_at,
            done=event.at,
            error=f"{code:03}",
        ).encode("ascii")
    tlvs: list[tuple[int, bytes]] = []
    if settings.receipts != "text":
        network_error = (GSM_NETWORK, code) if code else None
        tlvs = receipt_tlvs(message_id, state, network_error)
    if submission.user_message_reference:
        reference = bytes.fromhex(submission.user_message_reference)
        tlvs.append((tags.USER_MESSAGE_REFERENCE, reference))
    return request(
        settings,
        source=_phone(event, submission),
        destination=submission.source,
        esm_class=INTERIM_CLASS if interim else RECEIPT_CLASS,
        data_coding=0,
        octets=text,
        tlvs=tlvs,
    )


def _phone(event: StatusEvent, submission: Submission) -> Address:
    """Return the address that the message went to, as the customer wrote it."""
    if submission.destination.value:
        return submission.destination
    return number_address(event.recipient)


def _error(event: StatusEvent) -> int:
    """Return the operator's own code of three digits, or one for our reason."""
    found = _code(event.raw)
    return int(found[1]) if found else ERRORS.get(event.reason, OTHER)
