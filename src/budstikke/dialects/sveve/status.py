"""Writes delivery reports: one for each message, when it is final."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from budstikke.dialects.push import write_push
from budstikke.domain.receipt import Reason
from budstikke.domain.states import FINAL_MESSAGE, MessageState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.sveve.settings import Settings
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest


class Fault(NamedTuple):
    """The words of a failure; the carrier's own follow in parentheses."""

    code: str
    description: str


UNKNOWN_SUBSCRIBER = Fault("1", "Ukjent abonnent")
ABSENT = Fault("2", "Telefonen er avslått eller utenfor dekning")
EXPIRED = Fault("3", "Meldingen ble ikke levert i tide")
REJECTED = Fault("4", "Avvist av operatøren")
BARRED = Fault("5", "Nummeret er sperret")
CONTENT = Fault("6", "Innholdet ble avvist")
PREMIUM = Fault("7", "Takseringen ble avvist")
NO_ROUTE = Fault("8", "Nummeret kan ikke nås")
UNKNOWN = Fault("9", "Ukjent feil")

BY_REASON: Mapping[str, Fault] = {
    Reason.UNKNOWN_SUBSCRIBER: UNKNOWN_SUBSCRIBER,
    Reason.ABSENT: ABSENT,
    Reason.EXPIRED: EXPIRED,
    Reason.REJECTED: REJECTED,
    Reason.BARRED: BARRED,
    Reason.CONTENT: CONTENT,
    Reason.PREMIUM: PREMIUM,
    Reason.NO_ROUTE: NO_ROUTE,
    Reason.BAD_ORIGINATOR: REJECTED,
}
"""All other reasons are ``UNKNOWN``, unless the state says more."""

BY_STATE: Mapping[str, Fault] = {
    MessageState.EXPIRED: EXPIRED,
    MessageState.REJECTED: REJECTED,
}


def push(event: StatusEvent, url: str, settings: Settings) -> WireRequest | None:
    """Write a delivery report; the URL keeps its query."""
    if event.state not in FINAL_MESSAGE:
        return None
    code, description = _fault(event)
    query = urlencode(
        {
            "number": event.recipient.removeprefix("+"),
            "status": "false" if code else "true",
            "id": event.message_id,
            "ref": event.ref or "",
            "errorCode": code,
            "errorDesc": description,
        },
        quote_via=quote,
        safe="",
    )
    return write_push("FORM" if settings.status_method == "POST" else "GET", url, query)


def _fault(event: StatusEvent) -> Fault:
    if event.state == MessageState.DELIVERED:
        return Fault("", "")
    found = BY_REASON.get(event.reason) or BY_STATE.get(event.state) or UNKNOWN
    if not event.raw:
        return found
    return Fault(found.code, f"{found.description} ({event.raw})")
