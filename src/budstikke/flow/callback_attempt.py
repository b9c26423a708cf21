"""
Makes one attempt of a callback.

The dialect decides what goes where, how often it is attempted, and which answer means
that the customer has it. The order of callbacks is not decided here.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from budstikke import metrics
from budstikke.dialects.contract import Inbound, NeedsExtras, Replies, Reports, Signing
from budstikke.domain.callback import InboundExtras, SendEvent, Topic
from budstikke.domain.inbound import InboundEvent, MediaPart
from budstikke.domain.masking import masked
from budstikke.domain.message import StatusEvent
from budstikke.domain.refusal import Refusal
from budstikke.flow.ended_callback import over, waiting_reply
from budstikke.flow.transports import NotReached
from budstikke.store.contract import CallbackResult, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from budstikke.dialects.contract import CallsBack, Dialect
    from budstikke.domain.callback import Event, InboundRequirements, Policy
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.number_inventory import NumberInventory
    from budstikke.flow.transports import CallbackTransport
    from budstikke.store.contract import CallbackRow, Store
    from budstikke.wire import WireRequest, WireResponse

log = logging.getLogger("budstikke.notify")

ANSWER_KEPT = 200
"""Characters of a customer's answer to store with an attempt."""

REQUEST_KEPT = 2000
"""Characters of a request's body to store with a failed attempt."""

URL_KEPT = 4000

NOT_KEPT = frozenset({"webhook-signature", "authorization"})
"""Headers that are not stored."""

SOON = 5.0
"""Seconds until an attempt that failed by our own fault is repeated, uncounted."""

_NO_EXTRAS = InboundExtras()


class FindsSubscribers(Protocol):
    """The number directory."""

    async def find(self, number: str) -> tuple[str, str]:
        """Return a number's subscriber: name and address; empty: unknown."""


class Caller(NamedTuple):
    """The parts of a dialect that make callbacks; ``None``: it has no such part."""

    common: CallsBack[Any]
    reports: Reports[Any] | None
    inbound: Inbound[Any] | None
    extras: NeedsExtras[Any] | None
    signing: Signing[Any] | None
    replies: Replies | None


class Target(NamedTuple):
    """
    Where a callback goes, and how.

    ``url`` is the access's URL for the topic; empty: none.
    """

    access: Access
    caller: Caller
    topic: Topic
    url: str
    policy: Policy


class _Tried(NamedTuple):
    """An attempt: HTTP status (``None``: no answer), seconds, and request."""

    status: int | None = None
    took: float | None = None
    request: WireRequest | None = None


_NOT_TRIED = _Tried()


class CallbackAttempts:
    """
    Makes attempts.

    Args:
        store: Has the octets of MMS.
        transport: Makes requests.
        dialects: By name; they write requests and read answers.
        directory: Returns the current directory.
        clock: Unix seconds.
        subscribers: The number directory, if there is one.
        answer: Accepts a ``send`` callback as an order; raises Refusal and
            StoreUnavailable.

    """

    def __init__(
        self,
        *,
        store: Store,
        transport: CallbackTransport,
        dialects: Mapping[str, Dialect],
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        subscribers: FindsSubscribers | None = None,
        answer: Callable[[CallbackRow], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._transport = transport
        self._callers = {name: _caller(each) for name, each in dialects.items()}
        self._directory = directory
        self._clock = clock
        self._subscribers = subscribers
        self._answer = answer

    def target(self, access_id: int, event: Event) -> Target | None:
        """
        Return where an event's callback goes.

        ``None``: the access is gone, its dialect has no such callback, or an inbound
        message has no URL. A delivery report may have an empty URL here: its order may
        have its own.
        """
        directory = self._directory()
        access = directory.accesses.get(access_id)
        if access is None or isinstance(event, SendEvent):
            return None
        topic, number_url = Topic.STATUS, ""
        if isinstance(event, InboundEvent):
            topic = Topic.REPLY if event.reply else Topic.INBOUND
            number_url = _number_url(event, directory.inventory)
        caller = self._callers[access.dialect]
        policy = caller.common.policies.get(topic) if caller is not None else None
        if caller is None or policy is None:
            return None
        url = caller.common.url(topic, access.settings, number_url)
        if not (url or topic is Topic.STATUS):
            return None
        return Target(access, caller, topic, url, policy)

    def knows(self, access_id: int) -> bool:
        """Whether the access exists; it may get a URL later."""
        return access_id in self._directory().accesses

    async def attempt(self, row: CallbackRow, target: Target | None) -> CallbackResult:
        """
        Make one attempt; never raises.

        The result's ``took`` is ``None`` if no request was made, its ``status`` if no
        answer came. The state is ``done``, or by the policy ``due`` or ``failed``. An
        attempt that does not count leaves ``tries`` as it was.
        """
        try:
            url = "" if target is None else _url(row.event, target)
            if target is None or not url:
                return await self._without_url(row)
            return await self._call(row, target, url)
        except StoreUnavailable:
            now = self._clock()
            return CallbackResult(row.id, "due", now + SOON, row.tries, "", now)
        except Exception:
            log.exception(
                "callback of message %d failed: internal error", row.event.message_id
            )
            if target is None:
                return self._over(row, "failed", "internal error")
            return self._not_understood(row, target, "internal error")

    async def _call(self, row: CallbackRow, target: Target, url: str) -> CallbackResult:
        event, settings = row.event, target.access.settings
        request = await self._write(event, target, url)
        if request is None:
            return self._over(row, "done", "nothing to send for this event")
        signing = target.caller.signing
        if signing is not None:
            request = signing.sign(request, settings, self._clock())
        began = monotonic()
        try:
            if target.policy.timeout is None:
                answer = await self._transport.deliver(request)
            else:
                answer = await self._transport.deliver(request, target.policy.timeout)
        except NotReached as error:
            tried = _Tried(None, monotonic() - began, request)
            return self._not_understood(row, target, str(error), tried)
        took = monotonic() - began
        text = _readable(answer.body[:ANSWER_KEPT])
        moved = 300 <= answer.status < 400
        understood = target.caller.common.understood
        if moved or not understood(target.topic, answer, settings):
            why = f"HTTP {answer.status} {text}".rstrip()
            tried = _Tried(answer.status, took, request)
            return self._not_understood(row, target, why, tried)
        now = self._clock()
        metrics.callback_done(target.topic, now - event.at)
        return CallbackResult(
            row.id,
            "done",
            None,
            row.tries + 1,
            text,
            now,
            answer.status,
            took,
            described(request) if row.tries else "",
            self._receipt(event, answer, target.caller.replies),
        )

    async def _write(
        self, event: Event, target: Target, url: str
    ) -> WireRequest | None:
        """Let the dialect write its request; ``None``: it has none for this event."""
        settings, caller = target.access.settings, target.caller
        if isinstance(event, StatusEvent):
            reports = caller.reports
            return None if reports is None else reports.report(event, url, settings)
        inbound = caller.inbound
        if inbound is None or isinstance(event, SendEvent):
            return None
        extras = _NO_EXTRAS
        if caller.extras is not None:
            needs = caller.extras.requirements(settings)
            extras = await self._extras(event, needs) if any(needs) else extras
        return inbound.inbound(event, extras, url, settings)

    async def _extras(
        self, event: InboundEvent, needs: InboundRequirements
    ) -> InboundExtras:
        """Look up what else the dialect needs for an inbound message."""
        files: tuple[MediaPart, ...] = ()
        name = address = ""
        if needs.files and event.media:
            parts = await self._store.media_parts([ref.id for ref in event.media])
            files = tuple(
                parts.get(ref.id) or MediaPart(ref.name, ref.type, b"")
                for ref in event.media
            )
        if needs.subscriber and self._subscribers is not None:
            name, address = await self._subscribers.find(event.originator)
        return InboundExtras(files, name, address)

    async def _without_url(self, row: CallbackRow) -> CallbackResult:
        event = row.event
        if not isinstance(event, SendEvent):
            return self._over(row, "done", "no callback URL")
        if not event.text:
            return self._over(row, "done", "nothing to send")
        if self._answer is None:
            return self._over(row, "failed", "auto-replies are off on this node")
        try:
            await self._answer(row)
        except Refusal as refusal:
            log.warning(
                "auto-reply refused",
                extra={
                    "message_id": event.message_id,
                    "about": event.why,
                    "refusal": refusal.code.value,
                },
            )
            metrics.callback_attempted("send", "failed")
            return self._over(row, "failed", f"refused: {refusal.code}")
        metrics.callback_attempted("send", "done")
        return self._over(row, "done", "")

    def _over(self, row: CallbackRow, state: str, why: str) -> CallbackResult:
        return over(row, state, why, self._clock(), self._directory().inventory)

    def given_up(self, row: CallbackRow, why: str) -> CallbackResult:
        """Fail a callback without another attempt."""
        return self._over(row, "failed", why)

    def _not_understood(
        self,
        row: CallbackRow,
        target: Target,
        why: str,
        tried: _Tried = _NOT_TRIED,
    ) -> CallbackResult:
        now = self._clock()
        tries = row.tries + 1
        due_at = target.policy.next_try(tries, now)
        over = due_at is None
        last = "paused" if target.policy.queued else "failed"
        metrics.callback_attempted(target.topic, last if over else "again")
        log.info(
            "callback not accepted by the customer",
            extra={
                "callback_id": row.id,
                "message_id": row.event.message_id,
                "topic": target.topic.value,
                "tries": tries,
                "why": status_only(why),
                "again_at": due_at,
            },
        )
        return CallbackResult(
            row.id,
            "failed" if over else "due",
            due_at,
            tries,
            why[:ANSWER_KEPT],
            now,
            tried.status,
            tried.took,
            described(tried.request) if tried.request is not None else "",
            self._receipt(row.event, None) if over else None,
        )

    def _receipt(
        self, event: Event, answer: WireResponse | None, replies: Replies | None = None
    ) -> tuple[int, str] | None:
        return waiting_reply(event, self._directory().inventory, answer, replies)


def described(request: WireRequest) -> str:
    """Write a request for the delivery log: cut, secrets masked."""
    lines = [f"{request.method} {masked(request.target)[:URL_KEPT]}"]
    lines += [
        f"{name}: {value}"
        for name, value in request.headers.items()
        if name.lower() not in NOT_KEPT
    ]
    if request.body:
        head = _readable(request.body[: REQUEST_KEPT * 4])
        lines += ["", head[:REQUEST_KEPT]]
    return "\n".join(lines)


def _readable(octets: bytes) -> str:
    """Decode octets as UTF-8 as far as possible, without NUL (databases refuse it)."""
    return octets.decode("utf-8", "replace").replace("\0", "\ufffd")


def _caller(dialect: Dialect) -> Caller | None:
    """Return a dialect's parts that make callbacks; ``None``: it has none."""
    reports = dialect if isinstance(dialect, Reports) else None
    inbound = dialect if isinstance(dialect, Inbound) else None
    common = reports or inbound
    if common is None:
        return None
    extras = dialect if isinstance(dialect, NeedsExtras) else None
    signing = dialect if isinstance(dialect, Signing) else None
    replies = dialect if isinstance(dialect, Replies) else None
    return Caller(common, reports, inbound, extras, signing, replies)


def _url(event: Event, target: Target) -> str:
    """Return a callback's URL: the order's own, or else the access's."""
    own = event.url if isinstance(event, StatusEvent) else None
    return own or target.url


def _number_url(event: InboundEvent, inventory: NumberInventory) -> str:
    """Return the URL of an inbound message's keyword or number; empty: none."""
    if event.keyword_id:
        keyword = inventory.keywords.get(event.keyword_id)
        return keyword.url if keyword is not None else ""
    number = inventory.numbers.get(event.number_id)
    return number.url if number is not None else ""


def status_only(why: str) -> str:
    """Remove the answer's body, which may quote the text. For logs."""
    return " ".join(why.split()[:2]) if why.startswith("HTTP ") else why
