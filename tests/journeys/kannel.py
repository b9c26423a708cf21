"""Kannel as Debian ships it: one bearerbox with one SMPP link, and one smsbox."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from journeys.processes import Child, free_port, listens, wait_until
from journeys.web import Answer, ask

if TYPE_CHECKING:
    from pathlib import Path

PATHS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

SETTINGS = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = test
smsbox-port = {box}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = simulator
host = 127.0.0.1
port = {smpp}
transceiver-mode = true
smsc-username = {system_id}
smsc-password = {password}
system-type = ""
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
mo-recode = true

group = sendsms-user
username = test
password = test
concatenation = true
max-messages = 10

group = sms-service
keyword = default
catch-all = true
max-messages = 0
concatenation = true
get-url = "{mo_url}?from=%p&to=%P&text=%b&coding=%c&charset=%C"
"""


def program(name: str) -> str:
    """Find one of Kannel's programs."""
    found = shutil.which(name, path=PATHS)
    if found is None:
        pytest.fail("Kannel is missing: run tests/peers/install.sh")
    return found


class Kannel:
    """
    A running Kannel.

    Args:
        folder: For its settings.
        smpp: The port it binds to.
        login: Its system_id and password.
        mo_url: Called for each message from a phone.

    """

    def __init__(
        self,
        folder: Path,
        *,
        smpp: int,
        mo_url: str,
        login: tuple[str, str] = ("kannel", "test"),
    ) -> None:
        self._sendsms = free_port()
        box = free_port()
        file = folder / "kannel.conf"
        file.write_text(
            SETTINGS.format(
                admin=free_port(),
                box=box,
                smpp=smpp,
                system_id=login[0],
                password=login[1],
                sendsms=self._sendsms,
                mo_url=mo_url,
            )
        )
        self.bearerbox = Child([program("bearerbox"), "-v", "4", str(file)], folder)
        wait_until("bearerbox listens", lambda: listens(box))
        self.smsbox = Child([program("smsbox"), "-v", "4", str(file)], folder)
        wait_until("smsbox listens", lambda: listens(self._sendsms))

    def send(self, recipient: str, text: bytes, **parameters: str) -> Answer:
        """Send by its sendsms, from ``2229`` unless it is said."""
        pairs: dict[str, str | bytes] = {
            "username": "test",
            "password": "test",
            "from": "2229",
            "to": recipient,
            "text": text,
            **parameters,
        }
        query = "&".join(f"{name}={quote(value)}" for name, value in pairs.items())
        return ask(self._sendsms, "GET", f"/cgi-bin/sendsms?{query}")

    def close(self) -> None:
        self.smsbox.close()
        self.bearerbox.close()
