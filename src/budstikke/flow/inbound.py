"""
Inbound: messages from phones, from their parts to whom they are for.

What a carrier gives is worked in batches. Parts of long texts are kept first, and
joined when the last one is there; every whole message then finds its customer, and one
transaction stores it with all that is told of it and sent in answer. Only then is the
carrier answered. A crash in between leaves kept parts, which the clock finds.
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
"""Parts of long texts that one turn of the clock works."""

MOST_ASSIGNED = 200
"""Messages of the tray that one turn gives to their accesses."""


class InboundReceiver:
    """
    The step that takes messages from phones.

    Args:
        store: Where they become durable.
        directory: Gives the directory as it is now.
        dialects: By name.
        tell: Takes what is to be told.
        clock: Unix seconds.
        random: For ids that nobody can guess.
        join_timeout: Seconds that parts of a text wait for the others.
        receipt_wait: Seconds that a receipt waits for what the customer answers.

    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Callable[[], Directory],
        dialects: Mapping[str, Dialect],
        tell: Callable[[StoredInbound], None],
        clock: Callable[[], float],
        random: Random,
        join_timeout: float,
        receipt_wait: float,
    ) -> None:
        self._store = store
        self._directory = directory
        self._tell = tell
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
        Make messages from phones durable; what is not whole yet is kept.

        Raises StoreUnavailable: then nothing is done that may not be done again.
        """
        heard: list[JoinedMessage] = []
        parts: list[HeldPart] = []
        for message in messages:
            if isinstance(message, InboundMms):
                heard += [heard_mms(carrier_id, mms) for mms in self._each(message)]
                continue
            piece = read(message)
            if piece.place is None:
                heard.append(_whole(carrier_id, message, piece))
            else:
                parts.append(self._part(carrier_id, message, piece.place))
        if parts:
            heard += await self._hold(parts)
        await self._keep(heard)

    def _each(self, mms: InboundMms) -> list[InboundMms]:
        """Give an MMS to each of its recipients that is ours; is none, to the first."""
        if not mms.others:
            return [mms]
        inventory, everybody = self._directory().inventory, (mms.recipient, *mms.others)
        ours: dict[str, None] = {}
        for recipient in everybody:
            number = inventory.place(recipient, "").number
            if is_reply_number(recipient):
                ours[recipient] = None
            elif number is not None:  # once, however many ways it is written in
                ours[number.value] = None
        return [
            replace(mms, recipient=number, others=())
            for number in ours or everybody[:1]
        ]

    async def turn(self) -> bool:
        """Work what waits: texts whose time is over, and what was assigned."""
        now = self._clock()
        parts = await self._store.ready_parts(now, MOST_HELD)
        await self._keep(await self._joined(parts, due=True))
        assigned = await self._store.assigned_unrouted(MOST_ASSIGNED)
        known = self._directory().accesses
        mine = [each for each in assigned if each.access_id in known]
        await self._keep([_assigned(each) for each in mine])
        return len(parts) >= MOST_HELD or len(mine) >= MOST_ASSIGNED

    async def _hold(self, parts: Sequence[HeldPart]) -> list[JoinedMessage]:
        """Keep parts; returns the texts that are whole with them."""
        held = await self._store.hold_parts(once(parts))
        kept = others(parts, held)
        if kept:
            more = await self._store.hold_parts(kept)
            held = sorted({p.id: p for p in (*held, *more)}.values(), key=_id)
        return await self._joined(held, due=False)

    async def _joined(
        self, parts: Sequence[HeldPart], *, due: bool
    ) -> list[JoinedMessage]:
        """Join parts, and forget copies of which nothing came."""
        heard, copies = joined(parts, self._clock(), due=due)
        if copies:
            await self._store.drop_parts(copies)
        return heard

    def _part(
        self, carrier_id: int, part: InboundPart, place: PartPosition
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
                if tag != MESSAGE_PAYLOAD  # that is the payload
            },
            part.at,
            place.reference,
            place.total,
            place.number,
            digest(part),
            self._clock() + self._join_timeout,
            Equals.ANOTHER if part.new else Equals.PERHAPS,
        )

    async def _keep(self, heard: Sequence[JoinedMessage]) -> None:
        """Store whole messages, and tell of them."""
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
        self._tell(received)

    def _draft(
        self,
        heard: JoinedMessage,
        message_id: int,
        thread: Conversation | None,
        now: float,
    ) -> InboundDraft:
        """Draft one; a bug of ours puts it in the tray and spares the others."""
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
        """Find what is answered, of those that came to a reply number."""
        found: list[Conversation | None] = [None] * len(heard)
        replies = [
            index
            for index, each in enumerate(heard)
            if each.assigned is None and is_reply_number(each.recipient)
        ]
        if replies:
            pairs = [(heard[i].recipient, heard[i].originator) for i in replies]
            threads = await self._store.conversations(pairs)
            for index, thread in zip(replies, threads, strict=True):
                found[index] = thread
        return found


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
    """Count messages, and log them; never what they say."""
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
