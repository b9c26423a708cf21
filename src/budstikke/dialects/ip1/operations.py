"""
What can be asked, as tables: services, operations, parameters, and where they are.

The WSDL, the page that lists the operations, the routes and the reading of requests
all come from here. Names are those of the original where they are known, since client
programs have them built in.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from budstikke.dialects.bounds import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Does(Enum):
    """What an operation does."""

    SEND = auto()
    SEND_URL = auto()
    SEND_MANY = auto()
    SEND_TEMPLATE = auto()
    SEND_MMS = auto()
    BALANCE = auto()
    DESCRIBE = auto()
    CANCEL = auto()
    CANCEL_BUNDLE = auto()
    STATUS = auto()
    STATUS_BUNDLE = auto()
    TIME = auto()


OPEN = frozenset({Does.DESCRIBE, Does.STATUS, Does.STATUS_BUNDLE, Does.TIME})
"""What needs no login."""


class Operation(NamedTuple):
    """
    One operation.

    ``parameters`` are in the order of the WSDL; ``by_form``: whether it can be called
    by a plain GET or POST, too.
    """

    name: str
    does: Does
    parameters: tuple[str, ...]
    summary: str
    flash: bool = False
    by_form: bool = True


class Service(NamedTuple):
    """A service at a path (in any case); each has status codes of its own."""

    name: str
    path: str
    operations: tuple[Operation, ...]

    def named(self, name: str) -> Operation | None:
        """Find an operation by its name, in any case."""
        lower = name.lower()
        return next((it for it in self.operations if it.name.lower() == lower), None)


_WHO = ("konto", "passwd")
_SEND = (*_WHO, "till", "from", "meddelande", "prio")

URL = Service(
    "url",
    "/sendsms.aspx",
    (
        Operation(
            "sendsms.aspx",
            Does.SEND_URL,
            ("acc", "pass", "to", "from", "msg", "prio"),
            "Sends an SMS, or the same one to several.",
        ),
    ),
)

SMS = Service(
    "sendSms",
    "/sendSms/sendSms.asmx",
    (
        Operation("sms", Does.SEND, _SEND, "Sends an SMS."),
        Operation(
            "flashSMS",
            Does.SEND,
            _SEND,
            "Sends an SMS that is shown at once and not stored.",
            flash=True,
        ),
        Operation(
            "tidsinstalltSMS",
            Does.SEND,
            (*_SEND, "sendAt"),
            "Sends an SMS at a time (Unix time).",
        ),
        Operation(
            "grupputskickSMS",
            Does.SEND_MANY,
            _SEND,
            "Sends an SMS to several numbers, separated by commas.",
        ),
        Operation(
            "tidsinstalltGrupputskick",
            Does.SEND_MANY,
            (*_SEND, "sendAt"),
            "Sends an SMS to several numbers at a time (Unix time).",
        ),
        Operation(
            "grupputskickMall",
            Does.SEND_TEMPLATE,
            (*_WHO, "numbers", "from", "meddelande", "prio", "sendAt"),
            "Sends an SMS to several numbers, with words of its own to each.",
            by_form=False,
        ),
        Operation("balans", Does.BALANCE, _WHO, "Tells what is left on the account."),
        Operation("saldo", Does.BALANCE, _WHO, "Tells what is left on the account."),
        Operation("beskrivning", Does.DESCRIBE, ("ID",), "Describes a status code."),
        Operation(
            "avbrytBundleSMS",
            Does.CANCEL_BUNDLE,
            (*_WHO, "BundleID"),
            "Cancels what has not been sent of a bundle.",
        ),
        Operation(
            "avbrytSMS",
            Does.CANCEL,
            (*_WHO, "smsID"),
            "Cancels an SMS that has not been sent.",
        ),
        Operation(
            "status",
            Does.STATUS,
            ("id", *_WHO),
            "Tells the newest status code of an SMS.",
        ),
        Operation(
            "statusBundle",
            Does.STATUS_BUNDLE,
            ("bundleID", *_WHO),
            "Tells the newest status code of each SMS of a bundle.",
        ),
        Operation(
            "tidpunkt",
            Does.TIME,
            ("id", *_WHO),
            "Tells when an SMS will be sent, in Swedish time.",
        ),
    ),
)

MMS = Service(
    "mms",
    "/mms/mms.asmx",
    (
        Operation(
            "sendMMS",
            Does.SEND_MMS,
            (*_WHO, "msg", "to", "from", "files"),
            "Sends an MMS.",
        ),
        Operation(
            "status",
            Does.STATUS,
            ("mmsId", *_WHO),
            "Tells the newest status code of an MMS.",
        ),
    ),
)

PARAMETERS = frozenset(
    name.lower()
    for service in (URL, SMS, MMS)
    for operation in service.operations
    for name in operation.parameters
)
"""All that there are, in lower case; others are passed over."""

STRUCTURES: Mapping[str, str] = {"numbers": "ArrayOfNumber", "files": "ArrayOfFile"}
"""Parameters that are not strings, and their types in the WSDL."""


class Form(Enum):
    """How a request came, and how its answer is written."""

    BARE = auto()
    """The URL call: a number and nothing else."""
    XML = auto()
    """The plain HTTP bindings: one XML element."""
    SOAP11 = auto()
    SOAP12 = auto()
    PAGE = auto()
    """What a browser asks for: the list of operations, or the WSDL."""


class Door(NamedTuple):
    """What is at a route; without an operation the request has to say which."""

    service: Service
    form: Form
    operation: Operation | None = None


URL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Those that the URL call takes: its query counts, whatever the method."""


def _doors() -> Iterator[tuple[str, str, Door]]:
    for method in URL_METHODS:
        yield method, URL.path, Door(URL, Form.BARE, URL.operations[0])
    for service in (SMS, MMS):
        yield "GET", service.path, Door(service, Form.PAGE)
        yield "POST", service.path, Door(service, Form.SOAP11)
        for operation in service.operations:
            if operation.by_form:
                door = Door(service, Form.XML, operation)
                yield "GET", f"{service.path}/{operation.name}", door
                yield "POST", f"{service.path}/{operation.name}", door


def _name(door: Door) -> str:
    operation = door.operation.name if door.operation else door.form.name.lower()
    return f"{door.service.name}/{operation}"


DOORS: Mapping[str, Door] = {_name(door): door for _, _, door in _doors()}
"""By the names that ``ROUTES`` gives them."""

ROUTES: Mapping[tuple[str, str], str] = {
    (method, path.lower()): _name(door) for method, path, door in _doors()
}

LARGEST = 4 * 1024 * 1024
"""Octets of an envelope, and of a form with many numbers or files."""

MANY = frozenset({Does.SEND_MANY, Does.SEND_MMS})
"""What may be posted as a large form."""


def _room(door: Door) -> int:
    if door.form is Form.SOAP11 or (door.operation and door.operation.does in MANY):
        return LARGEST
    return SMALL


ROOM: Mapping[str, int] = {name: _room(door) for name, door in DOORS.items()}
"""Octets of a body, by route."""
