"""
Drafts of inbound messages: their access, callbacks and auto-replies.

All of it comes from the directory in memory; nothing here waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from budstikke.dialects.contract import Inbound, KeepsEvents, Replies
from budstikke.dialects.delivery_contract import Delivers
from budstikke.domain import stop
from budstikke.domain.callback import SendEvent, topic_of
from budstikke.domain.inbound import InboundEvent, Kind, MediaRef, mms_text
from budstikke.domain.keyword_reply import waits, without_answer
from budstikke.domain.number_inventory import NumberKind, NumberMatch, is_reply_number
from budstikke.domain.reassembly import PhoneText
from budstikke.store.contract import InboundDraft, MediaRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from budstikke.dialects.contract import Dialect
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.inbound import InboundMms
    from budstikke.store.contract import Conversation, Unrouted

MEDIA_DIGITS = 20
"""Digits of the id of an MMS's part: who knows it may read the part."""


REPLY_WAIT = 86_400.0
"""
Seconds that a reply waits for the customer's answer to the callback.

That is longer than a dialect tries; a callback that fails ends the wait at once.
"""


class JoinedMessage(NamedTuple):
    """
    A whole inbound message.

    Attributes:
        at: When the phone sent it, as far as known, Unix seconds.
        held: Ids of the parts from which it was reassembled.
        mms: The MMS, if it is one.
        assigned: The unrouted message in the store, if an administrator assigned it.

    """

    carrier_id: int
    originator: str
    recipient: str
    at: float
    reading: PhoneText
    held: tuple[int, ...] = ()
    mms: InboundMms | None = None
    assigned: Unrouted | None = None


def heard_mms(carrier_id: int, mms: InboundMms) -> JoinedMessage:
    """Read an MMS: its text is its subject and its text parts, a line each."""
    reading = PhoneText(Kind.MMS, mms_text(mms.subject, mms.parts))
    return JoinedMessage(
        carrier_id, mms.originator, mms.recipient, mms.at, reading, mms=mms
    )


class _Way(NamedTuple):
    """Where a message is routed; without ``access`` it is unrouted."""

    access: Access | None
    match: NumberMatch
    reply: bool = False
    reply_to: int = 0
    stop: str = ""
    """The word for STOP in front of a keyword; empty: none."""


class InboundDrafter:
    """
    Makes drafts of inbound messages.

    Args:
        directory: Returns the current directory.
        dialects: By name; they have URLs and policies.
        random: For secret ids.
        receipt_wait: Seconds that an auto-reply waits for the customer's answer.

    """

    def __init__(
        self,
        *,
        directory: Callable[[], Directory],
        dialects: Mapping[str, Dialect],
        random: Random,
        receipt_wait: float,
    ) -> None:
        self._directory = directory
        self._inbound = {
            name: each if isinstance(each, Inbound) else None
            for name, each in dialects.items()
        }
        self._keeps_events = frozenset(
            name for name, each in dialects.items() if isinstance(each, KeepsEvents)
        )
        self._delivers = frozenset(
            name for name, each in dialects.items() if isinstance(each, Delivers)
        )
        self._replies = frozenset(
            name for name, each in dialects.items() if isinstance(each, Replies)
        )
        self._random = random
        self._receipt_wait = receipt_wait

    def unrouted(
        self, message: JoinedMessage, message_id: int, now: float
    ) -> InboundDraft:
        """Draft a message that goes to no access: it is stored as unrouted."""
        reading = message.reading
        event = InboundEvent(
            message_id=message_id,
            kind=reading.kind,
            originator=message.originator,
            recipient=message.recipient,
            text=reading.text,
            data=reading.data,
            sent_at=message.at,
            came_at=now,
            missing=reading.missing,
        )
        return InboundDraft(
            event,
            message.carrier_id,
            message.recipient,
            None,
            None,
            held=list(message.held),
            assigned=message.assigned is not None,
        )

    def draft(
        self,
        message: JoinedMessage,
        message_id: int,
        thread: Conversation | None,
        now: float,
    ) -> InboundDraft:
        """Draft a message; ``thread``: the message that it answers, if known."""
        way = self._way(message, thread)
        draft = self.unrouted(message, message_id, now)
        event = draft.event
        number = way.match.number
        if number is not None:
            event.number_id = number.id
            if number.kind is not NumberKind.SERIES:  # as registered, not as written
                event.recipient = draft.recipient = number.value
        if way.match.keyword is not None:
            event.keyword_id = way.match.keyword.id
            event.keyword = way.match.keyword.word
        event.reply, event.reply_to = way.reply, way.reply_to
        if message.mms is not None:
            draft.media = self._media(message.mms)
            event.subject = message.mms.subject
            event.media = tuple(
                MediaRef(row.id, row.name, row.type, len(row.data))
                for row in draft.media
            )
        if message.assigned is not None:
            known = message.assigned.event
            event.came_at = known.came_at
            event.subject, event.media = known.subject, known.media
        access = way.access
        if access is not None:
            draft.access_id, draft.account_id = access.id, access.account.id
            self._add_callback(draft, access, way.match)
            self._answer(draft, access, way, _said(message, way), now)
        return draft

    # Routing

    def _way(self, message: JoinedMessage, thread: Conversation | None) -> _Way:
        directory = self._directory()
        recipient, text = message.recipient, message.reading.text
        reply = is_reply_number(recipient)
        assigned = message.assigned
        if thread is not None and reply and assigned is None:
            access = directory.accesses.get(thread.access_id)
            if access is not None:
                return _Way(access, NumberMatch(None), reply, thread.message_id)
        match = directory.inventory.find(recipient, text)
        word = ""
        if match.keyword is None or not match.keyword.word:
            match, word = self._meant(message, match)
        number = match.number
        if number is not None and number.kind is not NumberKind.SERIES:
            reply = False
        access_id = match.access_id
        if assigned is not None and access_id != assigned.access_id:
            access_id, match, word = assigned.access_id, NumberMatch(number), ""
        access = directory.accesses.get(access_id) if access_id else None
        return _Way(access, match, reply, stop=word)

    def _meant(
        self, message: JoinedMessage, match: NumberMatch
    ) -> tuple[NumberMatch, str]:
        """
        Find a keyword that is not the text's first word.

        The text of an MMS begins with its subject, and ``STOP NEWS`` with a word for
        STOP.
        """
        inventory, recipient = self._directory().inventory, message.recipient
        mms = message.mms
        if mms is not None and mms.subject.strip():
            matched = inventory.find(recipient, mms_text("", mms.parts))
            if matched.keyword is not None and matched.keyword.word:
                return matched, ""
        for text in _texts(message):
            for head, rest in stop.heads(text):
                named = inventory.named(recipient, rest)
                if named is not None:
                    return named, head
        return match, ""

    # Callbacks

    def _add_callback(
        self, draft: InboundDraft, access: Access, match: NumberMatch
    ) -> None:
        if access.dialect in self._delivers:
            draft.notify = True
            return
        dialect = self._inbound[access.dialect]
        topic = topic_of(draft.event)
        policy = dialect.policies.get(topic) if dialect is not None else None
        if dialect is None or policy is None:
            return
        if access.dialect not in self._keeps_events:
            keyword, number = match.keyword, match.number
            url = keyword.url if keyword is not None else ""
            url = url or (number.url if number is not None else "")
            if not dialect.url(topic, access.settings, url):
                return
        draft.notify, draft.queued = True, policy.queued

    # Auto-replies

    def _answer(
        self,
        draft: InboundDraft,
        access: Access,
        way: _Way,
        said: Sequence[str],
        now: float,
    ) -> None:
        """Opt the sender out after a STOP word, or auto-reply for its keyword."""
        event, account, keyword = draft.event, access.account, way.match.keyword
        if not event.originator.startswith("+"):
            return  # not a phone number: it can be neither answered nor opted out
        if account.stop and any(stop.is_stop(text, account.stop) for text in said):
            event.opt_out = draft.opt_out = True
            if account.stop_reply:
                draft.sends.append((_send(event, account.stop_reply, "stop", now), now))
        elif keyword is not None and keyword.receipt:
            if not waits(keyword.receipt):
                sent = _send(event, keyword.receipt, "receipt", now)
                draft.sends.append((sent, now))
                return
            text = without_answer(keyword.receipt)
            sent = _send(event, text, "receipt", now)
            if draft.notify:
                draft.waiting = len(draft.sends)
                draft.sends.append((sent, now + self._receipt_wait))
            elif text:
                draft.sends.append((sent, now))
        elif draft.notify and access.dialect in self._replies:
            draft.waiting = len(draft.sends)
            draft.sends.append((_send(event, "", "reply", now), now + REPLY_WAIT))

    def _media(self, mms: InboundMms) -> list[MediaRow]:
        first = 10 ** (MEDIA_DIGITS - 1)
        return [
            MediaRow(
                str(self._random.randrange(first, 10 * first)),
                place,
                part.name,
                part.type,
                part.data,
            )
            for place, part in enumerate(mms.parts, 1)
        ]


def _texts(message: JoinedMessage) -> list[str]:
    """List the texts that may be a STOP word: all of it, and an MMS without subject."""
    text, mms = message.reading.text, message.mms
    if mms is None or not mms.subject.strip():
        return [text]
    return [text, mms_text("", mms.parts)]


def _said(message: JoinedMessage, way: _Way) -> list[str]:
    return [way.stop] if way.stop else _texts(message)


def _send(event: InboundEvent, text: str, why: str, now: float) -> SendEvent:
    return SendEvent(
        event.message_id, event.originator, event.recipient, text, why, now
    )
