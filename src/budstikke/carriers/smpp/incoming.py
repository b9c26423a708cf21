"""deliver_sm and data_sm as receipts and messages from phones. Pure."""

from __future__ import annotations

import re
from typing import Final

from budstikke.carriers.smpp import settings as read
from budstikke.carriers.smpp.statuses import GSM_ERRORS, GSM_NETWORK, STATES
from budstikke.domain.inbound import InboundPart
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.text import LinkAlphabet, fill_bits_after, unpack
from budstikke.smpp import Pdu, tags
from budstikke.smpp.ids import RULES, Side
from budstikke.smpp.pdus import DataSm, Sm
from budstikke.smpp.receipt import DeliveryReceipt, Rules, read_receipt

_UDHI: Final = 0x40
_INTERNATIONAL: Final = 1
_SHORTEST_INTERNATIONAL: Final = 8
_DAY: Final = 86_400.0

_DATA_CODING_0: Final = {
    LinkAlphabet.GSM: 0x00,
    LinkAlphabet.GSM_PACKED: 0x00,
    LinkAlphabet.LATIN1: 0x03,
    LinkAlphabet.ASCII: 0x01,
}
"""What data_coding 0 of the link is called by the standard (SMPP 3.4 § 5.2.19)."""


class Incoming:
    """
    How one link reads what comes.

    Args:
        settings: Of the link.

    """

    def __init__(self, settings: read.Settings) -> None:
        self._alphabet = settings.alphabet
        self._key = RULES[settings.message_ids][Side.RECEIPT.value]
        self._errors = settings.receipt_errors
        pattern = settings.receipt_pattern
        self._rules = Rules(
            text=settings.receipt_text,
            words=read.words(settings),
            pattern=re.compile(pattern) if pattern else None,
            ahead=settings.receipt_utc_offset * 60,
        )
        self._codings = {0: _DATA_CODING_0[settings.alphabet]}
        self._codings |= read.data_codings(settings)

    def receipt(self, pdu: Pdu, now: float) -> Receipt | None:
        """
        Read a receipt; ``None`` if it is a message from a phone.

        One that names no message has an empty ``smsc_id``. The reason is known where
        the operator says why, by network_error_code or by ``receipt_errors``.
        """
        found = read_receipt(pdu, self._rules)
        if found is None:
            return None
        state, reason = _state(found)
        if state is ReceiptState.UNDELIVERED or state is ReceiptState.REJECTED:
            reason = self._reason(found, reason)
        body = pdu.body
        assert isinstance(body, Sm | DataSm)  # noqa: S101 - read_receipt looked
        return Receipt(
            found.id,
            self._key(found.id),
            state,
            reason,
            _raw(found),
            _at(found, now),
            _phone(body.source_addr, body.source_addr_ton),
        )

    def _reason(self, found: DeliveryReceipt, otherwise: Reason) -> Reason:
        reason = self._errors.get(found.error)
        if reason is None and found.network_error is not None:
            network, code = found.network_error
            if network == GSM_NETWORK:
                reason = GSM_ERRORS.get(code)
        return otherwise if reason is None else reason

    def inbound(self, pdu: Pdu, now: float) -> InboundPart:
        """
        Read a message from a phone.

        data_coding and payload are brought to what the standard says: 0 is the
        default alphabet with a septet an octet, 3 is Latin-1.
        """
        body = pdu.body
        assert isinstance(body, Sm | DataSm)  # noqa: S101 - only these come here
        payload = body.short_message if isinstance(body, Sm) else b""
        if not payload:
            payload = pdu.tlv(tags.MESSAGE_PAYLOAD) or b""
        udhi = bool(body.esm_class & _UDHI)
        coding = body.data_coding
        if coding == 0 and self._alphabet is LinkAlphabet.GSM_PACKED:
            payload = _unpacked(payload, udhi=udhi)
        return InboundPart(
            _phone(body.source_addr, body.source_addr_ton),
            body.destination_addr.removeprefix("+"),
            self._codings.get(coding, coding),
            udhi,
            payload,
            dict(pdu.tlvs),
            now,
        )


def _state(found: DeliveryReceipt) -> tuple[ReceiptState, Reason]:
    if found.state is None:
        settled = ReceiptState.INTERIM if found.interim else ReceiptState.UNKNOWN
        return settled, Reason.UNKNOWN
    state, reason = STATES[found.state]
    # An intermediate notification tells of an attempt; only success is the end.
    if found.interim and state is not ReceiptState.DELIVERED:
        return ReceiptState.INTERIM, reason
    return state, reason


def _raw(found: DeliveryReceipt) -> str:
    """Say it in the operator's words: ``UNDELIV 001``, ``REJECTED 3/21``."""
    word = found.word or (found.state.name if found.state is not None else "")
    error = found.error
    if not error and found.network_error is not None:
        error = "{}/{}".format(*found.network_error)
    return f"{word} {error}".strip()


def _at(found: DeliveryReceipt, now: float) -> float:
    """Take the date if it can be: operators' clocks and zones are often wrong."""
    done = found.done
    return done if done is not None and now - 30 * _DAY < done <= now else now


def _phone(address: str, ton: int) -> str:
    """Write a phone's number as E.164 with ``+``; anything else as it is."""
    digits = address.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return address
    if digits.startswith("00"):
        return "+" + digits[2:]
    if ton == _INTERNATIONAL or len(digits) >= _SHORTEST_INTERNATIONAL:
        return "+" + digits
    return digits


def _unpacked(payload: bytes, *, udhi: bool) -> bytes:
    if not udhi or not payload:
        return unpack(payload)
    header = payload[: payload[0] + 1]
    rest = payload[len(header) :]
    return header + unpack(rest, fill_bits=fill_bits_after(header))
