"""History: outbound and inbound messages of an account, and one message."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import msgspec

from budstikke.console.page import Moved, NotThere, Page, Shown
from budstikke.console.rendering import zone_of
from budstikke.domain.inbound_listing import (
    InboundMessageQuery,
    InboundPage,
    InboundRecord,
    InboundsQuery,
)
from budstikke.domain.listing import Record, RecordQuery, RecordsPage, RecordsQuery
from budstikke.domain.money import MICROS
from budstikke.domain.roles import Permission
from budstikke.domain.states import MessageState
from budstikke.domain.timeline import timeline
from budstikke.domain.trace import (
    TraceAnswer,
    TraceQuery,
    for_administrator,
    for_customer,
    masked_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.console.page import Services
    from budstikke.console.visit import Visit

Kind = TypeVar("Kind", Record, InboundRecord)

PAGE_SIZE = 50

FILTERS = ("id", "number", "ref", "state", "from", "to")
"""Parameters that stay in the links to other pages."""

LONGEST_FILTER = 100


def _path(visit: Visit, *more: object) -> str:
    steps = "/".join(map(str, ("messages", *more)))
    return f"/console/accounts/{visit.account_id}/{steps}"


def _filters(visit: Visit) -> dict[str, str]:
    """Read the filters of the address that are not empty."""
    written = {name: visit.query.get(name, "").strip() for name in FILTERS}
    return {name: text[:LONGEST_FILTER] for name, text in written.items() if text}


def _before(visit: Visit) -> int | None:
    written = visit.query.get("before", "")
    return int(written) if re.fullmatch(r"[0-9]{1,18}", written) else None


async def outbound(services: Services, visit: Visit) -> Shown | Moved:
    """List outbound messages, newest first."""
    filters, faults = _filters(visit), {}
    query = RecordsQuery(limit=PAGE_SIZE, before=_before(visit))
    if "id" in filters:
        if re.fullmatch(r"[0-9]{1,18}", filters["id"]):
            return Moved(_path(visit, filters["id"]))
        faults["id"] = "messages.id_fault"
    number = _number(filters.get("number", ""))
    if number == "":
        faults["number"] = "messages.number_fault"
    state = filters.get("state")
    if state is not None and state not in set(MessageState):
        faults["state"] = "messages.state_fault"
    since, until = _period(visit, filters, faults)
    page = RecordsPage(())
    if not faults:
        query = RecordsQuery(
            limit=PAGE_SIZE,
            before=_before(visit),
            state=MessageState(state) if state else None,
            ref=filters.get("ref"),
            recipient=number,
            since=since,
            until=until,
        )
        answer = await services.store.ask(query, visit.account_id, visit.now)
        assert isinstance(answer, RecordsPage)  # noqa: S101 - the answer to this query
        page = answer
    values = {
        **_common(visit, filters, page.next),
        "records": [_visible(visit, each) for each in page.records],
        "states": tuple(MessageState),
        "amount": amount,
    }
    return Shown("messages.html", values, 422 if faults else 200, faults)


async def inbound(services: Services, visit: Visit) -> Shown | Moved:
    """List inbound messages, newest first."""
    filters, faults = _filters(visit), {}
    if "id" in filters:
        if re.fullmatch(r"[0-9]{1,18}", filters["id"]):
            return Moved(_path(visit, "inbound", filters["id"]))
        faults["id"] = "messages.id_fault"
    since, until = _period(visit, filters, faults)
    page = InboundPage(())
    if not faults:
        query = InboundsQuery(
            limit=PAGE_SIZE, before=_before(visit), since=since, until=until
        )
        answer = await services.store.ask(query, visit.account_id, visit.now)
        assert isinstance(answer, InboundPage)  # noqa: S101 - the answer to this query
        page = answer
    values = {
        **_common(visit, filters, page.next),
        "records": [_visible(visit, each) for each in page.records],
    }
    return Shown("inbound.html", values, 422 if faults else 200, faults)


def _common(
    visit: Visit, filters: Mapping[str, str], following: int | None
) -> dict[str, object]:
    onward = ""
    if following is not None:
        onward = "?" + urlencode({**filters, "before": following})
    first = visit.query.get("before", "") != ""
    return {"filters": filters, "onward": onward, "later_page": first}


def _number(written: str) -> str | None:
    """Read a phone number with its country code; empty: it is none; ``None``: no."""
    if not written:
        return None
    bare = re.sub(r"[\s()-]", "", written)
    bare = "+" + bare[2:] if bare.startswith("00") else bare
    return bare if re.fullmatch(r"\+[1-9][0-9]{4,14}", bare) else ""


def _period(
    visit: Visit, filters: Mapping[str, str], faults: dict[str, str]
) -> tuple[float | None, float | None]:
    """Read the first and the last day, in the user's zone, as Unix seconds."""
    bounds: list[float | None] = []
    for name, days in (("from", 0), ("to", 1)):
        bounds.append(None)
        if name in filters:
            try:
                day = datetime.strptime(filters[name], "%Y-%m-%d")
                after = (day + timedelta(days=days)).replace(tzinfo=zone_of(visit.zone))
                bounds[-1] = after.timestamp()
            except (ValueError, OverflowError):
                faults[name] = "messages.day_fault"
    return bounds[0], bounds[1]


def _visible(visit: Visit, record: Kind) -> Kind:
    """Hide text and numbers from an operator who is no member of the account."""
    if not visit.is_guest:
        return record
    return msgspec.structs.replace(
        record,
        text="",
        originator=masked_number(record.originator),
        recipient=masked_number(record.recipient),
    )


def amount(micros: int, currency: str) -> str:
    """Write an amount; an account that is not charged has no currency."""
    if not currency:
        return ""
    number = f"{micros / MICROS:.2f}" if micros % MICROS else f"{micros // MICROS}"
    return f"{number} {currency}"


def _id(visit: Visit) -> int:
    """Read the message's id in the path; raises NotThere."""
    written = visit.request.path_params["id"]
    if not re.fullmatch(r"[0-9]{1,18}", written):
        raise NotThere
    return int(written)


async def one(services: Services, visit: Visit) -> Shown:
    """Show all that is known of an outbound message."""
    store, message_id = services.store, _id(visit)
    record = await store.ask(RecordQuery(message_id), visit.account_id, visit.now)
    assert isinstance(record, RecordsPage)  # noqa: S101 - the answer to this query
    if not record.records:
        raise NotThere
    traced = await store.ask(TraceQuery(message_id), visit.account_id, visit.now)
    assert isinstance(traced, TraceAnswer)  # noqa: S101 - the answer to this query
    trace = for_customer(traced.trace) if traced.trace is not None else None
    if trace is not None and visit.is_guest:
        trace = for_administrator(trace)
    values = {
        "record": _visible(visit, record.records[0]),
        "trace": trace,
        "line": timeline(trace) if trace is not None else None,
        "amount": amount,
    }
    return Shown("message.html", values)


async def one_inbound(services: Services, visit: Visit) -> Shown:
    """Show an inbound message."""
    query = InboundMessageQuery(_id(visit))
    page = await services.store.ask(query, visit.account_id, visit.now)
    assert isinstance(page, InboundPage)  # noqa: S101 - the answer to this query
    if not page.records:
        raise NotThere
    return Shown("inbound_message.html", {"record": _visible(visit, page.records[0])})


_BASE = "/console/accounts/{account}/messages"
_READ = Permission.READ_MESSAGES

PAGES = (
    Page("GET", _BASE, outbound, _READ),
    Page("GET", f"{_BASE}/inbound", inbound, _READ),
    Page("GET", f"{_BASE}/inbound/{{id}}", one_inbound, _READ),
    Page("GET", f"{_BASE}/{{id}}", one, _READ),
)
