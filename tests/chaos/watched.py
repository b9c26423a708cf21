"""
A gateway that watches its own event loop and its memory.

Usage: ``watched.py FOLDER PORT``. It says its routes as a line of JSON, then ``ready``.
A line on its standard input makes it say, as JSON, for how long nothing else could run
since the last line (seconds), and by how much its memory grew at most (octets).

What counts of a gap is the time that this process computed in it, when that is less:
a machine that has other things to do is no fault of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from starlette.routing import Mount, Route

from budstikke import app as program
from budstikke import config
from budstikke.carriers.simulator.phones import Phones
from budstikke.config.callbacks import Callbacks
from budstikke.demo import apply_demo
from budstikke.dialects import DIALECTS, HTTP_DIALECTS, IDENTIFY
from budstikke.gateway import Gateway
from budstikke.log import configure
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.servers.http import HttpServer

MMSC = """
[[carrier]]
name = "mmsc"
kind = "mm7"
[carrier.settings]
url = "http://127.0.0.1:9/mm7"
allow_http = true
allow_from = ["127.0.0.1"]
"""

EVERY = 0.002
_grown = re.compile(r"VmHWM:\s+(\d+) kB").search
_now = re.compile(r"VmRSS:\s+(\d+) kB").search


def say(value: object) -> None:
    sys.stdout.write((value if isinstance(value, str) else json.dumps(value)) + "\n")
    sys.stdout.flush()


def routes_of(app: Any) -> list[tuple[str, str]]:
    """List what the running application serves: (method, path)."""
    dialects: HttpServer = app
    rest: Any = dialects._rest
    starlette: Any = rest._rest
    found = [route for dialect in HTTP_DIALECTS.values() for route in dialect.routes]
    found += [("POST", "/mm7/{carrier}")]
    return found + list(_below(starlette.routes, ""))


def _below(routes: Iterable[Any], prefix: str) -> Iterable[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            inside: Any = route.app
            yield from _below(inside.routes, prefix + route.path)
        elif isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, prefix + route.path


class Probe:
    """A task that notes for how long it could not run."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def run(self) -> None:
        while True:
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(EVERY)
            gap = time.perf_counter() - wall - EVERY
            self.worst = max(self.worst, min(gap, time.process_time() - cpu))


def memory(found: Any) -> int:
    text = Path("/proc/self/status").read_text("ascii")
    return int(found(text)[1]) * 1024


def forget_peak() -> None:
    """Make the most memory that there was the memory that there is."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


async def main(folder: str, port: int) -> None:
    settings = config.Settings(
        data=folder,
        http=config.Http(port=port),
        callbacks=Callbacks(allow_private=True, allow_http=True),
        simulator=config.Simulator(enabled=True),
    )
    configure("warning")
    migrate(settings.database_url)
    apply_demo(settings)
    dialects = {name: dialect.settings for name, dialect in DIALECTS.items()}
    carriers = {name: kind.settings for name, kind in program_kinds().items()}
    file = read_file(MMSC, dialects, carriers, {}, IDENTIFY)
    engine = open_engine(settings.database_url)
    secrets = Secrets(hash_secret, verify_secret, IDENTIFY)
    apply(engine, file, secrets, actor="test", now=time.time())
    engine.dispose()
    phones = Phones()
    gateway = Gateway(settings, phones=phones, in_subprocess=True)
    await gateway.start()
    program.settle_collector()
    probe = Probe()
    async with program._http(
        app := program._application(
            gateway, program._others(gateway, phones, program.Metrics())
        ),
        settings.http,
    ):
        say([list(route) for route in routes_of(app)])
        say("ready")
        watching = asyncio.create_task(probe.run())
        lines = asyncio.StreamReader(limit=65536)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        before = memory(_now)
        while await lines.readline():
            say({"gap": probe.worst, "grown": memory(_grown) - before})
            forget_peak()
            probe.worst, before = 0.0, memory(_now)
        watching.cancel()
    await gateway.stop()


def program_kinds() -> Any:
    from budstikke.carriers import KINDS

    return KINDS


if __name__ == "__main__":
    sys.setswitchinterval(program.SWITCH_INTERVAL)
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
