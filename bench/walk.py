"""
The way of one recipient through the code: functions, files, changes between files.

A gateway in this process (SQLite in threads, callbacks in the loop) is bound by SMPP to
``budstikke simulator``. It gets ten requests of one message each, and every call of a
function of ours is noted on the way from the request to the callback that says
``delivered``. Of each step the most usual way is shown: others have calls of a timer
in between.

What counts is how often a reader has to go back to a file that was left before: the
step is then spread over its files. ``-v`` lists the functions; a line for each change
of file.

    .venv/bin/python -m bench.walk [-v]
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

import budstikke
from bench.processes import free_ports
from budstikke import config
from budstikke.carriers import KINDS
from budstikke.carriers.simulator.phones import Phones
from budstikke.dialects import HTTP_DIALECTS, IDENTIFY
from budstikke.gateway import SETTINGS, Gateway
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.servers.fast_path import FastPathProtocol
from budstikke.servers.guard import Guard
from budstikke.servers.http import HttpServer
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from types import FrameType

SOURCE = f"{Path(budstikke.__file__).parent}/"
TURNS = 10
QUIET = 0.15
"""Seconds after the customer's answer until what came of it is written."""

CONFIGURATION = """
[[carrier]]
name = "operator"
kind = "smpp"
[carrier.settings]
host = "127.0.0.1"
port = {operator}
system_id = "test"
password = "test"
[[route]]
prefix = "+"
carriers = ["operator"]
[[account]]
name = "acme"
originators = ["*"]
[[account.access]]
dialect = "front"
id = "1234"
password = "demo"
require_https = false
settings = {{ status_url = "http://127.0.0.1:{customer}/", status_interim = false }}
"""
REQUEST = (
    "GET /psk/push.php?serviceid=1234&password=demo&phoneno=479999{:04}"
    "&txt=Hei&fromid=Test HTTP/1.1\r\nHost: x\r\n\r\n"
)
CUSTOMERS_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK"


class Call(NamedTuple):
    """A call of a function, or a coroutine that goes on: its file, name and line."""

    file: str
    name: str
    line: int


FROM_OPERATOR = ("smpp_connection.py", "Connection.data_received")
NOTIFY = ("flow/notify.py", "Notifier.notify")
STEPS = (
    ("accept, submit, answer", ("", "")),
    ("operator's response recorded", FROM_OPERATOR),
    ("delivery report settled", FROM_OPERATOR),
    ("callback made, its result written", NOTIFY),
)
"""Each step and the call (file, name) that it begins with."""

BACKGROUND = (
    *("flow/schedule.py", "flow/health.py", "flow/clock.py", "carrier_supervisor.py"),
    "store/engines/sqlite/heartbeat.py",
)
"""Files whose functions run at their own times."""

TIMERS = ("HttpTransport._look", "Connection.late", "Pulse.oldest", "Connection._tick")
"""Functions that a timer calls."""


class Recorder:
    """Notes calls of our functions, in all threads that are started after it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(SOURCE):
            return
        if not code.co_name.startswith("<"):  # a lambda, a comprehension
            name = code.co_qualname.replace(".<locals>", "")
            file = code.co_filename.removeprefix(SOURCE)
            self.calls.append(Call(file, name, code.co_firstlineno))

    def take(self) -> list[Call]:
        """Return what was noted since the last time."""
        calls, self.calls = self.calls, []
        return calls


class Customer:
    """A customer's server, which says OK to each callback."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer the callbacks of a connection."""
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(CUSTOMERS_ANSWER)
                self.asked.set()
        except asyncio.IncompleteReadError:
            writer.close()


def configure(folder: str, operator: int, customer: int) -> config.Settings:
    """Make a database with a carrier, a route and an account."""
    given = {
        "BUDSTIKKE_DATA": folder,
        "BUDSTIKKE_CALLBACKS__ALLOW_PRIVATE": "true",
        "BUDSTIKKE_CALLBACKS__ALLOW_HTTP": "true",
    }
    settings = config.load(None, given)
    migrate(settings.database_url)
    carriers = {name: kind.settings for name, kind in KINDS.items()}
    text = CONFIGURATION.format(operator=operator, customer=customer)
    file = read_file(text, SETTINGS, carriers, {}, IDENTIFY)
    engine = open_engine(settings.database_url)
    secrets = Secrets(hash_secret, verify_secret)
    apply(engine, file, secrets, actor="walk", now=time.time())
    engine.dispose()
    return settings


def application(gateway: Gateway) -> HttpServer:
    """Serve the gateway's dialects, and nothing beside them."""
    rest: Any = None
    return HttpServer(
        dialects=HTTP_DIALECTS,
        directory=lambda: gateway.directory,
        authenticator=gateway.authenticator,
        acceptor=gateway.acceptor,
        query_handler=gateway.queries,
        lookups=gateway.lookups,
        rest=rest,
        max_body=gateway.settings.http.max_body,
        trusted=(),
        clock=gateway.clock,
    )


@asynccontextmanager
async def serving(app: HttpServer) -> AsyncIterator[int]:
    """Serve on a free port of the loopback, which it gives."""
    asgi = uvicorn.Config(
        app, ws="none", lifespan="off", log_config=None, proxy_headers=False
    )
    asgi.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Mon, 23 Nov 2026 12:00:00 GMT")]
    make = partial(FastPathProtocol, asgi, state, {}, guard=Guard())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, number: int) -> None:
    """Send a message to a recipient of its own, and wait for the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.format(number).encode())
    answer = await reader.readuntil(b"ErrorCode=0")
    assert answer.startswith(b"HTTP/1.1 200 ")  # noqa: S101 - nothing else is measured
    writer.close()


async def record(operator: int) -> list[list[Call]]:
    """Send messages one after the other; returns the calls of each."""
    customer, turns = Customer(), []
    server = await asyncio.start_server(customer.answer, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder:
        settings = configure(folder, operator, server.sockets[0].getsockname()[1])
        recorder = Recorder()
        gateway = Gateway(settings, phones=Phones())
        await gateway.start()
        async with serving(application(gateway)) as port:
            for number in range(TURNS + 1):
                customer.asked.clear()
                recorder.take()
                await ask(port, number + 1000)
                await customer.asked.wait()
                await asyncio.sleep(QUIET)
                turns.append(recorder.take())
        sys.setprofile(None)
        threading.setprofile(None)
        await gateway.stop()
    server.close()
    return turns[1:]  # the first has more to do: caches, a connection


def steps_of(calls: Iterable[Call]) -> list[list[Call]]:
    """
    Divide the calls of a message among the steps.

    A response has no callback: until the delivery report comes nothing is noted. If
    the report came before the response was recorded, nothing separates their calls:
    then there are no steps.
    """
    steps: list[list[Call]] = [[]]
    over = False
    for call in calls:
        if call.file in BACKGROUND or call.name in TIMERS:
            continue
        what = (call.file, call.name)
        if len(steps) < len(STEPS) and what == STEPS[len(steps)][1]:
            if len(steps) == 2 and not over:
                return []
            steps.append([])
            over = False
        over = over or (what == NOTIFY and len(steps) == 2)
        if not over and (len(steps) == 1 or not call.file.startswith("servers/")):
            steps[-1].append(call)
    return steps


def most_usual(ways: Iterable[Sequence[Call]]) -> Sequence[Call]:
    """Choose what was recorded most often, and the shortest of several."""
    counts = Counter(map(tuple, ways))
    return min(counts, key=lambda way: (-counts[way], len(way)))


def visits_of(calls: Sequence[Call]) -> list[tuple[str, list[Call]]]:
    """Group calls by file, as often as it changes."""
    return [(file, list(found)) for file, found in groupby(calls, itemgetter(0))]


def line(name: str, *numbers: int) -> str:
    """Write a row of the table."""
    return f"| {name} | {' | '.join(map(str, numbers))} |"


def show(steps: Sequence[Sequence[Call]], *, verbose: bool) -> None:
    """Print a table of the steps, and with ``verbose`` their functions."""
    print("| step | functions | files | changes of file | returns to a file |")
    print("|---|--:|--:|--:|--:|")
    changes = returns = 0
    for (name, _), calls in zip(STEPS, steps, strict=True):
        visits = visits_of(calls)
        files = {file for file, _ in visits}
        changes += len(visits) - 1
        returns += len(visits) - len(files)
        numbers = (len(visits) - 1, len(visits) - len(files))
        print(line(name, len(set(calls)), len(files), *numbers))
        for number, (file, found) in enumerate(visits if verbose else (), 1):
            names = " > ".join(f"{each.name}:{each.line}" for each in found)
            print(f"{number}. `{file}` {names}")
    every = {call for calls in steps for call in calls}
    print(line("all", len(every), len({call.file for call in every}), changes, returns))


def main() -> None:
    """Record and show."""
    (port,) = free_ports(1)
    program = Path(sys.executable).parent / "budstikke"
    command = [str(program), "simulator", "--listen", f"127.0.0.1:{port}"]
    simulator = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert simulator.stdout is not None  # noqa: S101 - it is a pipe
        simulator.stdout.readline()  # it is ready
        turns = [steps_of(calls) for calls in asyncio.run(record(port))]
    finally:
        simulator.terminate()
        simulator.wait()
    whole = [steps for steps in turns if len(steps) == len(STEPS)]
    usual = [most_usual(found) for found in zip(*whole, strict=True)]
    show(usual, verbose="-v" in sys.argv[1:])


if __name__ == "__main__":
    main()
