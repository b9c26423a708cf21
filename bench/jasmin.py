"""
Jasmin as its documentation runs it: the gateway and its two daemons for receipts.

Release 0.11.0 of PyPI runs on Python 3.11 as it is. The newest, 0.11.1, installs too
but tells no customer of any receipt ("'SubmitSM' object has no attribute 'response'",
jookies/jasmin#1236), so that there would be no (b). Its messages go through RabbitMQ,
what it must know of receipts is in Redis.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.brokers import EPMD, RABBITMQ, REDIS, start_rabbitmq, start_redis
from bench.gateway import PASSWORD, SENDER, TEXT, USER, Running
from bench.instruments import Ask
from bench.processes import BenchError, free_ports, listens, start, stop, wait_until

if TYPE_CHECKING:
    from bench.instruments import Sink
    from bench.processes import Child

VENV = Path(__file__).parent / "out" / "jasmin"
PYTHON = VENV / "bin" / "python"
LOCK = Path("/tmp/jasmind.lock")  # noqa: S108 - the name is Jasmin's
MOST_MESSAGES = 5_000
"""In a measure: (b) takes a minute for them."""
# dlr-level: 2 is the receipt alone, 3 also the answer of the SMSC.
LEVELS = {1: 2, 2: 3}
STATUSES: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("DELIVRD",),
    2: ("ESME_ROK", "DELIVRD"),
}

CONFIG = """\
[smpp-server]
bind = 127.0.0.1
port = {smpps}
log_level = WARNING

[smpp-server-pb]
bind = 127.0.0.1
port = {pb}
log_level = WARNING

[smpp-server-pb-client]
port = {pb}
log_level = WARNING

[client-management]
store_path = {folder}
bind = 127.0.0.1
port = {clients}
log_level = WARNING

[service-smppclient]
log_level = WARNING

[sm-listener]
log_level = WARNING

[dlr]
log_level = WARNING

[amqp-broker]
port = {amqp}
spec = {spec}
log_level = WARNING

[http-api]
bind = 127.0.0.1
port = {http}
access_log = /dev/null
log_level = WARNING

[router]
store_path = {folder}
bind = 127.0.0.1
port = {router}
log_level = WARNING

[deliversm-thrower]
log_level = WARNING

[dlr-thrower]
log_level = WARNING

[redis-client]
port = {redis}
log_level = WARNING

[jcli]
port = {jcli}
authentication = False
log_level = WARNING
"""

# loglevel 30: warning. submit_throughput 0: no limit, where the default is 1 a second.
COMMANDS = """\
group -a
gid bench
ok
user -a
username {user}
password {password}
uid bench
gid bench
ok
smppccm -a
cid sink
host 127.0.0.1
port {smpp}
username bench
password bench
submit_throughput 0
con_fail_delay 1
con_loss_delay 1
logfile {folder}/connector.log
loglevel 30
ok
mtrouter -a
type DefaultRoute
connector smppc(sink)
rate 0.0
ok
smppccm -1 sink
"""

DAEMONS = ("dlrlookupd", "dlrd")
PORTS = ("smpps", "pb", "clients", "http", "router", "jcli")


class Console:
    """A session of jCli, Jasmin's console."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._read(r"Session ref: \d+\s+$")  # it has no prompt before the first line

    def _read(self, end: str) -> str:
        """Read until it ends in what the pattern finds."""
        said = ""
        while not re.search(end, said):
            try:
                more = self._socket.recv(65536)
            except TimeoutError:
                raise BenchError(f"jCli is silent after {said!r}") from None
            if not more:
                raise BenchError(f"jCli hung up after {said!r}")
            said += more.decode(errors="replace")
        return said

    def run(self, commands: str) -> str:
        """Give it commands line by line; what it said."""
        said = ""
        for line in commands.splitlines():
            self._socket.sendall(line.encode() + b"\r\n")
            said += self._read("(jcli : |> )$")
        self._socket.close()
        return said


def _path(sink: Sink, pushes: int) -> str:
    """Write the /send request; the recipient is in it again for the callback."""
    path = f"/send?username={USER}&password={PASSWORD}&from={SENDER}"
    path += f"&to=00{{}}&content={quote(TEXT)}"
    if pushes:
        url = quote(f"http://127.0.0.1:{sink.http}/push?origid=", safe="")
        level = LEVELS[pushes]
        path += f"&dlr=yes&dlr-level={level}&dlr-method=GET&dlr-url={url}{{}}"
    return path


def _specification() -> Path:
    """Find the description of AMQP: Jasmin installs none, the library it uses does."""
    name = "txamqp/specs/standard/amqp0-9-1.stripped.xml"
    found = VENV.glob(f"lib/python3*/site-packages/{name}")
    return next(found, VENV / name)


def _connected(port: int) -> int:
    """Count the connections to a loopback port; see proc(5), /proc/net/tcp."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    established = "01"
    return sum(f[2].endswith(f":{port:04X}") and f[3] == established for f in fields)


def _forget_lock() -> None:
    """Remove the lock of a Jasmin that was killed, unless one runs."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"jasmind.py" in line.read_bytes():
                raise BenchError("another Jasmin runs on this machine")
    LOCK.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Jasmin:
    """The peer that is written in Python, too, with its one SMPP connector."""

    name: str = "jasmin"
    measures: tuple[str, ...] = ("a", "b", "b2", "d")
    most_messages: int = MOST_MESSAGES

    def missing(self) -> str:
        """Name what is not installed; empty when all is there."""
        needed = (PYTHON, _specification(), RABBITMQ, REDIS, EPMD)
        return ", ".join(str(each) for each in needed if not each.exists())

    def version(self) -> str:
        """Ask the package managers."""
        code = "from importlib.metadata import version; print(version('jasmin'))"
        own = subprocess.run(
            [str(PYTHON), "-c", code], capture_output=True, check=False
        )
        query = ["dpkg-query", "-W", "-f", "${Package} ${Version} "]
        query += ["rabbitmq-server", "redis-server"]
        brokers = subprocess.run(query, capture_output=True, text=True, check=False)
        return f"{own.stdout.decode().strip()} with {brokers.stdout.strip()}"

    def start(
        self, folder: Path, sink: Sink, pushes: int, *, inbound: bool = False
    ) -> Running:
        """Start the brokers, the gateway and its daemons; wait for the bind."""
        if inbound:
            raise BenchError("Jasmin is not measured on messages from phones")
        children: list[Child] = []
        try:
            http = self._start_all(folder, sink, children)
        except (BenchError, OSError):
            for child in reversed(children):
                stop(child)
            raise
        sink.count_by("origid", status="message_status")
        sink.answer("ACK/Jasmin")  # what it wants to read, or it asks again
        ask = Ask((http,), _path(sink, pushes), "Success")
        return Running(children, ask, STATUSES[pushes])

    def _start_all(self, folder: Path, sink: Sink, children: list[Child]) -> int:
        """Start one after the other, adding to the list; the port of the HTTP API."""
        _forget_lock()
        brokers, amqp = start_rabbitmq(folder)
        children += brokers
        redis_child, redis = start_redis(folder)
        children.append(redis_child)
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        config = folder / "jasmin.cfg"
        text = CONFIG.format(
            folder=folder, amqp=amqp, redis=redis, spec=_specification(), **ports
        )
        config.write_text(text)
        self._daemon("jasmind", folder, children)
        wait_until("Jasmin", lambda: all(map(listens, ports.values())), children)
        for name in DAEMONS:
            self._daemon(name, folder, children, "-i", f"bench{os.getpid()}")
        links = len(DAEMONS) + 1
        wait_until("Jasmin's daemons", lambda: _connected(amqp) >= links, children)
        commands = COMMANDS.format(
            user=USER, password=PASSWORD, smpp=sink.smpp, folder=folder
        )
        said = Console(ports["jcli"]).run(commands)
        if said.count("Successfully") < 5:  # four things added, one started
            raise BenchError(f"jCli refused something:\n{said}")
        wait_until("Jasmin's bind", lambda: sink.seen().binds > 0, children)
        time.sleep(2)  # they say nowhere that they have begun to consume
        return ports["http"]

    @staticmethod
    def _daemon(name: str, folder: Path, children: list[Child], *more: str) -> None:
        """Start one of Jasmin's programs with our configuration."""
        program = [str(PYTHON), str(VENV / "bin" / f"{name}.py")]
        paths = [f"ROOT_PATH={folder}", f"LOG_PATH={folder}"]
        command = ["env", *paths, *program, "-c", str(folder / "jasmin.cfg"), *more]
        children.append(start(name, command, folder))
