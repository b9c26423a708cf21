"""Reads deliver_sm and data_sm as delivery reports or inbound messages. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from budstikke.carriers.smpp import operator_tables
from budstikke.carriers.smpp.statuses import GSM_ERRORS, GSM_NETWORK, STATES
from budstikke.domain.address import BY_TON, Nature, country_of, ours, phone
from budstikke.domain.inbound import InboundPart
from budstikke.domain.reassembly import Alphabet
from budstikke.domain.reassembly import read as read_part
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.text import (
    LinkAlphabet,
    decode_latin1,
    fill_bits_after,
    gsm_decode,
    is_part,
    unpack,
    without_filling,
)
from budstikke.smpp.ids import RULES, Side
from budstikke.smpp.pdus import DataSm, Sm
from budstikke.smpp.receipt import DeliveryReceipt, Rules, read_receipt, user_data

if TYPE_CHECKING:
    from budstikke.carriers.smpp.settings import Settings
    from budstikke.smpp import Pdu

_UDHI: Final = 0x40
_DAY: Final = 86_400.0

_DATA_CODING_0: Final = {
    LinkAlphabet.GSM: 0x00,
    LinkAlphabet.GSM_PACKED: 0x00,
    LinkAlphabet.LATIN1: 0x03,
    LinkAlphabet.ASCII: 0x01,
}
"""data_coding 0 by the carrier's ``alphabet``, as SMPP 3.4 § 5.2.19 numbers it."""


class Incoming:
    """
    Reads the PDUs of one operator.

    Args:
        settings: The carrier's.

    """

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home
        self._packed = settings.alphabet is LinkAlphabet.GSM_PACKED
        self._filling = settings.packed_filling
        self.use_rule(settings.message_ids)
        self._errors = settings.receipt_errors
        pattern = settings.receipt_pattern
        self._rules = Rules(
            text=settings.receipt_text,
            words=operator_tables.words(settings),
            pattern=re.compile(pattern) if pattern else None,
            ahead=settings.receipt_utc_offset * 60,
            readers=(decode_latin1, _from_packed) if self._packed else (decode_latin1,),
        )
        self._codings = {0: _DATA_CODING_0[settings.alphabet]}
        self._codings |= operator_tables.data_codings(settings)

    def use_rule(self, rule: str) -> None:
        """Give ids of delivery reports their normal form by this rule of ``ids``."""
        self._key = RULES[rule][Side.RECEIPT.value]

    def receipt(self, pdu: Pdu, now: float) -> Receipt | None:
        """
        Read a delivery report; ``None`` if the PDU is an inbound message.

        A report without a message id has an empty ``smsc_id``; if its parameter and its
        text have different ids, it has both. The reason comes from network_error_code
        or from the setting ``receipt_errors``.

        Args:
            pdu: A deliver_sm or data_sm.
            now: Unix seconds.

        """
        report = read_receipt(pdu, self._rules)
        if report is None:
            return None
        state, reason = _state(report)
        if state is ReceiptState.UNDELIVERED or state is ReceiptState.REJECTED:
            reason = self._reason(report, reason)
        body = pdu.body
        assert isinstance(body, Sm | DataSm)  # noqa: S101 - read_receipt looked
        other = report.text_id if report.text_id != report.id else ""
        key = self._key
        return Receipt(
            report.id,
            None if key is None else key(report.id),
            state,
            reason,
            _raw(report),
            _at(report, now),
            self._phone(body),
            other,
            None if key is None else key(other),
        )

    def _phone(self, body: Sm | DataSm) -> str:
        """Read the phone's number; without ``home``, the country is our number's."""
        home = self._home or country_of(body.destination_addr)
        nature = BY_TON.get(body.source_addr_ton, Nature.UNKNOWN)
        return phone(body.source_addr, nature, home)

    def _reason(self, report: DeliveryReceipt, otherwise: Reason) -> Reason:
        reason = self._errors.get(report.error)
        if reason is None and report.network_error is not None:
            network, code = report.network_error
            if network == GSM_NETWORK:
                reason = GSM_ERRORS.get(code)
        return otherwise if reason is None else reason

    def inbound(self, pdu: Pdu, now: float) -> InboundPart:
        """
        Read an inbound message or a part of one.

        The result has the standard's data_coding and octets: 0 is the default alphabet
        with one septet in each octet, 3 is Latin-1.

        Args:
            pdu: A deliver_sm or data_sm.
            now: Unix seconds.

        """
        body = pdu.body
        assert isinstance(body, Sm | DataSm)  # noqa: S101 - only these come here
        payload = user_data(body, pdu)
        part = InboundPart(
            self._phone(body),
            ours(
                body.destination_addr,
                BY_TON.get(body.dest_addr_ton, Nature.UNKNOWN),
                self._home,
            ),
            self._codings.get(body.data_coding, body.data_coding),
            bool(body.esm_class & _UDHI) or is_part(payload),
            payload,
            dict(pdu.tlvs),
            now,
        )
        return self._unpacked(part) if self._packed else part

    def _unpacked(self, part: InboundPart) -> InboundPart:
        """Unpack septets of the default alphabet; leave other user data as it is."""
        piece = read_part(part)
        if piece.alphabet is not Alphabet.GSM:
            return part
        header = part.payload[: len(part.payload) - len(piece.body)]
        fill_bits = fill_bits_after(header)
        septets = unpack(piece.body, fill_bits=fill_bits)
        if piece.position is None or piece.position.number == piece.position.total:
            septets = without_filling(septets, self._filling, fill_bits)
        return replace(part, payload=header + septets, udhi=bool(header))


def _state(report: DeliveryReceipt) -> tuple[ReceiptState, Reason]:
    if report.state is None:
        settled = ReceiptState.INTERIM if report.interim else ReceiptState.UNKNOWN
        return settled, Reason.UNKNOWN
    state, reason = STATES[report.state]
    # An intermediate notification is about one attempt: only success is final.
    if report.interim and state is not ReceiptState.DELIVERED:
        return ReceiptState.INTERIM, reason
    return state, reason


def _raw(report: DeliveryReceipt) -> str:
    """Return the operator's own words: ``UNDELIV 001``, ``REJECTED 3/21``."""
    word = report.word or (report.state.name if report.state is not None else "")
    error = report.error
    if not error and report.network_error is not None:
        error = "{}/{}".format(*report.network_error)
    return f"{word} {error}".strip()


def _at(report: DeliveryReceipt, now: float) -> float:
    """Return the report's date if plausible: clocks and zones are often wrong."""
    done = report.done
    return done if done is not None and now - 30 * _DAY < done <= now else now


def _from_packed(octets: bytes) -> str:
    return gsm_decode(unpack(octets))
