"""
Child processes of the gateway: how they are started, and how values are exchanged.

Gateway and child share a socket pair, over which values go as pickles. A child ends
when its socket closes, however the gateway ends.
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
"""The header of each pickle: its length in octets."""

COLLECT = (5_000, 500, 100)
"""
The garbage collector's thresholds, by generation; the gateway uses them, too.

What is built at the start is excluded from collection, and the message path makes no
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


def begin(level: str = "warning", node: str = "") -> None:
    """
    Begin as a child process: ignore the signals that stop the gateway, which ends us.

    Log lines are written as the gateway's are, also of an unhandled exception: Python's
    own traceback would quote texts.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    configure(level, node)
    sys.excepthook = _died


def _died(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    log.critical(
        "unhandled exception: this process ends", exc_info=(kind, error, trace)
    )


def frame(value: object) -> bytes:
    """Encode a value: its length and its pickle."""
    data = pickle.dumps(value, protocol=5)
    return LENGTH.pack(len(data)) + data


def frames(buffer: bytearray) -> Iterator[Any]:
    """Decode and remove the complete values at the front of a buffer."""
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
        heard: Is called with each value from the other end.
        lost: Is called when the other end has closed the socket.

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
        """Make a channel of one end of a socket pair."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(
            lambda: cls(heard, lost), sock=end
        )
        return channel

    @property
    def open(self) -> bool:
        """Whether the socket is open."""
        return self._transport is not None and not self._transport.is_closing()

    def say(self, value: object) -> None:
        """Send a value; the channel must be open."""
        assert self._transport is not None  # noqa: S101 - see above
        self._transport.write(frame(value))

    def end(self) -> None:
        """Send end of file; ``lost`` is called when the other end has closed, too."""
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
