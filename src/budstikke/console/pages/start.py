"""The start page, and the way to the first page of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.console.page import Moved, Page, Shown
from budstikke.domain.roles import Permission

if TYPE_CHECKING:
    from budstikke.console.page import Services
    from budstikke.console.visit import Visit


async def start(services: Services, visit: Visit) -> Shown:
    """Show what is here; in a demo how to use it."""
    welcome = services.welcome
    base = str(visit.request.base_url).rstrip("/")
    commands = welcome.requests(base) if welcome else ()
    return Shown("start.html", {"welcome": welcome, "commands": commands})


async def first_page(_services: Services, visit: Visit) -> Moved:
    """Go to the account that the user looked at last, or to the profile."""
    assert visit.visitor is not None  # noqa: S101 - the page's permission says so
    last = visit.visitor.session.account_id
    ids = [account_id for account_id, _ in visit.accounts]
    if not ids:
        return Moved("/console/profile")
    return Moved(f"/console/accounts/{last if last in ids else ids[0]}/messages")


PAGES = (
    Page("GET", "/", start, None),
    Page("GET", "/console", first_page, Permission.OWN_PROFILE),
)
