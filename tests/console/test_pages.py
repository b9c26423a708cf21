"""The pages: words, headers, escapes, messages of one account."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

import pytest
from markupsafe import escape

from budstikke.console import rendering
from budstikke.console.page import Welcome
from budstikke.console.pages.messages import amount
from budstikke.console.texts import choose_language, texts
from budstikke.domain.roles import ACCOUNT_ROLES, Role
from budstikke.domain.states import MessageState, PartState
from budstikke.domain.user import LANGUAGES, PasswordFault
from store.path import NOW

if TYPE_CHECKING:
    from console.conftest import Site

XSS = "<script>alert('1')</script>\"&"
ADMINISTRATOR, OTHER = "administrator@x.no", "other@x.no"


def test_every_language_has_the_same_texts_with_the_same_values() -> None:
    def shape(language: str) -> dict[str, set[str]]:
        parse = string.Formatter().parse
        return {
            key: {name for _, name, _, _ in parse(text) if name}
            for key, text in texts(language).items()
        }

    assert shape("en") == shape("nb") == shape("sv")
    for language in LANGUAGES:
        for key, text in texts(language).items():
            assert text, key
            assert not set('<>"') & set(text), key


def test_texts_of_closed_lists_are_there() -> None:
    known = texts("en")
    wanted = [
        *(f"state.{state}" for state in MessageState),
        *(f"state.{state}_what" for state in MessageState),
        *(f"part.{state}" for state in PartState),
        *(f"role.{role}" for role in Role),
        *(f"role.{role}_may" for role in ACCOUNT_ROLES),
        *(f"password.{fault}" for fault in PasswordFault),
    ]
    assert [] == [key for key in wanted if key not in known]


def test_every_text_that_a_template_names_is_there() -> None:
    loader = rendering.environment().loader
    assert loader is not None
    named: set[str] = set()
    for name in loader.list_templates():
        source = loader.get_source(rendering.environment(), name)[0]
        named |= set(re.findall(r't\("([a-z_]+\.[a-z_]+)"[,)]', source))
    assert len(named) > 100
    assert set() == named - set(texts("en"))


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        ("sv", "nb", "sv"),
        ("xx", "nb-NO,en;q=0.5", "nb"),
        ("", "de, no;q=0.8", "nb"),
        ("", "sv-SE", "sv"),
        ("", "", "en"),
    ],
)
def test_languages(wanted: str, accepted: str, language: str) -> None:
    assert language == choose_language(wanted, accepted)


def test_times_and_amounts() -> None:
    for language, written in (
        ("nb", "14.11.2023 kl. 23.13.20"),
        ("sv", "2023-11-14 23:13:20"),
        ("en", "14 Nov 2023, 23:13:20"),
    ):
        assert written == rendering.time_text(NOW, language, "Europe/Oslo")
    assert "14 Nov 2023, 22:13:20" == rendering.time_text(NOW, "en", "No/Where")
    assert ("", "3 SMS", "0.45 NOK", "-1.50 NOK") == (
        *(amount(5, ""), amount(3_000_000, "SMS")),
        *(amount(450_000, "NOK"), amount(-1_500_000, "NOK")),
    )


async def test_headers_and_cookies(site: Site) -> None:
    for scheme, prefix in (("http", ""), ("https", "__Host-")):
        browser = site.browser(scheme=scheme)
        await browser.sign_in(ADMINISTRATOR)
        assert {f"{prefix}budstikke_session", f"{prefix}budstikke_form"} == set(
            browser.cookies
        )
        for path in (
            "/",
            "/console/profile",
            "/console/accounts/1/members",
            "/console",
        ):
            answer = await browser.get(path)
            policy = answer.header("content-security-policy")
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert "no-store" == answer.header("cache-control")
            assert "nosniff" == answer.header("x-content-type-options")
            assert "DENY" == answer.header("x-frame-options")
            assert not re.search(r"<script|<style|style=| on[a-z]+=", answer.page)
        fresh = site.browser(scheme=scheme)
        await fresh.get("/console/sign-in")
        form = {"mail": ADMINISTRATOR, "password": "riktig hest"}
        answer = await fresh.post("/console/sign-in", form)
        (cookie,) = [v for k, v in answer.headers if k == "set-cookie"]
        for attribute in ("HttpOnly", "Path=/", "SameSite=lax"):
            assert attribute in cookie
        assert (scheme == "https") == ("Secure" in cookie)
        assert "Domain" not in cookie


async def test_the_host_is_checked(site: Site) -> None:
    browser = site.browser()
    for host in ("a b", "evil.example/x", "x@y", "", "a:b"):
        assert 400 == (await browser.get("/", host=host)).status, host
    for host in ("bud.example", "127.0.0.1:8080", "[::1]:8080"):
        assert 200 == (await browser.get("/", host=host)).status, host
    strict = site.browser(public_host="sms.example")
    assert 400 == (await strict.get("/")).status
    assert 200 == (await strict.get("/", host="SMS.example")).status


async def test_the_start_page_of_a_demo(site: Site) -> None:
    welcome = Welcome("demo@x.no", "demo", lambda base: [("Front", f"curl {base}/a")])
    answer = await site.browser(welcome=welcome, phones=True).get("/")
    for text in ("demo@x.no", "curl http://bud.example/a", "Simulated phones"):
        assert text in answer.text
    plain = await site.browser().get("/")
    assert "demo" not in plain.text
    assert "/simulator" not in plain.page


async def test_every_page_in_every_language_with_hostile_names_and_texts(
    site: Site,
) -> None:
    first, _ = await site.accept("+4799999991", "+4799999992", text=XSS, ref=XSS)
    browser = site.browser()
    await browser.sign_in(ADMINISTRATOR)
    user = await site.store.user_by_mail(ADMINISTRATOR)
    assert user is not None
    await browser.post(
        "/console/accounts/1/members/invite", {"mail": "n@x.no", "role": "reader"}
    )
    base = "/console/accounts/1"
    paths = [
        *("/", "/console/sign-in", "/console/second-step", "/console/forgotten"),
        *("/console/profile", "/console/profile/second-step", f"{base}/members"),
        *(f"{base}/members/remove?user={user.id}", f"{base}/messages"),
        *(f"{base}/messages?number=x&state=x&from=x&id=x", f"{base}/messages/inbound"),
        *(f"{base}/messages?ref={'%3Cscript%3E'}", f"{base}/messages/{first}"),
        *("/console/password/x", "/console/accounts/9/messages"),
    ]
    for language in LANGUAGES:
        await site.store.change_profile(user.id, f"K {XSS}", language, "Europe/Oslo")
        for path in paths:
            answer = await browser.get(path)
            assert answer.status in (200, 303, 404, 422), path
            assert "<script" not in answer.page, path
            if f"{base}/messages" == path or path.endswith(f"/{first}"):
                assert 2 <= answer.page.count(escape(XSS)), "of the user, and of it"
            if answer.status != 303:
                assert f'<html lang="{language}">' in answer.page
                assert 1 == answer.page.count("<h1>")
    nobody = site.browser()
    for language in LANGUAGES:
        for path in (
            "/",
            "/console/sign-in",
            "/console/forgotten",
            "/console/invitation/x",
        ):
            answer = await nobody.get(f"{path}?language={language}")
            assert f'<html lang="{language}">' in answer.page
        assert f'<html lang="{language}">' in (await nobody.get("/")).page


async def test_messages_are_found_and_never_another_accounts(site: Site) -> None:
    kari, ola = await site.accept("+4799999991", "+4799999992", text="Hei", ref="R1")
    browser, other = site.browser(), site.browser()
    await browser.sign_in(ADMINISTRATOR)
    await other.sign_in(OTHER)
    base = "/console/accounts/1/messages"

    async def found(query: str) -> set[int]:
        page = (await browser.get(f"{base}{query}")).page
        return {int(each) for each in re.findall(rf"{base}/([0-9]+)", page)}

    assert {kari, ola} == await found("")
    assert {kari} == await found("?number=%2B47+999+99+991")
    assert {kari} == await found("?number=004799999991")
    assert {kari, ola} == await found("?ref=R1")
    assert set() == await found("?ref=R2")
    assert {kari, ola} == await found("?state=accepted")
    assert set() == await found("?state=delivered")
    assert {kari, ola} == await found("?from=2023-11-14&to=2023-11-14")
    assert set() == await found("?from=2023-11-15")
    assert set() == await found("?to=2023-11-13")
    assert {kari} == await found(f"?before={ola}")
    moved = await browser.get(f"{base}?id={ola}")
    assert f"{base}/{ola}" == moved.header("location")
    page = await browser.get(f"{base}/{ola}")
    for text in ("Hei", "+4799999992", "R1", "accepted"):
        assert text in page.text
    for path in (f"{base}/{ola}", f"{base}/inbound/{ola}"):
        assert 404 == (await other.get(path)).status
    theirs = f"/console/accounts/2/messages/{ola}"
    assert 404 == (await other.get(theirs)).status
    for wrong in ("x", "0", "9" * 30, "-1"):
        assert 404 == (await browser.get(f"{base}/{wrong}")).status

    operator = site.browser()
    await operator.sign_in("operator@x.no")
    for path in (base, f"{base}/{ola}"):
        page = await operator.get(path)
        assert 200 == page.status
        assert "Hei" not in page.text, "the account does not share its texts"
        assert "+4799999992" not in page.text
