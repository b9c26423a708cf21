"""
Who may open which page: every page × every role × own and another account.

The cases are made of the console's table of pages, so that a new page is tested by
itself. Its handler is replaced by one that says that it was reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.console.app import PAGES
from budstikke.console.page import Moved
from budstikke.domain.roles import PERMISSIONS, WITHOUT_ROLE, Role
from budstikke.store.contract.users import Act
from console.conftest import PEOPLE

if TYPE_CHECKING:
    from console.browser import Browser
    from console.conftest import Site

REACHED = "/reached"


async def reached(_services: Any, _visit: Any) -> Moved:
    return Moved(REACHED)


PROBED = tuple(page._replace(handler=reached) for page in PAGES)


def expected(
    page: Any, account: int, whose: tuple[int, Role] | None
) -> tuple[int, str]:
    """Say what a visitor with a role gets: the status, and where it leads."""
    if page.permission is None:
        return 303, REACHED
    if whose is None:
        return 303, "/console/sign-in"
    own, role = whose
    if role is not Role.OPERATOR and "{account}" in page.path and own != account:
        return 404, ""
    in_account = "{account}" in page.path or role is Role.OPERATOR
    may = PERMISSIONS[role] if in_account else WITHOUT_ROLE
    return (303, REACHED) if page.permission in may else (403, "")


async def ask(browser: Browser, page: Any, account: int) -> tuple[int, str]:
    path = page.path.replace("{account}", str(account)).replace("{id}", "7")
    path = path.replace("{token}", "abc")
    answer = await (browser.get if page.method == "GET" else browser.post)(path)
    return answer.status, answer.header("location").partition("?")[0]


async def test_every_page_for_every_role_and_account(site: Site) -> None:
    people: list[tuple[str, tuple[int, Role] | None]] = [("", None), *PEOPLE.items()]
    for mail, whose in people:
        browser = site.browser(pages=PROBED)
        real = site.browser()
        if mail:
            assert 303 == (await real.sign_in(mail)).status
        else:
            await real.get("/console/sign-in")
        browser.cookies, browser.token = dict(real.cookies), real.token
        for page in PROBED:
            for account in (1, 2, 99):
                if account == 99 and whose and whose[1] is Role.OPERATOR:
                    continue
                site.now += 2.0  # so that no limit is reached
                got = await ask(browser, page, account)
                what = f"{mail or 'nobody'}: {page.method} {page.path} of {account}"
                assert expected(page, account, whose) == got, what
    assert len(PROBED) > 20


async def test_no_form_counts_without_its_token(site: Site) -> None:
    browser, real = site.browser(pages=PROBED), site.browser()
    await real.sign_in("operator@x.no")
    browser.cookies = dict(real.cookies)
    posts = [page for page in PROBED if page.method == "POST"]
    for page in posts:
        for token in ("", "0" * 64, real.token[:-1]):
            site.now += 2.0
            browser.token = token
            assert (403, "") == await ask(browser, page, 1), page.path
    path = "/console/profile"
    browser.token = real.token
    assert 303 == (await browser.post(path)).status
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ):
        assert 403 == (await browser.post(path, **headers)).status, headers
    fine = {"origin": "http://bud.example", "sec_fetch_site": "same-origin"}
    assert 303 == (await browser.post(path, **fine)).status
    wrong = await browser.post(path, content_type="multipart/form-data")
    assert 400 == wrong.status
    assert 400 == (await browser.post(path, {"x": "y" * 70_000})).status


async def test_a_session_waiting_for_its_code_opens_nothing(site: Site) -> None:
    user = await site.store.user_by_mail("operator@x.no")
    assert user is not None
    await site.store.set_totp(user.id, "A" * 32, ["c"], Act(user.mail, site.now))
    browser, real = site.browser(pages=PROBED), site.browser()
    answer = await real.sign_in("operator@x.no")
    assert answer.header("location").startswith("/console/second-step")
    browser.cookies, browser.token = dict(real.cookies), real.token
    for page in PROBED:
        if page.permission is not None:
            got = await ask(browser, page, 1)
            assert (303, "/console/sign-in") == got, page.path
