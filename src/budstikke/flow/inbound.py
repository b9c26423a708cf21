"""
Inbound: messages from phones are reassembled, routed to an access, and stored.

A carrier's messages are worked in batches. Parts of long texts are stored first, and
reassembled when the last one has arrived. Each whole message is routed to a customer,
and one transaction stores it with its callbacks and auto-replies. Only then is the
carrier acknowledged. A crash in between leaves stored parts, which ``run_once`` finds.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from budstikke import metrics
from budstikke.domain.inbound import InboundMms, InboundPart
from budstikke.domain.number_inventory import is_reply_number
from budstikke.domain.reassembly import (
    PartPosition,
    PhoneText,
    TextPart,
    digest,
    join,
    read,
)
from budstikke.flow.inbound_draft import InboundDrafter, JoinedMessage, heard_mms
from budstikke.flow.reassembly import joined, once, others
from budstikke.store.contract import Equals, HeldPart, InboundDraft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from budstikke.dialects.contract import Dialect
    from budstikke.domain.directory import Directory
    from budstikke.store.contract import Conversation, Store, StoredInbound, Unrouted

log = logging.getLogger("budstikke.inbound")

MESSAGE_PAYLOAD = 0x0424
"""Tag of the optional parameter (SMPP 3.4 § 5.3.2.32)."""

MOST_HELD = 1000
"""Parts of long texts to handle in one run."""

MOST_ASSIGNED = 200
"""Assigned messages to deliver in one run."""


class InboundReceiver:
    """
    The step that receives inbound messages.

    Args:
        store: Where they become durable.
        directory: Gives the directory as it is now.
        dialects: By name.
        notify: Takes the callbacks that were stored.
        clock: Unix seconds.
        random: For ids that nobody can guess.
        join_timeout: Seconds that parts of a text wait for the others.
        receipt_wait: Seconds that an auto-reply waits for the customer's answer.

    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Callable[[], Directory],
        dialects: Mapping[str, Dialect],
        notify: Callable[[StoredInbound], None],
        clock: Callable[[], float],
        random: Random,
        join_timeout: float,
        receipt_wait: float,
    ) -> None:
        self._store = store
        self._directory = directory
        self._notify = notify
        self._clock = clock
        self._join_timeout = join_timeout
        self._drafter = InboundDrafter(
            directory=directory,
            dialects=dialects,
            random=random,
            receipt_wait=receipt_wait,
        )

    async def receive(
        self, carrier_id: int, messages: Sequence[InboundPart | InboundMms]
    ) -> None:
        """
        Make inbound messages durable, and parts whose text is not complete.

        Raises StoreUnavailable; the carrier may then deliver all of them again.
        """
        heard: list[JoinedMessage] = []
        parts: list[HeldPart] = []
        for message in messages:
            if isinstance(message, InboundMms):
                heard += [heard_mms(carrier_id, mms) for mms in self._each(message)]
                continue
            piece = read(message)
            if piece.position is None:
                heard.append(_whole(carrier_id, message, piece))
            else:
                parts.append(self._part(carrier_id, message, piece.position))
        if parts:
            heard += await self._hold(parts)
        await self._keep(heard)

    def _each(self, mms: InboundMms) -> list[InboundMms]:
        """Copy an MMS for each of its recipients that is ours, or for the first."""
        if not mms.others:
            return [mms]
        inventory, everybody = self._directory().inventory, (mms.recipient, *mms.others)
        ours: dict[str, None] = {}
        for recipient in everybody:
            number = inventory.find(recipient, "").number
            if is_reply_number(recipient):
                ours[recipient] = None
            elif number is not None:  # once, even if written in several ways
                ours[number.value] = None
        return [
            replace(mms, recipient=number, others=())
            for number in ours or everybody[:1]
        ]

    async def run_once(self) -> bool:
        """Store texts whose time for parts has ended, and deliver assigned messages."""
        now = self._clock()
        parts = await self._store.ready_parts(now, MOST_HELD)
        await self._keep(await self._joined(parts, due=True))
        assigned = await self._store.assigned_unrouted(MOST_ASSIGNED)
        known = self._directory().accesses
        mine = [each for each in assigned if each.access_id in known]
        await self._keep([_assigned(each) for each in mine])
        return len(parts) >= MOST_HELD or len(mine) >= MOST_ASSIGNED

    async def _hold(self, parts: Sequence[HeldPart]) -> list[JoinedMessage]:
        """Store parts; return the texts that they complete."""
        held = await self._store.hold_parts(once(parts))
        kept = others(parts, held)
        if kept:
            more = await self._store.hold_parts(kept)
            held = sorted({p.id: p for p in (*held, *more)}.values(), key=_id)
        return await self._joined(held, due=False)

    async def _joined(
        self, parts: Sequence[HeldPart], *, due: bool
    ) -> list[JoinedMessage]:
        """Reassemble parts; delete copies that belong to no text."""
        heard, copies = joined(parts, self._clock(), due=due)
        if copies:
            await self._store.drop_parts(copies)
        return heard

    def _part(
        self, carrier_id: int, part: InboundPart, position: PartPosition
    ) -> HeldPart:
        return HeldPart(
            0,
            carrier_id,
            part.originator,
            part.recipient,
            part.data_coding,
            int(part.udhi),
            part.payload.hex(),
            {
                f"{tag}": value.hex()
                for tag, value in part.tlvs.items()
                if tag != MESSAGE_PAYLOAD  # the payload has it
            },
            part.at,
            position.reference,
            position.total,
            position.number,
            digest(part),
            self._clock() + self._join_timeout,
            Equals.ANOTHER if part.new else Equals.PERHAPS,
        )

    async def _keep(self, heard: Sequence[JoinedMessage]) -> None:
        """Store whole messages with their callbacks."""
        if not heard:
            return
        threads = await self._threads(heard)
        now = self._clock()
        new = sum(each.assigned is None for each in heard)
        next_id = self._store.reserve_ids(new) if new else 0
        drafts: list[InboundDraft] = []
        for each, thread in zip(heard, threads, strict=True):
            message_id = next_id
            if each.assigned is not None:
                message_id = each.assigned.event.message_id
            else:
                next_id += 1
            drafts.append(self._draft(each, message_id, thread, now))
        received = await self._store.receive(drafts, now)
        _report(drafts)
        self._notify(received)

    def _draft(
        self,
        heard: JoinedMessage,
        message_id: int,
        thread: Conversation | None,
        now: float,
    ) -> InboundDraft:
        """Draft one message; if that fails by a bug, it is stored as unrouted."""
        try:
            return self._drafter.draft(heard, message_id, thread, now)
        except Exception:
            log.exception(
                "inbound message not routed: internal error",
                extra={"message_id": message_id},
            )
            return self._drafter.unrouted(heard, message_id, now)

    async def _threads(
        self, heard: Sequence[JoinedMessage]
    ) -> list[Conversation | None]:
        """Find the messages that replies answer, by their reply number."""
        conversations: list[Conversation | None] = [None] * len(heard)
        replies = [
            index
            for index, each in enumerate(heard)
            if each.assigned is None and is_reply_number(each.recipient)
        ]
        if replies:
            pairs = [(heard[i].recipient, heard[i].originator) for i in replies]
            threads = await self._store.conversations(pairs)
            for index, thread in zip(replies, threads, strict=True):
                conversations[index] = thread
        return conversations


def _whole(carrier_id: int, part: InboundPart, piece: TextPart) -> JoinedMessage:
    return JoinedMessage(
        carrier_id, part.originator, part.recipient, part.at, join([piece])
    )


def _id(part: HeldPart) -> int:
    return part.id


def _assigned(given: Unrouted) -> JoinedMessage:
    event = given.event
    return JoinedMessage(
        given.carrier_id,
        event.originator,
        given.recipient,
        event.sent_at,
        PhoneText(event.kind, event.text, event.data, event.missing),
        assigned=given,
    )


def _report(drafts: Sequence[InboundDraft]) -> None:
    """Count and log messages; never their texts."""
    metrics.inbound_messages(
        joined=sum(bool(draft.held) for draft in drafts),
        incomplete=sum(draft.event.missing > 0 for draft in drafts),
        unrouted=sum(draft.access_id is None for draft in drafts),
    )
    for draft in drafts:
        event = draft.event
        odd = event.missing or draft.access_id is None or draft.opt_out
        level = logging.INFO if odd else logging.DEBUG
        if log.isEnabledFor(level):
            extra = {
                "message_id": event.message_id,
                "from": event.originator,
                "to": event.recipient,
                "access_id": draft.access_id,
                "kind": event.kind.value,
                "missing": event.missing,
                "opt_out": draft.opt_out,
            }
            log.log(level, "inbound", extra=extra)
