"""
Mails by SMTP.

One connection a mail: alerts are rare. A server that is away, busy or not content
with us is tried again later; one that says of an address or a mail that it will never
take it is believed.
"""

from __future__ import annotations

import asyncio
import logging
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Literal

import aiosmtplib

from budstikke.flow.transports import Mail, NotSent, Undeliverable

log = logging.getLogger("budstikke.mail")

TIMEOUT = 30.0
"""Seconds for each answer of the server."""

LONGEST = 120.0
"""Seconds for all of them."""

_POLICY = SMTP.clone(cte_type="7bit")

PERMANENT = 500
"""Replies from here on are final (RFC 5321 § 4.2.1)."""


class SmtpTransport:
    """
    The transport for mails; the arguments are the keys of the settings' ``[mail]``.

    Args:
        host: Mail server.
        port: Its port.
        tls: ``starttls``, ``tls`` or ``none``; certificates are verified.
        username: Empty: no login.
        password: Sent over TLS.
        sender: Address, with or without a name.

    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: Literal["starttls", "tls", "none"],
        username: str,
        password: str,
        sender: str,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._username = username or None
        self._password = password or None
        self._sender = sender
        self._address = parseaddr(sender)[1]
        self._domain = self._address.rpartition("@")[2]

    async def send(self, mail: Mail) -> None:
        """Send a mail; raises NotSent or Undeliverable."""
        message = self._message(mail)
        try:
            async with asyncio.timeout(LONGEST):
                refused = await self._give(message, mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _of_recipients(error) from error
        except aiosmtplib.SMTPDataError as error:
            kind = Undeliverable if error.code >= PERMANENT else NotSent
            raise kind(f"{error.code} {error.message}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(f"{type(error).__name__}: {error}") from error
        for address, answer in refused.items():
            why = f"{answer.code} {answer.message}"
            log.warning(
                "mail server refused an address", extra={"address": address, "why": why}
            )

    async def _give(
        self, message: EmailMessage, mail: Mail
    ) -> dict[str, aiosmtplib.SMTPResponse]:
        refused, _ = await aiosmtplib.send(
            message,
            sender=self._address,
            recipients=mail.to,
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            local_hostname=self._domain,
            timeout=TIMEOUT,
        )
        return refused

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(_POLICY)
        message["From"] = self._sender
        message["To"] = ", ".join(mail.to)
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no replies by robots
        message.set_content(mail.text)
        return message


def _of_recipients(
    error: aiosmtplib.SMTPRecipientsRefused,
) -> NotSent | Undeliverable:
    why = "; ".join(f"{r.recipient}: {r.code} {r.message}" for r in error.recipients)
    final = all(refused.code >= PERMANENT for refused in error.recipients)
    return Undeliverable(why) if final else NotSent(why)
