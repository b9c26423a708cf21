"""
The programs: ``serve``, ``demo`` and ``simulator``.

Each is a function that runs an event loop until SIGTERM or SIGINT and returns an exit
code; ``cli`` calls them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import ssl
import sys
import tempfile
from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING

import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from budstikke import config, metrics
from budstikke.carriers.simulator.fates import SUMMARIES
from budstikke.carriers.simulator.listener import Listener
from budstikke.carriers.simulator.phones import Phones
from budstikke.carriers.simulator.settings import ListenerSettings
from budstikke.carriers.simulator.web.app import simulator_app
from budstikke.config.addresses import host_port, networks
from budstikke.console.app import console_routes
from budstikke.dialects import HTTP_DIALECTS
from budstikke.flow.mms_view_url import linked
from budstikke.gateway import Gateway
from budstikke.log import configure
from budstikke.servers.guard import Guard
from budstikke.servers.health_pages import health_routes
from budstikke.servers.http import HttpServer
from budstikke.servers.listening import Listening, bind, cannot_listen, serving
from budstikke.servers.media_page import MediaPages
from budstikke.servers.operators import OperatorServer
from budstikke.servers.public_lookups import known_only
from budstikke.servers.queue_resume_page import QueueResumePage
from budstikke.smpp_service import smpp_service
from budstikke.store.schema_check import check
from budstikke.subprocesses import COLLECT
from budstikke.workers.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from starlette.requests import Request

    from budstikke.config import Settings
    from budstikke.console.page import Welcome
    from budstikke.servers.addresses import Network
    from budstikke.servers.asgi import App

SWITCH_INTERVAL = 0.0001
"""
Seconds after which a thread that waits for the GIL is given it.

A thread that reads the store needs it a few times a statement. With CPython's 5 ms a
busy loop makes each look-up take tens of milliseconds; docs/why/sqlite.md has figures.
"""

PREDECESSOR = 3.0
"""Seconds for the workers of a gateway that was killed to see it, and free the port."""

MOST_FILES = 65536
"""Files and connections that are open at a time, where the system allows that many."""


def serve(settings: Settings) -> int:
    """Run a gateway."""
    check(settings.database_url)
    configure(settings.log.level, settings.node_name)
    return _run(lambda stop: _serve(settings, stop, Phones()))


DEMO: Mapping[tuple[str, ...], str] = {
    ("log", "level"): "warning",
    ("http", "port"): "8080",
    ("callbacks", "allow_private"): "true",
    ("callbacks", "allow_http"): "true",
    ("http", "lookups"): "open",
    ("simulator", "enabled"): "true",
    ("simulator", "listen"): "127.0.0.1:2775",
}
"""Settings of a demo, unless the environment has others."""


def demo(
    *,
    port: int | None,
    smpp_port: int | None,
    data: Path | None,
    environ: Mapping[str, str],
    callbacks: str = "",
) -> int:
    """
    Run a gateway with a simulator and demo accounts, from nothing.

    Args:
        port: HTTP's; ``None``: the environment's, or 8080. 0: any.
        smpp_port: The simulator's, likewise, or 2775. Customers' programs bind to the
            next one.
        data: Where it keeps what is stored; ``None``: as the environment says, or
            nowhere.
        environ: Other settings, as ``serve`` reads them. Raises ConfigError.
        callbacks: What the URLs begin with where the demo's accesses are told.

    """
    # A gateway that serves needs none of these, and starts in half the time without.
    from budstikke.demo import apply_demo, demo_lines, welcome  # noqa: PLC0415
    from budstikke.store.migrate import migrate  # noqa: PLC0415

    given = {config.variable(path): value for path, value in DEMO.items()} | {**environ}
    if port is not None:
        given[config.variable(("http", "port"))] = str(port)
    if smpp_port is not None:
        given[config.variable(("simulator", "listen"))] = f"127.0.0.1:{smpp_port}"
    host, _, operator = given[config.variable(("simulator", "listen"))].rpartition(":")
    if operator.isdigit():
        customers = int(operator) + 1 if int(operator) else 0
        given.setdefault(config.variable(("smpp", "listen")), f"{host}:{customers}")
    with contextlib.ExitStack() as stack:
        folder = config.variable(("data",))
        if data is not None:
            given[folder] = str(data)
        elif folder not in given:
            given[folder] = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="budstikke")
            )
        settings = config.load(None, given)
        configure(settings.log.level, settings.node_name)
        migrate(settings.database_url)
        apply_demo(settings, callbacks)

        def lines(http: int, smpp: int) -> list[str]:
            return demo_lines(http, callbacks, smpp)

        return _run(lambda stop: _serve(settings, stop, Phones(), lines, welcome()))


def simulator(*, listen: str, http: str | None) -> int:
    """Run the simulated operator alone, for SMPP binds and its HTTP API."""
    return _run(lambda stop: _simulate(listen, http, stop))


async def _simulate(listen: str, http: str | None, stop: asyncio.Event) -> None:
    phones = Phones()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_listening(phones, listen))
        if http is not None:
            host, port = host_port(http)
            app = simulator_app(phones)
            address = config.Http(host=host, port=port)
            await stack.enter_async_context(_http(app, address))
        _say(["ready"])
        await stop.wait()


def settle_collector() -> None:
    """Have what was made at the start never looked at again, and the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


async def _serve(
    settings: Settings,
    stop: asyncio.Event,
    phones: Phones,
    lines: Callable[[int, int], list[str]] = lambda _http, _smpp: ["ready"],
    welcome: Welcome | None = None,
) -> None:
    """
    Serve until the end.

    ``lines`` makes what to print, of the HTTP and SMPP port; ``welcome`` is what a
    demo shows on its start page.
    """
    gateway = Gateway(settings, phones=phones, in_subprocess=True)
    port, smpp_port = settings.http.port, 0
    await gateway.start()
    settle_collector()
    try:
        async with contextlib.AsyncExitStack() as stack:
            if settings.simulator.listen:
                listen = settings.simulator.listen
                await stack.enter_async_context(_listening(phones, listen))
            health = Metrics()
            if settings.health:
                where = host_port(settings.health)
                looked_at = Starlette(
                    routes=health_routes(gateway.ready, health.answer)
                )
                address = config.Http(host=where[0], port=where[1])
                await stack.enter_async_context(_http(looked_at, address))
            if "http" in settings.roles and settings.smpp.listen:
                smpp_port = await stack.enter_async_context(smpp_service(gateway))
            if "http" in settings.roles:
                pages = await stack.enter_async_context(
                    console_routes(
                        gateway.store,
                        gateway.clock,
                        settings.http,
                        gateway.mail,
                        welcome=welcome,
                        phones=settings.simulator.enabled,
                    )
                )
                others = _others(gateway, phones, health, pages)
                serving = (_workers if settings.http.workers else _in_process)(
                    gateway, others, health
                )
                port = await stack.enter_async_context(serving)
            _say(lines(port, smpp_port))
            await stop.wait()
    finally:
        await gateway.stop()


def _in_process(
    gateway: Gateway, others: App, _health: Metrics
) -> AbstractAsyncContextManager[int]:
    """Answer customers from this process."""
    return _http(_application(gateway, others), gateway.settings.http)


@contextlib.asynccontextmanager
async def _workers(
    gateway: Gateway, others: App, health: Metrics
) -> AsyncIterator[int]:
    """Have workers answer customers until the end of the block; gives the port."""
    http, settings = gateway.settings.http, gateway.settings
    if http.tls_cert:  # what is wrong with it is known before a worker fails
        ssl.create_default_context().load_cert_chain(http.tls_cert, http.tls_key)
    sockets = await bind(http.host, http.port, PREDECESSOR)
    port = sockets[0].getsockname()[1]
    pool = WorkerPool(
        desk=gateway.desk(others),
        sockets=sockets,
        http=http,
        log_level=settings.log.level,
        node=settings.node_name,
        known_only=known_only(HTTP_DIALECTS, http.lookups),
        known=gateway.known,
        clock=gateway.clock,
    )
    await pool.start()
    gateway.followers.append(pool.directory_changed)
    health.gather = pool.gather_metrics
    try:
        yield port
    finally:
        await pool.stop()


def _others(
    gateway: Gateway,
    phones: Phones,
    health: Metrics,
    pages: Sequence[BaseRoute] = (),
) -> App:
    """Make what answers requests that are no dialect's; ``pages``: the console's."""
    settings = gateway.settings
    trusted = networks(settings.http.trusted_proxies)
    return OperatorServer(
        operator=gateway.supervisor.operator,
        rest=Starlette(routes=[*pages, *_routes(gateway, phones, trusted, health)]),
        max_body=settings.http.max_body,
        trusted=trusted,
    )


def _application(gateway: Gateway, others: App) -> HttpServer:
    settings = gateway.settings
    return HttpServer(
        dialects=HTTP_DIALECTS,
        directory=lambda: gateway.directory,
        authenticator=gateway.authenticator,
        acceptor=gateway.acceptor,
        query_handler=gateway.queries,
        lookups=gateway.lookups,
        refused=gateway.alerter.note,
        rest=others,
        max_body=settings.http.max_body,
        trusted=networks(settings.http.trusted_proxies),
        clock=gateway.clock,
    )


def _routes(
    gateway: Gateway, phones: Phones, trusted: tuple[Network, ...], health: Metrics
) -> list[BaseRoute]:
    """List what is served beside the customers' APIs."""
    routes: list[BaseRoute] = [
        *(
            ()
            if gateway.settings.health
            else health_routes(gateway.ready, health.answer)
        ),
        *QueueResumePage(
            store=gateway.store,
            resumed=gateway.notifier.queues,
            clock=gateway.clock,
            trusted=trusted,
        ).routes(),
        *MediaPages(
            partial(linked, store=gateway.store), gateway.clock, trusted
        ).routes(),
    ]
    if gateway.settings.simulator.enabled:
        routes.append(Mount("/", simulator_app(phones, fates=SUMMARIES)))
    return routes


class Metrics:
    """
    Answers ``/metrics``.

    Attributes:
        gather: Adds what other processes have counted, if there are any.

    """

    def __init__(self) -> None:
        self.gather: Callable[[], Awaitable[None]] | None = None

    async def answer(self, _request: Request) -> Response:
        """Write all metrics."""
        if self.gather is not None:
            await self.gather()
        written = generate_latest(metrics.registry)
        return Response(written, media_type=CONTENT_TYPE_LATEST)


@contextlib.asynccontextmanager
async def _http(app: App, address: config.Http) -> AsyncIterator[int]:
    """Serve an application until the end of the block; gives the port it has."""
    guard = Guard(
        connections=address.max_connections,
        bodies=address.max_bodies,
        trusted=networks(address.trusted_proxies),
    )
    sockets = await bind(address.host, address.port)
    listening = Listening(sockets, address.tls_cert, address.tls_key)
    async with serving(app, listening, guard):
        yield sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def _listening(phones: Phones, listen: str) -> AsyncIterator[None]:
    """Take SMPP binds for the simulated phones until the end of the block."""
    host, port = host_port(listen)
    listener = Listener(
        phones, ListenerSettings(host=host, port=port), random=SystemRandom()
    )
    try:
        await listener.start()
    except OSError as error:
        raise cannot_listen(host, port, error) from None
    try:
        yield
    finally:
        await listener.stop()


def _run(main: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run a program until it is told to stop."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < min(hard, MOST_FILES):  # each customer that hangs holds some connections
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MOST_FILES), hard))

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    return os.EX_OK


def _say(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
