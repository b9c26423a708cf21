"""
The simulated phones: the messages that they received, and those that they send.

Pure and in memory: a phone exists once it is used; time is an argument. Memory is
limited: messages of a phone, messages in all (the phone that was used least recently
goes first), and long texts with missing parts.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

import msgspec

from budstikke.carriers.simulator.album import Album, shown
from budstikke.carriers.simulator.faults import Faults
from budstikke.carriers.simulator.texts import Change, Composed, Message, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from budstikke.domain.inbound import MediaPart
    from budstikke.domain.message import MmsContent, Part

    Watcher = Callable[[str], None]

__all__ = ["Change", "Composed", "Message", "Phones", "Summary", "phone_number"]

REPLACE_TYPES = range(0x41, 0x48)
"""Protocol identifiers of messages that replace another (TS 23.040 § 9.2.3.9)."""

SENT_KEPT = 100
"""How many of its own messages a phone keeps."""


class _Phone:
    """One phone; ``replaceable``: by type, the message that the next one replaces."""

    __slots__ = ("messages", "replaceable", "sent")

    def __init__(self) -> None:
        # Lists: a deque takes half a kilobyte, and there may be many phones.
        self.messages: list[Message] = []
        self.sent: list[Composed] = []
        self.replaceable: dict[tuple[str, int], Message] = {}


class Phones:
    """
    All simulated phones, by E.164 number with ``+``.

    Args:
        per_phone: Messages to keep of one phone; the oldest go first.
        total: Messages to keep in all.
        unfinished: Long texts with missing parts to keep.
        outbox: Messages from phones that may wait for a carrier.

    Attributes:
        faults: Of the SMPP servers in front of these phones.

    """

    def __init__(
        self,
        *,
        per_phone: int = 500,
        total: int = 50_000,
        unfinished: int = 10_000,
        outbox: int = 10_000,
    ) -> None:
        self.faults = Faults()
        self._per_phone = per_phone
        self._total = max(total, per_phone)
        self._most_unfinished = unfinished
        self._most_outbox = outbox
        self._phones: OrderedDict[str, _Phone] = OrderedDict()
        self._off: set[str] = set()
        self._parts: OrderedDict[Hashable, list[str | None]] = OrderedDict()
        self._outbox: deque[Composed] = deque()
        self._watchers: dict[Change, list[Watcher]] = {change: [] for change in Change}
        self._last_id = 0
        self._kept = 0
        self._album = Album()

    def fault_switches(self) -> dict[str, object]:
        """Return the faults by name."""
        return msgspec.structs.asdict(self.faults)

    def switch_faults(self, changes: Mapping[str, object] | None) -> None:
        """Switch faults; ``None``: all off. Raises ValueError."""
        if changes is None:
            self.faults = Faults()
        else:
            self.faults = msgspec.convert({**self.fault_switches(), **changes}, Faults)

    def number(self, written: str) -> str:
        """Return a phone's number as E.164; see ``phone_number``."""
        return phone_number(written)

    # What phones receive

    def receive(
        self, part: Part, group: Hashable, at: float, segments: int = 1
    ) -> Message | None:
        """
        Put a part on its recipient's phone, whether it is on or off.

        Returns the message, or ``None`` while parts of it are missing; they may come in
        any order and more than once.

        Args:
            part: If its ``total`` is 1, it is a whole message.
            group: The same for all parts of one message from one sender to one
                recipient.
            at: Unix seconds.
            segments: How many segments a whole message has, if its operator cut it.


        """
        text = part.text if part.total == 1 else self._join(part, group)
        if text is None:
            return None
        if part.encoding == "ucs2":
            text = _mended(text)
        phone = self._touch(part.recipient)
        self._last_id += 1
        message = Message(
            self._last_id,
            part.originator,
            text,
            part.encoding,
            segments if part.total == 1 else part.total,
            part.flash,
            part.protocol_id,
            at,
        )
        if part.protocol_id in REPLACE_TYPES:
            self._oust(phone, message)
        phone.messages.append(message)
        self._kept += 1
        self._prune(phone)
        self._notify(Change.RECEIVED, part.recipient)
        return message

    def receive_mms(self, part: Part, content: MmsContent, at: float) -> Message:
        """Put an MMS on its recipient's phone; ``at`` is Unix seconds."""
        self._last_id += 1
        texts, parts = shown(content)
        message = Message(
            id=self._last_id,
            originator=part.originator,
            text=texts,
            encoding="mms",
            segments=1,
            flash=False,
            protocol_id=0,
            received_at=at,
            kind="mms",
            subject=content.subject,
            parts=self._album.keep(self._last_id, parts),
        )
        phone = self._touch(part.recipient)
        phone.messages.append(message)
        self._kept += 1
        self._prune(phone)
        self._notify(Change.RECEIVED, part.recipient)
        return message

    def media(self, message_id: int) -> tuple[MediaPart, ...]:
        """Return the content of an MMS of a phone; empty: it was dropped."""
        return self._album.look(message_id)

    def _join(self, part: Part, group: Hashable) -> str | None:
        """Keep a part of a long text; return the text once it is whole."""
        if not 1 <= part.number <= part.total:
            return part.text
        key = (part.recipient, part.originator, group, part.total)
        parts = self._parts.get(key)
        if parts is None:
            parts = self._parts[key] = [None] * part.total
            if len(self._parts) > self._most_unfinished:
                self._parts.popitem(last=False)
        parts[part.number - 1] = part.text
        whole = [text for text in parts if text is not None]
        if len(whole) < part.total:
            return None
        self._parts.pop(key, None)
        return "".join(whole)

    def _oust(self, phone: _Phone, message: Message) -> None:
        """Remove the message that this one replaces by its protocol identifier."""
        key = (message.originator, message.protocol_id)
        earlier = phone.replaceable.get(key)
        if earlier is not None:
            phone.messages.remove(earlier)
            self._kept -= 1
        phone.replaceable[key] = message

    def _prune(self, phone: _Phone) -> None:
        if len(phone.messages) > self._per_phone:
            oldest = phone.messages.pop(0)
            self._kept -= 1
            key = (oldest.originator, oldest.protocol_id)
            if phone.replaceable.get(key) is oldest:
                del phone.replaceable[key]
        while self._kept > self._total:
            _, quietest = self._phones.popitem(last=False)
            self._kept -= len(quietest.messages)

    def _touch(self, number: str) -> _Phone:
        """Return a phone, and make it the one that was used last."""
        phone = self._phones.get(number)
        if phone is None:
            phone = self._phones[number] = _Phone()
        else:
            self._phones.move_to_end(number)
        return phone

    # For people

    def messages(self, number: str, after: int = 0) -> list[Message]:
        """List what a phone received, oldest first, with ids above ``after``."""
        phone = self._phones.get(number)
        if phone is None:
            return []
        return [message for message in phone.messages if message.id > after]

    def sent(self, number: str) -> list[Composed]:
        """List the messages that a phone sent, oldest first (the last hundred)."""
        phone = self._phones.get(number)
        return [] if phone is None else phone.sent.copy()

    def summaries(self, limit: int = 1000) -> list[Summary]:
        """List phones, the one used last first."""
        summaries: list[Summary] = []
        for number in reversed(self._phones):
            if len(summaries) == limit:
                break
            summaries.append(self.summary(number))
        return summaries

    def summary(self, number: str) -> Summary:
        """Describe one phone; it need not have been used."""
        phone = self._phones.get(number)
        messages: Sequence[Message] = () if phone is None else phone.messages
        last_at = messages[-1].received_at if messages else 0.0
        return Summary(number, number not in self._off, len(messages), last_at)

    def empty(self, number: str) -> int:
        """Delete a phone's messages; return how many it had received."""
        phone = self._phones.get(number)
        if phone is None:
            return 0
        gone = len(phone.messages)
        self._kept -= gone
        self._phones[number] = _Phone()
        for key in [key for key in self._parts if _recipient(key) == number]:
            del self._parts[key]
        self._notify(Change.EMPTIED, number)
        return gone

    def is_on(self, number: str) -> bool:
        """Whether a phone is on; it is until it is switched off."""
        return number not in self._off

    def switch(self, number: str, *, on: bool) -> None:
        """Switch a phone on or off; its messages wait with the operator meanwhile."""
        self._touch(number)
        if on:
            self._off.discard(number)
        else:
            self._off.add(number)
        self._notify(Change.SWITCHED, number)

    # What phones send

    def compose(
        self,
        number: str,
        to: str,
        text: str,
        at: float,
        mms: tuple[str, tuple[MediaPart, ...]] | None = None,
    ) -> Composed | None:
        """
        Send a text or an MMS from a phone: queue it for a carrier to deliver.

        ``mms`` is its subject and its parts beside the text.

        Returns ``None``, and sends nothing, if the queue is full because no carrier
        took messages for too long.
        """
        if len(self._outbox) >= self._most_outbox:
            return None
        self._last_id += 1
        composed = Composed(self._last_id, number, to, text, at)
        if mms is not None:
            subject, files = mms
            parts = self._album.keep(self._last_id, files)
            composed = msgspec.structs.replace(
                composed, kind="mms", subject=subject, parts=parts
            )
        sent = self._touch(number).sent
        sent.append(composed)
        del sent[:-SENT_KEPT]
        self._outbox.append(composed)
        self._notify(Change.COMPOSED, number)
        return composed

    def take(
        self, limit: int, serves: Sequence[str] = (), *, mms: bool = False
    ) -> list[Composed]:
        """
        Take messages, in order, to numbers that begin with one of ``serves``.

        An empty ``serves`` means any number. Without ``mms`` MMS stay for other
        carriers. If a message cannot be delivered, return it by ``put_back``.
        """
        taken: list[Composed] = []
        left: list[Composed] = []
        prefixes = tuple(serves) or ("",)
        while self._outbox and len(taken) < limit:
            composed = self._outbox.popleft()
            mine = composed.to.startswith(prefixes) and (mms or composed.kind == "sms")
            (taken if mine else left).append(composed)
        self._outbox.extendleft(reversed(left))
        return taken

    def put_back(self, taken: Sequence[Composed]) -> None:
        """Put messages that could not be delivered back, first in the queue."""
        self._outbox.extendleft(reversed(taken))

    # Watchers

    def watch(
        self, watcher: Watcher, changes: Iterable[Change] = tuple(Change)
    ) -> Callable[[], None]:
        """Call ``watcher`` with a phone's number at these changes; returns an undo."""
        lists = [self._watchers[change] for change in changes]
        for watchers in lists:
            watchers.append(watcher)

        def stop() -> None:
            for watchers in lists:
                if watcher in watchers:
                    watchers.remove(watcher)

        return stop

    def _notify(self, change: Change, number: str) -> None:
        for watcher in tuple(self._watchers[change]):
            watcher(number)


def _recipient(key: Hashable) -> object:
    """Return whose part the key of an unfinished text is."""
    return key[0] if isinstance(key, tuple) else None


def _mended(text: str) -> str:
    """Join surrogates from different parts; replace those without a partner."""
    octets = text.encode("utf-16-le", "surrogatepass")
    return octets.decode("utf-16-le", "replace")


def phone_number(written: str) -> str:
    """
    Return a phone's number as E.164 with ``+``.

    It may begin with ``+``, ``00``, nothing, or the blank that an unescaped ``+`` in a
    URL becomes; blanks inside are ignored.

    Raises:
        ValueError: It is not 3 to 15 digits.

    """
    digits = written.replace(" ", "")
    digits = (
        digits.removeprefix("+") if digits[:1] == "+" else digits.removeprefix("00")
    )
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= 15):
        raise ValueError("a phone's number is + and 3 to 15 digits")
    return "+" + digits
