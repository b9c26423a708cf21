"""
Processes of the gateway's own beside it: how they are started, and spoken to.

Each is joined to the gateway by a socket that nobody else has an end of; values go over
it as pickles. It ends when its socket does, however the gateway ends.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import signal
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

from budstikke.log import configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

log = logging.getLogger("budstikke")

LENGTH = struct.Struct("!I")
"""What goes before each pickle: its octets."""

COLLECT = (5_000, 500, 100)
"""
When the garbage collector looks for cycles, by generation; in the gateway, too.

What is built at the start is never looked at again, and the path makes values without
cycles. What counts is how seldom the second generation is looked at, every 2.5 million
values: at full rate with delivery reports and callbacks the answers' p99 was 61 ms with
CPython's own thresholds and 12 ms with these. A look at the first holds the interpreter
while it goes through its values: 0.3 ms for 5,000, 5 ms and more for 50,000.
"""


def start(
    module: str, *arguments: str, keep: tuple[int, ...] = ()
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """
    Start a module as a process; returns it and our end of its socket.

    Its first argument is the descriptor of its own end. ``keep`` are descriptors that
    it inherits, too.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        # -P: nothing is imported from the folder that we happen to be started in.
        process = subprocess.Popen(  # noqa: S603 - it is ourselves
            [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
            pass_fds=(theirs.fileno(), *keep),
            stdin=subprocess.DEVNULL,
        )
    return process, ours


def begin() -> None:
    """
    Be such a process: signals that stop a service are the gateway's, which ends us.

    What is logged is written as the gateway writes it, also the bug that ends us: a
    traceback of Python's own would quote texts.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    configure("warning")
    sys.excepthook = _died


def _died(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    log.critical(
        "unhandled exception: this process ends", exc_info=(kind, error, trace)
    )


def frame(value: object) -> bytes:
    """Write a value."""
    data = pickle.dumps(value, protocol=5)
    return LENGTH.pack(len(data)) + data


def frames(buffer: bytearray) -> Iterator[Any]:
    """Take whole pickles off the front of a buffer."""
    place = 0
    while len(buffer) - place >= LENGTH.size:
        (length,) = LENGTH.unpack_from(buffer, place)
        end = place + LENGTH.size + length
        if len(buffer) < end:
            break
        with memoryview(buffer) as view, view[place + LENGTH.size : end] as data:
            value = pickle.loads(data)  # noqa: S301 - from ourselves
        place = end
        yield value
    del buffer[:place]


class Channel(asyncio.Protocol):
    """
    An end of the socket, on an event loop.

    Args:
        heard: Is given what the other end says.
        lost: Is called when the other end is gone, or has said that it ends.

    """

    def __init__(self, heard: Callable[[Any], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def on(
        cls,
        end: socket.socket,
        heard: Callable[[Any], None],
        lost: Callable[[], None],
    ) -> Channel:
        """Make one of an end of a socket."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(
            lambda: cls(heard, lost), sock=end
        )
        return channel

    @property
    def open(self) -> bool:
        """Whether the other end may hear us."""
        return self._transport is not None and not self._transport.is_closing()

    def say(self, value: object) -> None:
        """Give the other end a value; it must be open."""
        assert self._transport is not None  # noqa: S101 - see above
        self._transport.write(frame(value))

    def end(self) -> None:
        """Say that there is no more; ``lost`` is called when the other end is done."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hear what came."""
        self._buffer += data
        for value in frames(self._buffer):
            self._heard(value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so."""
        del exc
        self._lost()
