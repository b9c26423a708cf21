"""
Tables: services, operations, parameters and endpoints.

The WSDL, the page with the operations, the routes and the reading of requests use them.
Names are the original's where known, since client programs have them built in.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from budstikke.dialects.bounds import SMALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Action(Enum):
    """What the gateway does for an operation."""

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


OPEN = frozenset({Action.DESCRIBE, Action.STATUS, Action.STATUS_BUNDLE, Action.TIME})
"""Actions that need no login."""


class Operation(NamedTuple):
    """
    One operation.

    ``parameters`` are in the order of the WSDL; ``by_form``: a plain GET or POST can
    call it, too.
    """

    name: str
    action: Action
    parameters: tuple[str, ...]
    summary: str
    flash: bool = False
    by_form: bool = True


class Service(NamedTuple):
    """A service at a path (in any case), with its own status codes."""

    name: str
    path: str
    operations: tuple[Operation, ...]

    def named(self, name: str) -> Operation | None:
        """Return an operation by its name, in any case; ``None``: unknown."""
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
            Action.SEND_URL,
            ("acc", "pass", "to", "from", "msg", "prio"),
            "Sends an SMS, or the same one to several.",
        ),
    ),
)

SMS = Service(
    "sendSms",
    "/sendSms/sendSms.asmx",
    (
        Operation("sms", Action.SEND, _SEND, "Sends an SMS."),
        Operation(
            "flashSMS",
            Action.SEND,
            _SEND,
            "Sends an SMS that is shown at once and not stored.",
            flash=True,
        ),
        Operation(
            "tidsinstalltSMS",
            Action.SEND,
            (*_SEND, "sendAt"),
            "Sends an SMS at a time (Unix time).",
        ),
        Operation(
            "grupputskickSMS",
            Action.SEND_MANY,
            _SEND,
            "Sends an SMS to several numbers, separated by commas.",
        ),
        Operation(
            "tidsinstalltGrupputskick",
            Action.SEND_MANY,
            (*_SEND, "sendAt"),
            "Sends an SMS to several numbers at a time (Unix time).",
        ),
        Operation(
            "grupputskickMall",
            Action.SEND_TEMPLATE,
            (*_WHO, "numbers", "from", "meddelande", "prio", "sendAt"),
            "Sends an SMS to several numbers, with words of its own to each.",
            by_form=False,
        ),
        Operation("balans", Action.BALANCE, _WHO, "Tells what is left on the account."),
        Operation("saldo", Action.BALANCE, _WHO, "Tells what is left on the account."),
        Operation("beskrivning", Action.DESCRIBE, ("ID",), "Describes a status code."),
        Operation(
            "avbrytBundleSMS",
            Action.CANCEL_BUNDLE,
            (*_WHO, "BundleID"),
            "Cancels what has not been sent of a bundle.",
        ),
        Operation(
            "avbrytSMS",
            Action.CANCEL,
            (*_WHO, "smsID"),
            "Cancels an SMS that has not been sent.",
        ),
        Operation(
            "status",
            Action.STATUS,
            ("id", *_WHO),
            "Tells the newest status code of an SMS.",
        ),
        Operation(
            "statusBundle",
            Action.STATUS_BUNDLE,
            ("bundleID", *_WHO),
            "Tells the newest status code of each SMS of a bundle.",
        ),
        Operation(
            "tidpunkt",
            Action.TIME,
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
            Action.SEND_MMS,
            (*_WHO, "msg", "to", "from", "files"),
            "Sends an MMS.",
        ),
        Operation(
            "status",
            Action.STATUS,
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
"""All parameters, in lower case; others are ignored."""

STRUCTURES: Mapping[str, str] = {"numbers": "ArrayOfNumber", "files": "ArrayOfFile"}
"""Parameters that are not strings, and their types in the WSDL."""


class Binding(Enum):
    """The form of a request and its answer: a binding of the WSDL, or none."""

    BARE = auto()
    """The URL call: the answer is a bare number."""
    XML = auto()
    """The plain HTTP bindings: the answer is one XML element."""
    SOAP11 = auto()
    SOAP12 = auto()
    PAGE = auto()
    """A browser's request: the list of operations, or the WSDL."""


class Endpoint(NamedTuple):
    """The target of a route; without an operation the request names it."""

    service: Service
    binding: Binding
    operation: Operation | None = None


URL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods of the URL call, which always reads the query."""


def _endpoints() -> Iterator[tuple[str, str, Endpoint]]:
    for method in URL_METHODS:
        yield method, URL.path, Endpoint(URL, Binding.BARE, URL.operations[0])
    for service in (SMS, MMS):
        yield "GET", service.path, Endpoint(service, Binding.PAGE)
        yield "POST", service.path, Endpoint(service, Binding.SOAP11)
        for operation in service.operations:
            if operation.by_form:
                endpoint = Endpoint(service, Binding.XML, operation)
                yield "GET", f"{service.path}/{operation.name}", endpoint
                yield "POST", f"{service.path}/{operation.name}", endpoint


def _name(endpoint: Endpoint) -> str:
    operation = (
        endpoint.operation.name if endpoint.operation else endpoint.binding.name.lower()
    )
    return f"{endpoint.service.name}/{operation}"


ENDPOINTS: Mapping[str, Endpoint] = {
    _name(endpoint): endpoint for _, _, endpoint in _endpoints()
}
"""Endpoints by their names in ``ROUTES``."""

ROUTES: Mapping[tuple[str, str], str] = {
    (method, path.lower()): _name(endpoint) for method, path, endpoint in _endpoints()
}

LARGEST = 4 * 1024 * 1024
"""Octets of an envelope, and of a form with many numbers or files."""

MANY = frozenset({Action.SEND_MANY, Action.SEND_MMS})
"""Actions with large forms."""


def _room(endpoint: Endpoint) -> int:
    if endpoint.binding is Binding.SOAP11 or (
        endpoint.operation and endpoint.operation.action in MANY
    ):
        return LARGEST
    return SMALL


ROOM: Mapping[str, int] = {
    name: _room(endpoint) for name, endpoint in ENDPOINTS.items()
}
"""Octets of a body, by route."""
