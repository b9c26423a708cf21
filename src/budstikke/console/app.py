"""
The console's routes: one table of pages, and one way through which each request goes.

In this order: the host, the session, the account and what the visitor may do there, and
for a form its token. A handler is called when all of it is right.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from budstikke.config.addresses import networks
from budstikke.console.page import Moved, NotThere, Page, Services, Shown, Welcome
from budstikke.console.pages import members, messages, profile, sign_in, start
from budstikke.console.rendering import render
from budstikke.console.texts import choose_language
from budstikke.console.visit import (
    FORM,
    LANGUAGE,
    SESSION,
    BadForm,
    Visit,
    cookie_name,
    form_token,
    is_known_host,
    is_own_form,
    read_form,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.roles import INSTALLATION, Role, permissions
from budstikke.domain.user import LONGEST_SESSION, Stage
from budstikke.flow.one_time_links import digest
from budstikke.flow.passwords import Passwords
from budstikke.flow.sign_in import SignIn
from budstikke.servers.addresses import client_of
from budstikke.servers.limits import RateLimit
from budstikke.servers.login_failures import LoginFailures
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.requests import Request

    from budstikke.config import Http
    from budstikke.flow.transports import MailTransport
    from budstikke.servers.addresses import Network
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.console")

PAGES: tuple[Page, ...] = (
    *start.PAGES,
    *sign_in.PAGES,
    *profile.PAGES,
    *members.PAGES,
    *messages.PAGES,
)
"""All pages; tests go through this table, so that a new page is tested by itself."""

MOST_FORMS, WINDOW = 30, 60.0
"""Forms without a session that one address may send in so many seconds."""

TOUCH_EVERY = 60.0
"""Seconds between notes that a session is used."""

YEAR = 365 * 86400

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
"""Headers of every page."""


class Console:
    """
    The console of one gateway.

    Args:
        store: Has everything.
        clock: Unix seconds.
        base_url: Where links in mails begin.
        public_host: The host of ``http.public_url``; empty: the setting is not used.
        trusted: Networks of proxies that are believed.
        mail: Sends invitations; ``None``: the page shows their links instead.
        phones: Whether there are simulated phones to link to.
        welcome: What the start page of a demo shows.
        passwords: Hashes; tests have a cheaper one.
        pages: What it serves.

    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Callable[[], float],
        base_url: str,
        public_host: str = "",
        trusted: tuple[Network, ...] = (),
        mail: MailTransport | None = None,
        phones: bool = False,
        welcome: Welcome | None = None,
        passwords: Passwords | None = None,
        pages: Sequence[Page] = PAGES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pages = pages
        self._public_host = public_host
        self._trusted = trusted
        self._rate = RateLimit(clock, MOST_FORMS, WINDOW)
        self._failures = LoginFailures(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self.passwords = passwords or Passwords()
        self._services = Services(
            store=store,
            passwords=self.passwords,
            sign_in=SignIn(store, self.passwords, clock),
            clock=clock,
            base_url=base_url,
            mail=mail,
            phones=phones,
            welcome=welcome,
            failed=self._sign_in_failed,
            later=self._later,
        )

    def routes(self) -> list[Route]:
        """List its routes."""
        return [
            *(
                Route(page.path, self._endpoint(page), methods=[page.method])
                for page in self._pages
            ),
            Route("/console/static/console.css", _style, methods=["GET"]),
        ]

    async def stop(self) -> None:
        """Stop verifying passwords, and sending mails."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.passwords.close()

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            visit = self._visit(request)
            try:
                return await self._answer(page, visit)
            except NotThere:
                return self._fault(visit, 404, "not_there")
            except BadForm:
                return self._fault(visit, 400, "bad_form")
            except Refusal as refusal:
                if refusal.code is not RefusalCode.TOO_MANY_REQUESTS:
                    raise
                return self._fault(visit, 429, "too_many")
            except StoreUnavailable as error:
                log.warning("console: the database did not answer: %s", error)
                return self._fault(visit, 503, "unavailable")

        return endpoint

    def _visit(self, request: Request) -> Visit:
        peer = request.client.host if request.client else ""
        secure = request.url.scheme == "https"
        if self._trusted:
            headers = dict(request.headers)
            peer, secure = client_of(peer, headers, self._trusted, secure=secure)
        cookies = request.cookies
        secret = cookies.get(cookie_name(FORM, secure=secure), "")
        fresh = not 20 <= len(secret) <= 100
        wanted = cookies.get(cookie_name(LANGUAGE, secure=secure), "")
        wanted = request.query_params.get("language", wanted)
        return Visit(
            request=request,
            secret=secrets.token_urlsafe(32) if fresh else secret,
            fresh=fresh,
            language=choose_language(
                wanted, request.headers.get("accept-language", "")
            ),
            client=peer,
            secure=secure,
            now=self._clock(),
        )

    async def _answer(self, page: Page, visit: Visit) -> Response:
        host = visit.request.headers.get("host", "")
        if not is_known_host(host, self._public_host):
            return self._fault(visit, 400, "unknown_host")
        if page.method == "POST" and page.permission is None:
            self._rate.count(visit.client)
        await self._recognise(visit)
        stop = await self._stop_at(page, visit)
        if stop is not None:
            return stop
        if page.method == "POST":
            visit.form = await read_form(visit.request)
            if not is_own_form(visit):
                return self._fault(visit, 403, "foreign_form")
        return self._respond(visit, await page.handler(self._services, visit))

    async def _recognise(self, visit: Visit) -> None:
        """Find who has the browser's session."""
        token = visit.session_token()
        if not token:
            return
        visitor = await self._store.visitor(digest(token), visit.now)
        if visitor is None:
            return
        visit.visitor, visit.secret, visit.fresh = visitor, token, False
        visit.language = visitor.user.language
        visit.roles = {each.account_id: Role(each.role) for each in visitor.roles}
        if visit.now - visitor.session.seen_at > TOUCH_EVERY:
            await self._store.touch_session(visitor.session.id, visit.now)
        if visit.roles.get(INSTALLATION) is Role.OPERATOR:
            visit.accounts = await self._store.all_accounts()
        else:
            visit.accounts = [
                (each.account_id, each.account)
                for each in visitor.roles
                if each.account_id != INSTALLATION
            ]

    async def _stop_at(self, page: Page, visit: Visit) -> Response | None:
        """Find the account, and whether the visitor may; ``None``: it may."""
        if page.permission is None:
            return None
        visitor = visit.visitor
        if visitor is None or visitor.session.stage is not Stage.FULL:
            return self._sign_in_first(visit)
        written = visit.request.path_params.get("account")
        if written is None:
            visit.allowed = permissions(visit.roles, INSTALLATION)
        else:
            visit.account = next(
                (each for each in visit.accounts if str(each[0]) == written), None
            )
            if visit.account is None:  # there is none, or the visitor has no role there
                raise NotThere
            visit.allowed = permissions(visit.roles, visit.account[0])
            if visitor.session.account_id != visit.account[0]:
                await self._store.choose_account(visitor.session.id, visit.account[0])
        if page.permission not in visit.allowed:
            return self._fault(visit, 403, "not_allowed")
        return None

    def _sign_in_first(self, visit: Visit) -> Response:
        path = visit.request.url.path if visit.request.method == "GET" else "/console"
        if visit.request.method == "GET" and visit.request.url.query:
            path += f"?{visit.request.url.query}"
        return self._respond(visit, Moved(f"/console/sign-in?next={quote(path)}"))

    def _respond(self, visit: Visit, answer: Shown | Moved) -> Response:
        response: Response
        if isinstance(answer, Moved):
            response = RedirectResponse(answer.path, 303, HEADERS)
            if answer.session is not None:
                self._set_cookie(response, visit, SESSION, answer.session)
            if answer.language:
                self._set_cookie(response, visit, LANGUAGE, answer.language, YEAR)
        else:
            response = HTMLResponse(self._page(visit, answer), answer.status, HEADERS)
            chosen = visit.query.get("language", "")
            if chosen == visit.language:
                self._set_cookie(response, visit, LANGUAGE, chosen, YEAR)
        if visit.fresh:
            self._set_cookie(response, visit, FORM, visit.secret)
        return response

    def _set_cookie(
        self,
        response: Response,
        visit: Visit,
        name: str,
        value: str,
        seconds: int = int(LONGEST_SESSION),
    ) -> None:
        response.set_cookie(
            cookie_name(name, secure=visit.secure),
            value,
            max_age=seconds if value else 0,
            path="/",
            secure=visit.secure,
            httponly=True,
            samesite="lax",
        )

    def _page(self, visit: Visit, shown: Shown) -> str:
        full = visit.visitor is not None and visit.visitor.session.stage is Stage.FULL
        values: dict[str, Any] = {
            "token": form_token(visit.secret),
            "user": visit.visitor.user if full and visit.visitor else None,
            "account": visit.account,
            "accounts": visit.accounts if full else [],
            "allowed": visit.allowed,
            "path": visit.request.url.path,
            "guest": visit.account is not None and visit.is_guest,
            "phones": self._services.phones,
            "done": visit.query.get("done", ""),
            "faults": shown.faults,
            **shown.values,
        }
        return render(shown.template, visit.language, visit.zone, values)

    def _fault(self, visit: Visit, status: int, what: str) -> Response:
        return self._respond(visit, Shown("fault.html", {"what": what}, status))

    def _sign_in_failed(self, client: str, mail: str) -> None:
        refusal = Refusal(RefusalCode.WRONG_PASSWORD)
        self._failures.note(client, "console", mail, refusal)

    def _later(self, work: Awaitable[None]) -> None:
        """Do what nobody waits for: whether there is a mail to send shows nothing."""
        task = asyncio.ensure_future(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _logged(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("console: cannot send a mail")


@contextlib.asynccontextmanager
async def console_routes(
    store: Store,
    clock: Callable[[], float],
    http: Http,
    mail: MailTransport | None,
    *,
    welcome: Welcome | None,
    phones: bool,
) -> AsyncIterator[list[Route]]:
    """Serve a gateway's console until the end of the block; gives its routes."""
    console = Console(
        store=store,
        clock=clock,
        base_url=http.base_url,
        public_host=urlsplit(http.public_url).netloc,
        trusted=networks(http.trusted_proxies),
        mail=mail,
        phones=phones,
        welcome=welcome,
    )
    try:
        yield console.routes()
    finally:
        await console.stop()


async def _style(_request: Request) -> Response:
    file = resources.files("budstikke.console").joinpath("static/console.css")
    headers = {"cache-control": "max-age=3600", "x-content-type-options": "nosniff"}
    return Response(file.read_bytes(), headers=headers, media_type="text/css")
