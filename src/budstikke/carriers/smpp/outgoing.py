"""Writes parts as submit_sm, by the carrier's settings. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from budstikke.carriers.smpp import operator_tables
from budstikke.domain.text import (
    DEFAULT,
    UCS2,
    Concat,
    LinkAlphabet,
    NotInAlphabetError,
    encode_for,
    fill_bits_after,
    gsm_encode,
    pack,
    ucs2_encode,
    udh_concat8,
    udh_concat16,
    udh_national,
)
from budstikke.smpp import PduError, Tlvs, tags
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Sm
from budstikke.smpp.times import absolute, relative
from budstikke.smpp.versions import speaks_parameters

if TYPE_CHECKING:
    from budstikke.carriers.smpp.settings import Settings
    from budstikke.domain.message import Part

_UDHI: Final = 0x40
_MS_DISPLAY: Final = (tags.DEST_ADDR_SUBUNIT, b"\x01")
"""The phone shows the text at once (SMPP 3.4 § 5.3.2.1)."""
_REMEMBERED: Final = 10_000
_SINGLE: Final = {UCS2: 140}
"""Octets of the longest text in short_message; GSM has 160."""


class Outgoing:
    """
    Writes parts for one operator.

    Args:
        settings: The carrier's.

    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._alphabet = settings.alphabet
        self._tlvs: Tlvs = operator_tables.tlvs(settings)
        self._codings = {
            ("gsm", False): settings.data_coding_gsm,
            ("ucs2", False): settings.data_coding_ucs2,
            ("gsm", True): settings.data_coding_flash_gsm,
            ("ucs2", True): settings.data_coding_flash_ucs2,
        }
        # If flash texts have the data_coding of others, a parameter marks them.
        self._displayed = {
            encoding: self._codings[encoding, True] == self._codings[encoding, False]
            and speaks_parameters(settings.interface_version)
            for encoding in ("gsm", "ucs2")
        }
        self._rules = [
            (re.compile(rule.pattern, re.DOTALL), (rule.ton, rule.npi))
            for rule in settings.originators
        ]
        self._plans: dict[str, tuple[int, int, str]] = {}

    def _price(self, part: Part) -> tuple[int, bytes]:
        """Write what the recipient pays; raises PduError if there is no tag for it."""
        tag = self._settings.premium_tlv
        if not tag:
            what = "the carrier takes no premium messages"
            raise PduError(what, st.ESME_RINVOPTPARAMVAL)
        return tag, str(part.premium).encode()

    def write(self, part: Part, now: float) -> tuple[Sm, Tlvs]:
        """
        Write a part as the body and the parameters of a submit_sm.

        Args:
            part: The part.
            now: Unix seconds, before it expires.

        Raises:
            PduError: This carrier cannot send the part; the status says why.

        """
        settings = self._settings
        originator = part.originator
        plan = self._plans.get(originator) or self._plan(originator)
        validity = self._validity(part, now)
        text = self._encode(part)
        tlvs = self._tlvs
        if part.premium:
            tlvs = (*tlvs, self._price(part))
        if part.flash and self._displayed[part.encoding]:
            tlvs = (*tlvs, _MS_DISPLAY)
        esm_class = settings.esm_class
        if part.total > 1 or part.tables != DEFAULT:
            header, text, sar = self._with_header(part, text)
            esm_class |= header
            tlvs = (*tlvs, *sar)
        elif len(text) > _SINGLE.get(part.encoding, 160):
            text, tlvs = b"", (*tlvs, (tags.MESSAGE_PAYLOAD, text))
        recipient = part.recipient
        body = Sm(
            settings.service_type,
            plan[0],
            plan[1],
            plan[2],
            settings.recipient[0],
            settings.recipient[1],
            recipient if settings.plus else recipient.removeprefix("+"),
            esm_class,
            part.protocol_id,
            part.priority - 1 if settings.priority else 0,
            "",
            validity,
            settings.registered_delivery if part.report else 0,
            0,
            self._codings[part.encoding, part.flash],
            0,
            text,
        )
        return body, tlvs

    def _plan(self, originator: str) -> tuple[int, int, str]:
        """Choose TON, NPI and spelling of a sender, and remember them."""
        plan = (0, 0)
        for pattern, rule in self._rules:
            if pattern.fullmatch(originator):
                plan = rule
                break
        written = originator
        if not self._settings.plus and originator.removeprefix("+").isdecimal():
            written = originator.removeprefix("+")  # its TON says international
        if len(self._plans) < _REMEMBERED:
            self._plans[originator] = (*plan, written)
        return (*plan, written)

    def _encode(self, part: Part) -> bytes:
        """Encode the text without a header; packed only if it will get none."""
        if part.encoding == UCS2:
            return ucs2_encode(part.text)
        try:
            if part.total > 1 or part.tables != DEFAULT:
                return self._septets(part)
            return encode_for(self._alphabet, part.text)
        except NotInAlphabetError as error:
            raise PduError("a character has no code", st.ESME_RINVDCS) from error

    def _septets(self, part: Part) -> bytes:
        if part.tables != DEFAULT:
            self._check_tables(part)
            return gsm_encode(part.text, part.tables)
        if self._alphabet is LinkAlphabet.GSM_PACKED:
            return gsm_encode(part.text)
        return encode_for(self._alphabet, part.text)

    def _check_tables(self, part: Part) -> None:
        allowed = {0, *self._settings.national}
        if not allowed.issuperset(part.tables):
            raise PduError("national table not allowed", st.ESME_RINVDCS)

    def _with_header(self, part: Part, text: bytes) -> tuple[int, bytes, Tlvs]:
        """Add the concatenation: (bits of esm_class, user data, parameters)."""
        concat = self._settings.concat
        ref, total, number = part.message_id, part.total, part.number
        # National tables need a user data header; then it has the concatenation, too.
        if concat is Concat.SAR and part.tables == DEFAULT:
            if self._alphabet is LinkAlphabet.GSM_PACKED and part.encoding != UCS2:
                text = pack(text, counted=False)
            return 0, text, _sar(ref, total, number)
        if total == 1:
            header = udh_national(part.tables)
        elif concat is Concat.UDH16:
            header = udh_concat16(ref, total, number, part.tables)
        else:
            header = udh_concat8(ref, total, number, part.tables)
        if self._alphabet is LinkAlphabet.GSM_PACKED and part.encoding != UCS2:
            text = pack(text, fill_bits_after(header), counted=False)
        return _UDHI, header + text, ()

    def _validity(self, part: Part, now: float) -> str:
        settings = self._settings
        if settings.validity == "none":
            return ""
        seconds = int(part.expires_at - now)
        if settings.max_validity:
            seconds = min(seconds, settings.max_validity)
        seconds = max(1, seconds)
        if settings.validity == "relative":
            return relative(seconds)
        return absolute(now + seconds)


def _sar(ref: int, total: int, number: int) -> Tlvs:
    return (
        (tags.SAR_MSG_REF_NUM, (ref & 0xFFFF).to_bytes(2, "big")),
        (tags.SAR_TOTAL_SEGMENTS, bytes((total,))),
        (tags.SAR_SEGMENT_SEQNUM, bytes((number,))),
    )
