"""Pages without a session: sign-in, a new password, an invitation."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from budstikke.console.page import Moved, NotThere, Page, Shown
from budstikke.console.rendering import plain_text
from budstikke.console.visit import local_path
from budstikke.domain.roles import Permission
from budstikke.domain.user import (
    LIFETIMES,
    Stage,
    TokenKind,
    UserState,
    normal_mail,
    normal_name,
    password_fault,
)
from budstikke.flow.one_time_links import INVITATION_PATH, PASSWORD_PATH, digest
from budstikke.flow.sign_in import From
from budstikke.flow.transports import Mail
from budstikke.store.contract.users import Act, NewToken, NewUser

if TYPE_CHECKING:
    from budstikke.console.page import Services
    from budstikke.console.visit import Visit
    from budstikke.store.contract.users import Token

ZONES = {"nb": "Europe/Oslo", "sv": "Europe/Stockholm", "en": "Europe/Oslo"}
"""Time zones of new users, until they choose another."""


def origin_of(visit: Visit) -> From:
    """Tell where a sign-in comes from."""
    agent = visit.request.headers.get("user-agent", "")
    return From(visit.client, agent, visit.session_token())


async def show_sign_in(_services: Services, visit: Visit) -> Shown | Moved:
    """Show the form, or go on if the visitor is signed in."""
    onward = local_path(visit.query.get("next", ""))
    if visit.visitor is not None and visit.visitor.session.stage is Stage.FULL:
        return Moved(onward)
    return Shown("sign_in.html", {"onward": onward, "mail": ""})


async def sign_in(services: Services, visit: Visit) -> Shown | Moved:
    """Verify mail address and password."""
    mail, onward = visit.form.get("mail", ""), local_path(visit.form.get("next", ""))
    password = visit.form.get("password", "")
    session = await services.sign_in.sign_in(mail, password, origin_of(visit))
    if session is None:
        services.failed(visit.client, mail)
        values = {"onward": onward, "mail": mail}
        return Shown("sign_in.html", values, 422, {"mail": "sign_in.wrong"})
    visitor = await services.store.visitor(digest(session), visit.now)
    if visitor is not None and visitor.session.stage is Stage.PASSWORD:
        return Moved(f"/console/second-step?next={quote(onward)}", session)
    return Moved(onward, session)


async def show_second_step(_services: Services, visit: Visit) -> Shown | Moved:
    """Show the form for the code."""
    if visit.visitor is None:
        return Moved("/console/sign-in")
    onward = local_path(visit.query.get("next", ""))
    if visit.visitor.session.stage is Stage.FULL:
        return Moved(onward)
    return Shown("second_step.html", {"onward": onward})


async def second_step(services: Services, visit: Visit) -> Shown | Moved:
    """Verify the code of the app, or a recovery code."""
    if visit.visitor is None or visit.visitor.session.stage is Stage.FULL:
        return Moved("/console/sign-in")
    onward = local_path(visit.form.get("next", ""))
    code = visit.form.get("code", "")
    session = await services.sign_in.second_step(visit.visitor, code, origin_of(visit))
    if session is None:
        services.failed(visit.client, visit.user.mail)
        faults = {"code": "second_step.wrong"}
        return Shown("second_step.html", {"onward": onward}, 422, faults)
    return Moved(onward, session)


async def sign_out(services: Services, visit: Visit) -> Moved:
    """End the session."""
    visitor = visit.visitor
    if visitor is not None:
        await services.store.end_session(visitor.user.id, visitor.session.id)
    return Moved("/console/sign-in?done=signed_out", "")


async def show_forgotten(services: Services, _visit: Visit) -> Shown:
    """Show the form for a link to set a new password."""
    return Shown("forgotten.html", {"by_mail": services.mail is not None, "mail": ""})


async def forgotten(services: Services, visit: Visit) -> Shown | Moved:
    """Mail a link, if there is such a user; the answer is always the same."""
    try:
        mail = normal_mail(visit.form.get("mail", ""))
    except ValueError:
        values = {
            "by_mail": services.mail is not None,
            "mail": visit.form.get("mail", ""),
        }
        return Shown("forgotten.html", values, 422, {"mail": "field.mail_fault"})
    if services.mail is not None:
        services.later(_mail_link(services, mail, visit.language))
    return Moved("/console/forgotten?done=link_sent")


async def _mail_link(services: Services, mail: str, language: str) -> None:
    assert services.mail is not None  # noqa: S101 - the caller has looked
    user = await services.store.user_by_mail(mail)
    if user is None or user.state is not UserState.ACTIVE:
        return
    token, kind, now = secrets.token_urlsafe(32), TokenKind.PASSWORD, services.clock()
    row = NewToken(digest(token), kind, mail, mail)
    until = now + LIFETIMES[kind]
    await services.store.make_token(row, Act(mail, now), until)
    text = plain_text(
        language, "mail.password", url=f"{services.base_url}{PASSWORD_PATH}{token}"
    )
    subject = plain_text(language, "mail.password_subject")
    await services.mail.send(Mail(to=(mail,), subject=subject, text=text))


async def _token(services: Services, visit: Visit, kind: TokenKind) -> Token:
    """Find the link of the path; raises NotThere."""
    hashed = digest(visit.request.path_params["token"])
    token = await services.store.find_token(hashed, kind, visit.now)
    if token is None:
        raise NotThere
    return token


async def show_new_password(services: Services, visit: Visit) -> Shown:
    """Show the form for a new password; mail scanners open links, too."""
    token = await _token(services, visit, TokenKind.PASSWORD)
    return Shown("new_password.html", {"mail": token.mail})


async def new_password(services: Services, visit: Visit) -> Shown | Moved:
    """Set the password; all sessions of the user end."""
    token = await _token(services, visit, TokenKind.PASSWORD)
    password = visit.form.get("password", "")
    fault = password_fault(password, token.mail)
    if fault is not None:
        faults = {"password": f"password.{fault}"}
        return Shown("new_password.html", {"mail": token.mail}, 422, faults)
    hashed = await services.passwords.hash(password)
    link = digest(visit.request.path_params["token"])
    if await services.store.reset_password(link, hashed, visit.now) is None:
        raise NotThere
    return Moved("/console/sign-in?done=password_changed", "")


async def show_invitation(services: Services, visit: Visit) -> Shown:
    """Show who invites to what, and the form of a new user."""
    token = await _token(services, visit, TokenKind.INVITATION)
    known = await services.store.user_by_mail(token.mail)
    values = {"invitation": token, "known": known is not None, "name": ""}
    return Shown("invitation.html", values)


async def accept_invitation(services: Services, visit: Visit) -> Shown | Moved:
    """Create the user, or give the role to the one who is signed in."""
    token = await _token(services, visit, TokenKind.INVITATION)
    link = digest(visit.request.path_params["token"])
    known = await services.store.user_by_mail(token.mail)
    if known is not None:
        visitor = visit.visitor
        full = visitor is not None and visitor.session.stage is Stage.FULL
        if not full or visit.user.mail != token.mail:
            return await show_invitation(services, visit)
        if await services.store.accept_invitation(link, None, visit.now) is None:
            raise NotThere
        return Moved("/console?done=joined")
    password, written = visit.form.get("password", ""), visit.form.get("name", "")
    faults = {}
    try:
        name = normal_name(written)
    except ValueError:
        name, faults["name"] = "", "field.name_fault"
    if (fault := password_fault(password, token.mail)) is not None:
        faults["password"] = f"password.{fault}"
    if faults:
        values = {"invitation": token, "known": False, "name": written}
        return Shown("invitation.html", values, 422, faults)
    hashed = await services.passwords.hash(password)
    zone = ZONES[visit.language]
    user = NewUser(token.mail, name, hashed, visit.language, zone)
    if await services.store.accept_invitation(link, user, visit.now) is None:
        raise NotThere
    return Moved("/console/sign-in?done=user_created")


PAGES = (
    Page("GET", "/console/sign-in", show_sign_in, None),
    Page("POST", "/console/sign-in", sign_in, None),
    Page("GET", "/console/second-step", show_second_step, None),
    Page("POST", "/console/second-step", second_step, None),
    Page("POST", "/console/sign-out", sign_out, Permission.OWN_PROFILE),
    Page("GET", "/console/forgotten", show_forgotten, None),
    Page("POST", "/console/forgotten", forgotten, None),
    Page("GET", PASSWORD_PATH + "{token}", show_new_password, None),
    Page("POST", PASSWORD_PATH + "{token}", new_password, None),
    Page("GET", INVITATION_PATH + "{token}", show_invitation, None),
    Page("POST", INVITATION_PATH + "{token}", accept_invitation, None),
)
