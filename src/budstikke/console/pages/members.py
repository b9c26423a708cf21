"""Members of an account: who they are, invitations, and roles."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from budstikke.console.page import Moved, NotThere, Page, Shown
from budstikke.console.rendering import plain_text
from budstikke.domain.roles import ACCOUNT_ROLES, Permission
from budstikke.domain.user import LIFETIMES, TokenKind, normal_mail
from budstikke.flow.one_time_links import INVITATION_PATH, digest
from budstikke.flow.transports import Mail
from budstikke.store.contract.users import Act, NewToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.console.page import Services
    from budstikke.console.visit import Visit


def _act(visit: Visit) -> Act:
    return Act(visit.user.mail, visit.now)


def _path(visit: Visit, done: str = "") -> str:
    query = f"?done={done}" if done else ""
    return f"/console/accounts/{visit.account_id}/members{query}"


async def _shown(
    services: Services,
    visit: Visit,
    faults: Mapping[str, str] | None = None,
    link: str = "",
) -> Shown:
    store = services.store
    values = {
        "members": await store.members(visit.account_id),
        "invitations": await store.invitations(visit.account_id, visit.now),
        "choices": ACCOUNT_ROLES,
        "mail": visit.form.get("mail", ""),
        "link": link,
    }
    return Shown("members.html", values, 422 if faults else 200, faults or {})


async def show_members(services: Services, visit: Visit) -> Shown:
    """List members and invitations."""
    return await _shown(services, visit)


def _role(visit: Visit) -> str:
    role = visit.form.get("role", "")
    return role if role in ACCOUNT_ROLES else ""


async def invite(services: Services, visit: Visit) -> Shown | Moved:
    """Mail an invitation; without a mail server, show its link."""
    faults = {}
    try:
        mail = normal_mail(visit.form.get("mail", ""))
    except ValueError:
        mail, faults["mail"] = "", "field.mail_fault"
    if not (role := _role(visit)):
        faults["role"] = "field.role_fault"
    members = await services.store.members(visit.account_id)
    if mail and mail in [member.mail for member in members]:
        faults["mail"] = "members.is_one"
    if faults:
        return await _shown(services, visit, faults)
    token, kind = secrets.token_urlsafe(32), TokenKind.INVITATION
    by = visit.user.name
    row = NewToken(digest(token), kind, mail, by, visit.account_id, role)
    until = visit.now + LIFETIMES[kind]
    await services.store.make_token(row, _act(visit), until)
    link = f"{services.base_url}{INVITATION_PATH}{token}"
    if services.mail is None:
        return await _shown(services, visit, link=link)
    services.later(_mail(services, visit, mail, link))
    return Moved(_path(visit, "invited"))


async def _mail(services: Services, visit: Visit, mail: str, link: str) -> None:
    assert services.mail is not None  # noqa: S101 - the caller has looked
    assert visit.account is not None  # noqa: S101 - the page's path says so
    values = {"name": visit.user.name, "account": visit.account[1], "url": link}
    text = plain_text(visit.language, "mail.invitation", **values)
    subject = plain_text(visit.language, "mail.invitation_subject", **values)
    await services.mail.send(Mail(to=(mail,), subject=subject, text=text))


async def cancel(services: Services, visit: Visit) -> Moved:
    """End an invitation."""
    written = visit.form.get("invitation", "")
    token_id = int(written) if re.fullmatch(r"[0-9]{1,18}", written) else 0
    store = services.store
    if not await store.cancel_invitation(token_id, visit.account_id, _act(visit)):
        raise NotThere
    return Moved(_path(visit, "invitation_cancelled"))


async def _member(services: Services, visit: Visit) -> str:
    """Return the mail address of the form, if it is a member's; raises NotThere."""
    mail = visit.form.get("mail", "")
    members = await services.store.members(visit.account_id)
    if mail not in [member.mail for member in members]:
        raise NotThere
    return mail


async def change_role(services: Services, visit: Visit) -> Shown | Moved:
    """Give a member another role."""
    mail = await _member(services, visit)
    if not (role := _role(visit)):
        return await _shown(services, visit, {"role": "field.role_fault"})
    return await _set(services, visit, mail, role)


async def remove(services: Services, visit: Visit) -> Shown | Moved:
    """Take a member's role."""
    return await _set(services, visit, await _member(services, visit), "")


async def ask_remove(services: Services, visit: Visit) -> Shown:
    """Ask once before a member is removed, and say what that does."""
    members = await services.store.members(visit.account_id)
    user_id = visit.query.get("user", "")
    for member in members:
        if str(member.user_id) == user_id:
            return Shown("remove_member.html", {"member": member})
    raise NotThere


async def _set(services: Services, visit: Visit, mail: str, role: str) -> Shown | Moved:
    store = services.store
    if await store.set_role(mail, visit.account_id, role, _act(visit)):
        return await _shown(services, visit, {"member": "members.last"})
    if mail == visit.user.mail and not role:
        return Moved("/console")
    return Moved(_path(visit, "role_changed" if role else "member_removed"))


_BASE = "/console/accounts/{account}/members"
_MANAGE = Permission.MANAGE_MEMBERS

PAGES = (
    Page("GET", _BASE, show_members, _MANAGE),
    Page("POST", f"{_BASE}/invite", invite, _MANAGE),
    Page("POST", f"{_BASE}/cancel", cancel, _MANAGE),
    Page("POST", f"{_BASE}/role", change_role, _MANAGE),
    Page("GET", f"{_BASE}/remove", ask_remove, _MANAGE),
    Page("POST", f"{_BASE}/remove", remove, _MANAGE),
)
