"""
MMS out: accepted and stored, to be sent when there is a carrier for it.

Its part is queued for carrier 0, which is none: an MM7 carrier claims it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.ask import MmsAnswer, MmsAsk
from budstikke.domain.message import Tell
from budstikke.domain.originator import Kind, allowed, classify, read_grants
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState, PartState
from budstikke.store.contract import Draft, MessageRow, MmsRow, PartRow

if TYPE_CHECKING:
    from budstikke.domain.directory import Access, Directory
    from budstikke.store.contract import Store

VALIDITY = 7 * 86400.0
"""Seconds."""

NO_CARRIER = 0
ENCODING = "mms"


async def accept_mms(
    asked: MmsAsk, access: Access, directory: Directory, store: Store, now: float
) -> MmsAnswer:
    """
    Make an MMS durable; raises Refusal.

    Its sender is a number that the account may use.
    """
    originator = classify(asked.originator)
    if (
        originator is None
        or originator.kind is Kind.TEXT
        or not allowed(originator, read_grants(access.account.grants))
    ):
        raise Refusal(RefusalCode.BAD_ORIGINATOR, value=asked.originator)
    if asked.recipient in directory.blacklist:
        raise Refusal(RefusalCode.BLACKLISTED, value=asked.recipient)
    if asked.recipient in access.account.opted_out:
        raise Refusal(RefusalCode.OPTED_OUT, value=asked.recipient)
    message_id = store.reserve_ids(1)
    message = MessageRow(
        message_id,
        message_id,
        access.id,
        asked.recipient,
        originator.value,
        None,
        ENCODING,
        1,
        1,
        0,
        0,
        1,
        Tell.NOTHING.value,
        None,
        None,
        now,
        now + VALIDITY,
        MessageState.ACCEPTED,
        access.account.id,
    )
    part_id = (message_id << 8) + 1
    part = PartRow(part_id, NO_CARRIER, PartState.QUEUED, "", 0, 1, None, None, now)
    draft = Draft(
        [message], [part], mms=MmsRow(asked.text, msgspec.json.encode(asked.files))
    )
    await store.accept([draft], now)
    return MmsAnswer(message_id)
