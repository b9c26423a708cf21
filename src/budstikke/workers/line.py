"""
The line between the gateway and a worker: calls in both directions, over a socket pair.

What one side has to say in a turn of its loop goes in one write. A call is answered
with a value or with the exception that it raised. What was begun is brought to its end,
also when nobody waits for it any more: an order that is being stored must not be left
halfway. Only calls that are named so end with their caller.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from budstikke.domain.refusal import Refusal
from budstikke.store.contract import StoreUnavailable
from budstikke.subprocesses import Channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Function = Callable[..., Awaitable[Any]]
    Heard = Callable[..., None]

    Item = tuple[int, int, str, Any]
    """What it is, the call's number, a function's name, its arguments or its result."""

log = logging.getLogger("budstikke.workers")

CALL, NOTE, DONE, FAILED, CANCEL = range(5)
"""What an item is: a call, a call without an answer, two answers, a call that ends."""

ANSWERS: Final = (Refusal, StoreUnavailable)
"""Exceptions that answer a call; any other is a fault, and is logged where it is."""


class LineLostError(ConnectionError):
    """The other side has ended."""


class Line:
    """
    One end of the line; use from one event loop.

    Args:
        functions: What the other side may call, by name.
        notes: What it may call without an answer; these are run in order, at once.
        lost: Is called when the other side has ended.
        tied: Functions that are cancelled when their caller is, or has ended.

    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        notes: Mapping[str, Heard],
        lost: Callable[[], None],
        tied: frozenset[str] = frozenset(),
    ) -> None:
        self._functions = functions
        self._notes = notes
        self._lost = lost
        self._tied = tied
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._tied_now: dict[int, asyncio.Task[None]] = {}
        self._unsaid: list[Item] = []
        self._channel: Channel | None = None

    async def connect(self, end: socket.socket) -> None:
        """Begin, on our end of the socket pair."""
        self._channel = await Channel.on(end, self._heard, self._ended)
        self._flush()  # answers that were written meanwhile

    @property
    def open(self) -> bool:
        """Whether the other side is there."""
        return self._channel is not None and self._channel.open

    def close(self) -> None:
        """Send what waits, and end the line."""
        self._flush()
        if self._channel is not None:
            self._channel.end()

    async def ask(self, name: str, *arguments: object) -> Any:
        """Call a function of the other side; raises as it does, or LineLostError."""
        if not self.open:
            raise LineLostError
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        self._asked[number] = future = loop.create_future()
        self._say((CALL, number, name, arguments))
        try:
            return await future
        except asyncio.CancelledError:
            if self._asked.pop(number, None) is not None:
                self._say((CANCEL, number, "", None))
            raise

    def note(self, name: str, *arguments: object) -> None:
        """Call a function of the other side that gives no answer."""
        if self.open:
            self._say((NOTE, 0, name, arguments))

    def _say(self, item: Item) -> None:
        if not self._unsaid:  # messages of one turn of the loop go together
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsaid.append(item)

    def _flush(self) -> None:
        if self._channel is None:
            return  # it is being connected
        items, self._unsaid = self._unsaid, []
        if not items or not self._channel.open:
            return
        try:
            self._channel.say(items)
        except Exception:  # one of them cannot be written: the others can
            log.exception("a message to another process cannot be written")
            for item in filter(None, map(self._writable, items)):
                self._channel.say([item])

    def _writable(self, item: Item) -> Item | None:
        """Return an item that can be written; in the place of others a failure."""
        kind, number = item[:2]
        try:
            pickle.dumps(item, protocol=5)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged above
            failure = RuntimeError(type(error).__name__)
            if kind == CALL:
                self._answered(number, failure, failed=True)
            return (FAILED, number, "", failure) if kind == DONE else None
        return item

    def _heard(self, items: Sequence[Item]) -> None:
        for kind, number, name, value in items:
            if kind == CALL:
                self._begin(number, name, value)
            elif kind == NOTE:
                self._notes[name](*value)
            elif kind == CANCEL:
                if number in self._tied_now:
                    self._tied_now[number].cancel()
            else:
                self._answered(number, value, failed=kind == FAILED)

    def _answered(self, number: int, value: Any, *, failed: bool) -> None:
        future = self._asked.pop(number, None)
        if future is None or future.done():
            return  # its caller was cancelled
        if failed:
            future.set_exception(value)
        else:
            future.set_result(value)

    def _begin(self, number: int, name: str, arguments: Sequence[Any]) -> None:
        task = asyncio.ensure_future(self._work(number, name, arguments))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        if name in self._tied:
            self._tied_now[number] = task
            task.add_done_callback(lambda _: self._tied_now.pop(number))

    async def _work(self, number: int, name: str, arguments: Sequence[Any]) -> None:
        """Do a call, and answer it."""
        answer: Item
        try:
            answer = (DONE, number, "", await self._functions[name](*arguments))
        except ANSWERS as error:
            answer = (FAILED, number, "", error.with_traceback(None))
        except Exception as error:
            log.exception("call of another process failed: internal error in %s", name)
            answer = (FAILED, number, "", RuntimeError(type(error).__name__))
        self._say(answer)

    def _ended(self) -> None:
        """Cancel the other side's calls, and fail our calls to it."""
        for task in self._tied_now.values():
            task.cancel()
        asked, self._asked = self._asked, {}
        for future in asked.values():
            if not future.done():
                future.set_exception(LineLostError())
        self._lost()
