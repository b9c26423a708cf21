"""The REST API over a real store, called as the web server calls it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from budstikke.dialects.native import Native
from budstikke.dialects.native.settings import Settings
from budstikke.domain.directory import Access, Account, CarrierEntry, Directory
from budstikke.domain.money import Price, PriceList
from budstikke.domain.routing import Route
from budstikke.domain.staging import TextProfile
from budstikke.flow.accept import Acceptor
from budstikke.flow.bulk import BulkOrders
from budstikke.flow.commit import Committer
from budstikke.flow.queries import QueryHandler
from budstikke.flow.quote import Quoter
from budstikke.flow.send import Sender
from budstikke.servers.auth import Authenticator, hash_secret
from budstikke.servers.http import HttpServer
from budstikke.servers.public_lookups import PublicLookups
from flow.rig import FakeCarrier, Flaky, until
from store.path import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from store.engines import SqliteEngine

TOKEN, OTHER = "bud_" + "a" * 43, "bud_" + "b" * 43
"""Of two accounts: this one is charged and has premium numbers, the other is not."""

OSLO, MALMO = "+4799999999", "+46701234567"
PRICES = PriceList(
    name="list",
    currency="EUR",
    prices=(Price(prefix="+47", amount=50_000), Price(prefix="+46", amount=70_000)),
)
MAX_BODY = 100_000
BALANCE = 1_000_000_000

Message = dict[str, Any]


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> tuple[int, str, str | None]:
        """What a problem says to programs; its body agrees with its status."""
        assert self.headers["content-type"] == "application/problem+json"
        found = self.json
        assert found["status"] == self.status
        assert found["type"] == f"/v1/docs#{found['code']}"
        return self.status, found["code"], found.get("param")


class Api:
    """The server, its two customers, and a carrier that answers when it is told to."""

    def __init__(self, engine: SqliteEngine, **rules: Any) -> None:
        self.now = NOW
        self.file = engine.file
        self.carrier = FakeCarrier("operator", window=rules.pop("window", 100))
        self.store: Any = Flaky(engine.store())
        self.directory = _directory(rules)
        now: dict[str, Any] = {"store": self.store, "clock": lambda: self.now}
        known: dict[str, Any] = {"directory": lambda: self.directory}
        self.sender = Sender(
            1,
            self.carrier,
            notify=lambda _rows: None,
            requeued=lambda _which: self.sender.stored(),
            receive=_nothing,
            **now,
            **known,
        )
        committer = Committer(
            senders={1: self.sender}, profiles={1: TextProfile()}, **now, **known
        )
        self.bulk = BulkOrders(committer, **now, **known)
        self.acceptor = Acceptor(committer, self.bulk, **now)
        self.authenticator = Authenticator()
        self.rest: list[str] = []
        handler = QueryHandler(quoter=Quoter(committer), **now, **known)
        self.server = HttpServer(
            dialects={"native": Native()},
            acceptor=self.acceptor,
            query_handler=handler,
            lookups=PublicLookups(handler, clock=lambda: self.now, **known),
            authenticator=self.authenticator,
            rest=self._note,
            max_body=MAX_BODY,
            trusted=(),
            clock=lambda: self.now,
            **known,
        )

    async def _note(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.rest.append(scope["path"])

    async def ask(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request; ``content`` is JSON, or the octets of a body."""
        path, _, query = target.partition("?")
        body = content if isinstance(content, bytes) else b""
        given = {} if token is None else {"authorization": f"Bearer {token}"}
        if content is not None:
            given["content-type"] = "application/json"
            body = content if isinstance(content, bytes) else _json(content)
        given |= headers or {}
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(n.encode(), v.encode("latin-1")) for n, v in given.items()],
            "client": ("192.0.2.1", 1234),
        }
        return await call(self.server, scope, [body[:70], body[70:]])

    async def send(self, *to: str, **fields: Any) -> Answer:
        """Send a text to these numbers, as the tests' account."""
        usual: Message = {"to": list(to), "from": "Test", "text": "Hei"}
        return await self.ask("POST", "/v1/messages", usual | fields)

    async def sent(self, *to: str, **fields: Any) -> list[int]:
        """Send; returns the ids of messages that the carrier has not yet."""
        answer = await self.send(*to, **fields)
        assert answer.status == 201, answer
        return [result["id"] for result in answer.json["recipients"]]

    async def settled(self) -> None:
        """Have the carrier take what it was offered, and wait until it is written."""
        self.carrier.answer()
        await self.sender._settler._outcomes.drain()

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Ask the database."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection:
            found = connection.execute(sql, values).fetchall()
            connection.commit()
            return found


async def _nothing(_carrier_id: int, _messages: Any) -> None:
    """Take messages from phones; no test here has any."""


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


async def call(server: Any, scope: dict[str, Any], pieces: list[bytes]) -> Answer:
    """Call an ASGI application with a body in pieces."""
    messages: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": piece, "more_body": left > 0}
        for left, piece in zip(range(len(pieces))[::-1], pieces, strict=True)
    ]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)

    await server(scope, receive, send)
    if not messages:
        return Answer(0, {}, b"")
    start, *rest = messages
    headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in start["headers"]}
    body = b"".join(message["body"] for message in rest)
    assert headers["content-length"] == str(len(body))
    return Answer(start["status"], headers, body)


def _directory(rules: dict[str, Any]) -> Directory:
    settings = rules.pop("settings", Settings())
    access_rules = rules.pop("access", {})
    charged = {"currency": "EUR", "prices": PRICES, "reply_number": "26114", **rules}
    accounts = (
        Account(id=1, name="one", grants=("*",), **charged),
        Account(id=2, name="two", grants=("*",)),
    )
    accesses = {
        account.id: Access(
            id=account.id,
            account=account,
            dialect="native",
            identifier=Native().identify(token),
            secret=hash_secret(token),
            require_https=False,
            settings=settings if token == TOKEN else Settings(),
            **(access_rules if token == TOKEN else {}),
        )
        for account, token in zip(accounts, (TOKEN, OTHER), strict=True)
    }
    carrier = CarrierEntry(id=1, name="operator", kind="fake", settings={})
    return Directory(
        revision=1,
        accesses=accesses,
        carriers={1: carrier},
        routes=(Route(prefix="", carriers=(1,)),),
        blacklist=frozenset({"+4790000001"}),
    )


@asynccontextmanager
async def api_on(engine: SqliteEngine, **rules: Any) -> AsyncIterator[Api]:
    """Make a server whose store is open for the block."""
    api = Api(engine, **rules)
    api.query("UPDATE account SET currency = 'EUR', balance = ? WHERE id = 1", BALANCE)
    await api.store.open(NOW)
    link = asyncio.create_task(api.sender.run())
    await until(lambda: not api.sender._behind)
    try:
        yield api
    finally:
        api.store.down = False
        await api.bulk.stop()
        await api.sender.stop(5)
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
        api.authenticator.close()
        await api.store.close()
