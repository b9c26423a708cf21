"""Kannel as Debian ships it: bearerbox, two smsboxes, store-type = file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.gateway import PASSWORD, SENDER, TEXT, USER, Running
from bench.instruments import Ask
from bench.processes import BenchError, free_ports, listens, start, stop, wait_until

if TYPE_CHECKING:
    from bench.instruments import Sink
    from bench.processes import Child

BEARERBOX, SMSBOX_PROGRAM = Path("/usr/sbin/bearerbox"), Path("/usr/sbin/smsbox")
SMSBOXES = 2
# dlr-mask bits: 1 delivered, 2 failed, 8 accepted by the SMSC. %d in dlr-url is one.
MASKS = {1: 1 | 2, 2: 1 | 2 | 8}
STATUSES: dict[int, tuple[str, ...]] = {0: (), 1: ("1",), 2: ("8", "1")}

CORE = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {box}
smsbox-interface = 127.0.0.1
smsbox-max-pending = 1000
box-allow-ip = 127.0.0.1
log-file = {folder}/bearerbox.log
log-level = 2
dlr-storage = internal
store-type = file
store-location = {folder}/kannel.store
sms-outgoing-queue-limit = 5000000
sms-incoming-queue-limit = 5000000

group = smsc
smsc = smpp
smsc-id = sink
host = 127.0.0.1
port = {smpp}
transceiver-mode = true
smsc-username = bench
smsc-password = bench
system-type = ""
enquire-link-interval = 30
reconnect-delay = 1
max-pending-submits = {window}
log-level = 2
"""

SMSBOX = """
group = smsbox
smsbox-id = box{number}
bearerbox-host = 127.0.0.1
sendsms-port = {port}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox{number}.log
log-level = 2
http-request-retry = 3
http-queue-delay = 1

group = sendsms-user
username = {user}
password = {password}

group = sms-service
keyword = default
{service}
"""

# max-messages: what the customer answers is not sent back. Without the route the
# bearerbox finds no smsbox to give messages from phones to ("smsbox_list empty!").
INBOUND = """\
get-url = "http://127.0.0.1:{port}/in?status=in&number=%p&msg=%a&shortnumber=%P"
max-messages = 0

group = smsbox-route
smsbox-id = box0
smsc-id = sink"""
SILENT = 'text = "no"'


def _write_settings(
    folder: Path, smpp: int, ports: list[int], window: int, service: str
) -> list[Path]:
    """Write one file for each smsbox; the bearerbox reads the first."""
    admin, box, *sendsms = ports
    core = CORE.format(
        admin=admin, box=box, smpp=smpp, folder=folder, window=window, password=PASSWORD
    )
    files = []
    for number, port in enumerate(sendsms):
        smsbox = SMSBOX.format(
            number=number,
            port=port,
            folder=folder,
            user=USER,
            password=PASSWORD,
            service=service,
        )
        files.append(folder / f"kannel{number}.conf")
        files[-1].write_text(core + smsbox)
    return files


def _path(sink: Sink, pushes: int) -> str:
    """Write the sendsms request; the recipient is in it again for the callback."""
    path = f"/cgi-bin/sendsms?username={USER}&password={PASSWORD}&from={SENDER}"
    path += f"&to=00{{}}&text={quote(TEXT)}"
    if pushes:
        url = quote(f"http://127.0.0.1:{sink.http}/push?status=%d&origid=", safe="")
        path += f"&dlr-mask={MASKS[pushes]}&dlr-url={url}{{}}"
    return path


@dataclass(frozen=True, slots=True)
class Kannel:
    """The peer, in its crash-safe setting, with an SMPP window of 1000."""

    name: str = "kannel"
    measures: tuple[str, ...] = ("a", "b", "b2", "d", "d=", "e")
    most_messages: int = sys.maxsize
    window: int = 1000

    def missing(self) -> str:
        """Name the package when it is not there."""
        return "" if BEARERBOX.exists() else "kannel"

    def version(self) -> str:
        """Ask the package manager."""
        query = ["dpkg-query", "-W", "-f", "${Version}", "kannel"]
        found = subprocess.run(query, capture_output=True, text=True, check=False)
        return found.stdout or "unknown"

    def start(
        self, folder: Path, sink: Sink, pushes: int, *, inbound: bool = False
    ) -> Running:
        """Start the bearerbox, then the smsboxes; wait for the bind and the ports."""
        ports = free_ports(2 + SMSBOXES)
        service = INBOUND.format(port=sink.http) if inbound else SILENT
        files = _write_settings(folder, sink.smpp, ports, self.window, service)
        children: list[Child] = []
        try:
            bearerbox = [str(BEARERBOX), "-v", "4", str(files[0])]
            children.append(start("bearerbox", bearerbox, folder))
            wait_until("bearerbox", lambda: listens(ports[1]), children)
            for number, file in enumerate(files):
                smsbox = [str(SMSBOX_PROGRAM), "-v", "4", str(file)]
                children.append(start(f"smsbox{number}", smsbox, folder))
            wait_until("smsboxes", lambda: all(map(listens, ports[2:])), children)
            wait_until("Kannel's bind", lambda: sink.seen().binds > 0, children)
        except BenchError:
            for child in reversed(children):
                stop(child)
            raise
        ask = Ask(tuple(ports[2:]), _path(sink, pushes), "Accepted for delivery")
        return Running(children, ask, STATUSES[pushes])
