"""The settings of one SMPP login."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from budstikke.dialects.smpp.ids import IdForm
from budstikke.domain.text import LinkAlphabet

ReceiptForm: TypeAlias = Literal["text", "tlv", "both"]
DeliverAs: TypeAlias = Literal["deliver_sm", "data_sm"]
LongInbound: TypeAlias = Literal["udh", "payload"]
ThrottleStatus: TypeAlias = Literal["ESME_RTHROTTLED", "ESME_RMSGQFUL"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a system_id is set to.

    Attributes:
        max_binds: Sessions that may be bound at the same time.
        window: Requests of one session that may wait for their response; further ones
            are refused with ``throttle_status``.
        rate: Messages in a second, of all its sessions together; 0: no limit. Further
            ones are refused with ``throttle_status``.
        throttle_status: The command_status of such a refusal.
        deliver_window: deliver_sm to one session that may wait for their response.
        alphabet: What data_coding 0 means: ``gsm``, ``gsm-packed``, ``latin1`` or
            ``ascii``.
        originator: The sender of messages whose source_addr is empty; empty: they are
            refused.
        home_numbers: Recipients may be written as in the account's home country.
        message_ids: Form of message ids, in responses and delivery reports:
            ``decimal``, ``hex`` or ``padded`` (decimal, with zeros up to ten digits).
        deliver_as: Delivery reports and inbound messages are ``deliver_sm`` or
            ``data_sm``.
        long_inbound: A long text from a phone comes in segments with a user data header
            (``udh``), or whole in message_payload (``payload``).
        receipts: What has the state in a delivery report: its ``text``, its optional
            parameters (``tlv``), or ``both``.

    """

    max_binds: Annotated[int, Meta(ge=1, le=1000)] = 10
    window: Annotated[int, Meta(ge=1, le=10_000)] = 200
    rate: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    throttle_status: ThrottleStatus = "ESME_RTHROTTLED"
    deliver_window: Annotated[int, Meta(ge=1, le=1000)] = 20
    alphabet: LinkAlphabet = LinkAlphabet.GSM
    originator: str = ""
    home_numbers: bool = False
    message_ids: IdForm = "decimal"
    deliver_as: DeliverAs = "deliver_sm"
    long_inbound: LongInbound = "udh"
    receipts: ReceiptForm = "both"
