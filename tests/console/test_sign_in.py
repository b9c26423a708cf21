"""Sign-in, second step, links and sessions: what lets people in, and what does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from budstikke.console.visit import local_path
from budstikke.domain.totp import STEP, code_at
from budstikke.domain.user import IDLE

if TYPE_CHECKING:
    from console.browser import Browser
    from console.conftest import Site

KARI = "administrator@x.no"
SESSION = "budstikke_session"


async def try_password(browser: Browser, mail: str, password: str) -> tuple[int, str]:
    await browser.get("/console/sign-in")
    form = {"mail": mail, "password": password}
    answer = await browser.post("/console/sign-in", form)
    shown = answer.page.replace(mail, "MAIL").replace(browser.token, "TOKEN")
    return answer.status, shown


async def test_nobody_learns_who_has_a_user(site: Site) -> None:
    browser = site.browser()
    for attempt in range(8):  # more than are free: a lock says nothing either
        site.now += 1
        known = await try_password(browser, KARI, f"feil nummer {attempt}")
        unknown = await try_password(browser, "nobody@x.no", f"feil nummer {attempt}")
        assert known == unknown
        assert 422 == known[0]
    assert 422 == (await try_password(browser, KARI, "riktig hest"))[0], "it is locked"
    site.now += 1000
    assert 303 == (await try_password(browser, f" {KARI.upper()}", "riktig hest"))[0]
    shown = set()
    for mail in (KARI, "nobody@x.no"):
        await browser.get("/console/forgotten")
        answer = await browser.post("/console/forgotten", {"mail": mail})
        shown.add((answer.status, answer.header("location")))
    assert 1 == len(shown)


async def test_many_forms_of_one_address_have_to_wait(site: Site) -> None:
    browser = site.browser()
    answers = [(await try_password(browser, f"{n}@x.no", "x"))[0] for n in range(31)]
    assert [*[422] * 30, 429] == answers
    site.now += 60
    assert 303 == (await browser.sign_in(KARI)).status


async def test_a_sign_in_gives_another_session_and_sign_out_ends_it(site: Site) -> None:
    browser, thief = site.browser(), site.browser()
    await browser.get("/console/sign-in")
    for name in ("budstikke_form", SESSION):  # fixed by somebody else
        browser.cookies.setdefault(name, "f" * 43)
    await browser.sign_in(KARI)
    first = browser.cookies[SESSION]
    assert "f" * 43 != first
    await browser.post("/console/sign-out")
    thief.cookies[SESSION] = first
    assert 303 == (await thief.get("/console/profile")).status
    await browser.sign_in(KARI)
    assert first != browser.cookies[SESSION]
    thief.cookies[SESSION] = browser.cookies[SESSION]
    assert 200 == (await thief.get("/console/profile")).status
    form = {"current": "riktig hest", "password": "en annen hest"}
    assert 303 == (await browser.post("/console/profile/password", form)).status
    assert 303 == (await thief.get("/console/profile")).status, "its token is another"
    assert 200 == (await browser.get("/console/profile")).status
    site.now += IDLE + 1
    assert 303 == (await browser.get("/console/profile")).status


async def test_the_second_step_and_recovery_codes(site: Site) -> None:
    browser = site.browser()
    await browser.sign_in(KARI)
    page = await browser.get("/console/profile/second-step")
    (secret,) = re.findall(r'name="secret" value="([A-Z2-7]{32})"', page.page)
    step = int(site.now // STEP)
    form = {"secret": secret, "code": code_at(secret, step), "current": "feil hest"}
    path = "/console/profile/second-step"
    assert 422 == (await browser.post(path, form)).status
    form["current"] = "riktig hest"
    assert 422 == (await browser.post(path, {**form, "code": "000000"})).status
    done = await browser.post(path, form)
    codes = re.findall(r"<li>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</li>", done.page)
    assert 10 == len(codes)

    again = site.browser()
    answer = await again.sign_in(KARI)
    assert "/console/second-step?next=/console" == answer.header("location")
    await again.get("/console/second-step")
    waiting = again.cookies[SESSION]
    for wrong in (code_at(secret, step), "000000", ""):  # the first one was used
        answer = await again.post("/console/second-step", {"code": wrong})
        assert 422 == answer.status
    answer = await again.post("/console/second-step", {"code": codes[0].upper()})
    assert 303 == answer.status
    assert waiting != again.cookies[SESSION]
    assert 200 == (await again.get("/console/profile")).status
    third = site.browser()
    await third.sign_in(KARI)
    await third.get("/console/second-step")
    answer = await third.post("/console/second-step", {"code": codes[0]})
    assert 422 == answer.status, "a recovery code works once"
    form = {"code": code_at(secret, step + 1)}
    assert 303 == (await third.post("/console/second-step", form)).status


async def test_a_link_for_a_new_password_works_once(site: Site) -> None:
    browser = site.browser()
    await browser.get("/console/forgotten")
    await browser.post("/console/forgotten", {"mail": KARI})
    for console in site.consoles:
        while console._tasks:
            await next(iter(console._tasks))
    (mail,) = site.post.mails
    assert (KARI,) == mail.to
    (path,) = re.findall(r"https://bud\.example(/console/password/\S+)", mail.text)
    for _ in range(2):  # a mail scanner opens it, too
        assert 200 == (await browser.get(path)).status
    assert 422 == (await browser.post(path, {"password": "kort"})).status
    assert 303 == (await browser.post(path, {"password": "helt ny hest"})).status
    assert 404 == (await browser.get(path)).status
    assert 404 == (await browser.post(path, {"password": "enda en hest"})).status
    assert 422 == (await browser.sign_in(KARI)).status
    assert 303 == (await browser.sign_in(KARI, "helt ny hest")).status


async def test_an_invitation_makes_a_member(site: Site) -> None:
    browser, guest = site.browser(mail=None), site.browser()
    await browser.sign_in(KARI)
    base = "/console/accounts/1/members"
    for form, faults in (
        ({"mail": "x", "role": "sender"}, 1),
        ({"mail": "new@x.no", "role": "operator"}, 1),
        ({"mail": "reader@x.no", "role": "sender"}, 1),
        ({}, 2),
    ):
        answer = await browser.post(f"{base}/invite", form)
        assert 422 == answer.status
        assert faults == answer.page.count('<li><a href="#')
        assert "<title>Error:" in answer.page
    form = {"mail": "New@x.no", "role": "sender"}
    answer = await browser.post(f"{base}/invite", form)
    (path,) = re.findall(
        r"https://bud\.example(/console/invitation/[^<]+)", answer.page
    )
    assert "new@x.no" in (await guest.get(path)).text
    assert 422 == (await guest.post(path, {"name": "", "password": "kort"})).status
    form = {"name": "<b>Ny</b>", "password": "ny hest her"}
    assert 303 == (await guest.post(path, form)).status
    assert 404 == (await guest.get(path)).status
    await guest.sign_in("new@x.no", "ny hest her")
    assert 200 == (await guest.get("/console/accounts/1/messages")).status
    assert 403 == (await guest.get(base)).status
    assert 404 == (await guest.get("/console/accounts/2/messages")).status
    page = (await browser.get(base)).page
    assert "&lt;b&gt;Ny&lt;/b&gt;" in page
    assert "<b>Ny" not in page

    form = {"mail": "other@x.no", "role": "reader"}
    answer = await browser.post(f"{base}/invite", form)
    (path,) = re.findall(
        r"https://bud\.example(/console/invitation/[^<]+)", answer.page
    )
    assert "signed in as new@x.no" in (await guest.get(path)).text
    await guest.post(path, {"name": "Thief", "password": "tyvens hest"})
    assert 422 == (await site.browser().sign_in("other@x.no", "tyvens hest")).status
    other = site.browser()
    await other.sign_in("other@x.no")
    await other.get(path)
    assert 303 == (await other.post(path)).status
    assert 200 == (await other.get("/console/accounts/1/messages")).status


async def test_members_change_and_leave_but_the_last_administrator_stays(
    site: Site,
) -> None:
    browser = site.browser()
    await browser.sign_in(KARI)
    base = "/console/accounts/1/members"
    for path, role in (("role", "reader"), ("remove", "")):
        form = {"mail": KARI, "role": role}
        assert 422 == (await browser.post(f"{base}/{path}", form)).status
    form = {"mail": "reader@x.no", "role": "administrator"}
    assert 303 == (await browser.post(f"{base}/role", form)).status
    for mail in ("other@x.no", "nobody@x.no", ""):  # of another account, or nobody
        form = {"mail": mail, "role": "reader"}
        assert 404 == (await browser.post(f"{base}/role", form)).status
        assert 404 == (await browser.post(f"{base}/remove", form)).status
    assert 303 == (await browser.post(f"{base}/remove", {"mail": KARI})).status
    assert 404 == (await browser.get(base)).status
    await site.browser().sign_in("other@x.no")
    user = await site.store.user_by_mail("other@x.no")
    assert user is not None
    (session,) = await site.store.sessions(user.id, site.now)
    for written in (str(session.id), "x", "9" * 30):
        form = {"session": written}
        assert 404 == (await browser.post("/console/profile/session", form)).status


@pytest.mark.parametrize(
    ("path", "onward"),
    [
        ("/console/accounts/1/messages?state=sent", None),
        ("/console/profile", None),
        *(
            (path, "/console")
            for path in (
                *("", "//evil.example", "https://evil.example", "/\\evil.example"),
                *("/console//evil.example", "/console/../x", "/consoleevil.example"),
                *("/console@evil.example", "/console\r\nX: y", "javascript:alert(1)"),
            )
        ),
    ],
)
async def test_sign_in_goes_on_within_the_console(
    path: str, onward: str | None
) -> None:
    assert (onward or path) == local_path(path)
