"""
Servers outside of the gateway, as the settings name them: what they are reached by.

That is customers' servers, which are called back, the mail server, and the directory of
numbers and their owners.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke import __version__
from budstikke.clients.http.number_directory import HttpNumberDirectory
from budstikke.clients.http.process import HttpTransportProcess
from budstikke.clients.http.transport import HttpTransport
from budstikke.clients.smtp import SmtpTransport
from budstikke.flow.number_directory import DirectoryTable, NumberDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.config.callbacks import Callbacks
    from budstikke.config.mail import Mail
    from budstikke.config.number_directory import Directory
    from budstikke.store.contract import Store


def callback_transport(
    settings: Callbacks, *, in_subprocess: bool
) -> HttpTransport | HttpTransportProcess:
    """Make what calls customers' servers, from here or from a process of its own."""
    kind = HttpTransportProcess if in_subprocess else HttpTransport
    return kind(
        timeout=settings.timeout,
        allow_private=settings.allow_private,
        allow_http=settings.allow_http,
        version=__version__,
    )


def mail_server(settings: Mail) -> SmtpTransport | None:
    """Make what sends mails; ``None``: no server is named."""
    return SmtpTransport(**msgspec.structs.asdict(settings)) if settings.host else None


def number_directory(
    settings: Directory, store: Store, clock: Callable[[], float]
) -> NumberDirectory | None:
    """Make the number directory, if there is one; its URL is the operator's own."""
    if not settings.kind:
        return None
    source: DirectoryTable | HttpNumberDirectory = DirectoryTable(store)
    if settings.kind == "http":
        source = HttpNumberDirectory(
            HttpTransport(
                timeout=settings.timeout,
                allow_private=True,
                allow_http=True,
                version=__version__,
            ),
            url=settings.url,
            headers=settings.headers,
            name=settings.name,
            address=settings.address,
        )
    return NumberDirectory(
        source,
        clock=clock,
        timeout=settings.timeout,
        keep=settings.keep_seconds,
        most=settings.keep_numbers,
    )
