"""My profile: name, language, zone, password, second step, sessions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from budstikke.console.page import Moved, NotThere, Page, Shown
from budstikke.console.pages.sign_in import origin_of
from budstikke.console.rendering import zones
from budstikke.domain.roles import Permission
from budstikke.domain.totp import matching_step, provisioning_uri
from budstikke.domain.user import LANGUAGES, normal_name, password_fault
from budstikke.flow.one_time_links import digest
from budstikke.flow.sign_in import new_recovery_codes, new_totp_secret, normal_code
from budstikke.store.contract.users import Act

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.console.page import Services
    from budstikke.console.visit import Visit

ISSUER = "Budstikke"

_SECRET = re.compile(r"[A-Z2-7]{32}")


async def _shown(
    services: Services, visit: Visit, faults: Mapping[str, str] | None = None
) -> Shown:
    user = visit.user
    sessions = await services.store.sessions(user.id, visit.now)
    assert visit.visitor is not None  # noqa: S101 - the page's permission says so
    values = {
        "zones": zones(),
        "sessions": sessions,
        "this_session": visit.visitor.session.id,
        "role_list": visit.visitor.roles,
        "name": visit.form.get("name", user.name),
    }
    return Shown("profile.html", values, 422 if faults else 200, faults or {})


async def show_profile(services: Services, visit: Visit) -> Shown:
    """Show everything about the user."""
    return await _shown(services, visit)


async def change_profile(services: Services, visit: Visit) -> Shown | Moved:
    """Change name, language and zone."""
    language, zone = visit.form.get("language", ""), visit.form.get("zone", "")
    faults = {}
    try:
        name = normal_name(visit.form.get("name", ""))
    except ValueError:
        name, faults["name"] = "", "field.name_fault"
    if language not in LANGUAGES:
        faults["language"] = "field.language_fault"
    if zone not in zones():
        faults["zone"] = "field.zone_fault"
    if faults:
        return await _shown(services, visit, faults)
    await services.store.change_profile(visit.user.id, name, language, zone)
    return Moved("/console/profile?done=profile_changed", language=language)


async def change_password(services: Services, visit: Visit) -> Shown | Moved:
    """Change the password; all other sessions end, and this one gets a new token."""
    user, password = visit.user, visit.form.get("password", "")
    if not await services.sign_in.confirm(user, visit.form.get("current", "")):
        return await _shown(services, visit, {"current": "field.current_fault"})
    fault = password_fault(password, user.mail)
    if fault is not None:
        return await _shown(services, visit, {"password": f"password.{fault}"})
    hashed = await services.passwords.hash(password)
    keep = digest(visit.session_token())
    act = Act(user.mail, visit.now)
    await services.store.set_password(user.id, hashed, keep, act)
    return await _renewed(services, visit, "password_changed")


async def _renewed(services: Services, visit: Visit, done: str) -> Moved:
    assert visit.visitor is not None  # noqa: S101 - the page's permission says so
    session = await services.sign_in.renew(visit.visitor, origin_of(visit))
    return Moved(f"/console/profile?done={done}", session)


async def end_session(services: Services, visit: Visit) -> Moved:
    """End one of the user's own sessions."""
    written = visit.form.get("session", "")
    session_id = int(written) if re.fullmatch(r"[0-9]{1,18}", written) else 0
    if not await services.store.end_session(visit.user.id, session_id):
        raise NotThere
    return Moved("/console/profile?done=session_ended")


def _set_up(
    visit: Visit, secret: str, faults: Mapping[str, str] | None = None
) -> Shown:
    values = {
        "secret": secret,
        "groups": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "uri": provisioning_uri(secret, visit.user.mail, ISSUER),
        "codes": (),
    }
    return Shown(
        "set_up_second_step.html", values, 422 if faults else 200, faults or {}
    )


async def show_set_up(_services: Services, visit: Visit) -> Shown:
    """Show a new secret, which counts once a code of it was right."""
    return _set_up(visit, new_totp_secret())


async def set_up(services: Services, visit: Visit) -> Shown:
    """Set up the second step; shows the recovery codes, this once."""
    user, secret = visit.user, visit.form.get("secret", "")
    if not _SECRET.fullmatch(secret):
        raise NotThere
    if not await services.sign_in.confirm(user, visit.form.get("current", "")):
        return _set_up(visit, secret, {"current": "field.current_fault"})
    step = matching_step(secret, visit.form.get("code", ""), visit.now)
    if step is None:
        return _set_up(visit, secret, {"code": "second_step.wrong"})
    codes = new_recovery_codes()
    hashes = [digest(normal_code(code)) for code in codes]
    act = Act(user.mail, visit.now)
    await services.store.set_totp(user.id, secret, hashes, act)
    await services.store.use_totp(user.id, step)
    values = {"secret": "", "groups": "", "uri": "", "codes": codes}
    return Shown("set_up_second_step.html", values)


async def end_second_step(services: Services, visit: Visit) -> Shown | Moved:
    """Sign in by the password alone from now on."""
    user = visit.user
    if not await services.sign_in.confirm(user, visit.form.get("current", "")):
        return await _shown(services, visit, {"end_current": "field.current_fault"})
    await services.store.set_totp(user.id, "", (), Act(user.mail, visit.now))
    return await _renewed(services, visit, "second_step_ended")


_OWN = Permission.OWN_PROFILE

PAGES = (
    Page("GET", "/console/profile", show_profile, _OWN),
    Page("POST", "/console/profile", change_profile, _OWN),
    Page("POST", "/console/profile/password", change_password, _OWN),
    Page("POST", "/console/profile/session", end_session, _OWN),
    Page("GET", "/console/profile/second-step", show_set_up, _OWN),
    Page("POST", "/console/profile/second-step", set_up, _OWN),
    Page("POST", "/console/profile/second-step/end", end_second_step, _OWN),
)
