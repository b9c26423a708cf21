"""Phones that write to a store: a receiver, numbers, and customers of each dialect."""

from __future__ import annotations

from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, select, update
from sqlalchemy.pool import NullPool

from budstikke.carriers.smpp.incoming import Incoming
from budstikke.dialects import DIALECTS
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.inbound import InboundEvent, InboundPart
from budstikke.domain.number_inventory import (
    Keyword,
    Number,
    NumberInventory,
    NumberKind,
)
from budstikke.flow.inbound import InboundReceiver
from budstikke.smpp import Pdu, Tlvs, build, parse
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import Sm
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from carriers.rig import settings
from store.path import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from budstikke.store.contract import CallbackRow, Store, StoredInbound
    from store.engines import SqliteEngine

PHONE = "+4790000001"
FRONT, SVEVE, NATIVE, SILENT, ELKS = 1, 2, 3, 4, 5
URL = "https://c.example/in"
INCOMING = Incoming(settings(2775))

ACCESSES: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (FRONT, "front", {"inbound_url": URL, "two_way": True}),
    (SVEVE, "sveve", {"inbound_url": URL, "reply_url": URL}),
    (NATIVE, "native", {}),
    (SILENT, "sveve", {}),
    (ELKS, "elks", {"inbound_url": URL}),
    (6, "elks", {}),
)
NUMBERS = (
    Number(id=1, value="2229", kind=NumberKind.SHARED),
    Number(id=2, value="4759000000", kind=NumberKind.OWNED, access_id=FRONT),
    Number(id=3, value="26114", kind=NumberKind.SERIES, access_id=NATIVE),
    Number(id=4, value="4759000001", kind=NumberKind.OWNED, access_id=SILENT, url=URL),
    Number(id=5, value="4759000002", kind=NumberKind.OWNED, access_id=SILENT),
)
KEYWORDS = (
    Keyword(id=1, number_id=1, word="NEWS", aliases=("NYTT",), access_id=SVEVE),
    Keyword(id=2, number_id=1, word="PLAIN", access_id=SVEVE, receipt="Thanks"),
    Keyword(
        id=3,
        number_id=1,
        word="ASK",
        access_id=SVEVE,
        receipt="We say: %HTTP_PUSH_RESPONSE%",
    ),
    Keyword(
        id=4,
        number_id=1,
        word="MUTE",
        access_id=SILENT,
        receipt="Got it %HTTP_PUSH_RESPONSE%",
    ),
    Keyword(
        id=5, number_id=1, word="BARE", access_id=SILENT, receipt="%HTTP_PUSH_RESPONSE%"
    ),
    Keyword(id=6, number_id=1, word="ELK", access_id=ELKS),
    Keyword(id=7, number_id=1, word="MOOSE", access_id=ELKS, receipt="Thanks"),
    Keyword(id=8, number_id=1, word="CALF", access_id=6),
)


def directory(**account: Any) -> Directory:
    """Make one with an access of each kind; ``account`` is what all accounts have."""
    return Directory(
        revision=1,
        accesses={
            number: Access(
                id=number,
                account=Account(id=number, name=f"a{number}", **account),
                dialect=dialect,
                identifier=f"{number}",
                settings=DIALECTS[dialect].settings(**given),
            )
            for number, dialect, given in ACCESSES
        },
        carriers={},
        inventory=NumberInventory(
            {n.id: n for n in NUMBERS}, {keyword.id: keyword for keyword in KEYWORDS}
        ),
    )


class Phones:
    """A receiver on a store, and what it told."""

    def __init__(self, engine: SqliteEngine, store: Store) -> None:
        self.engine = engine
        self.store = store
        self.now = NOW
        self.directory = directory()
        self.received: list[StoredInbound] = []
        self.broken: str | None = None
        self.receiver = InboundReceiver(
            store=self,  # type: ignore[arg-type]  # it stands before the store
            directory=lambda: self.directory,
            dialects=DIALECTS,
            notify=self.received.append,
            clock=lambda: self.now,
            random=Random(1),  # noqa: S311 - dice
            join_timeout=600.0,
            receipt_wait=1800.0,
        )

    def __getattr__(self, name: str) -> Any:
        if name == self.broken:
            return self._refuse
        return getattr(self.store, name)

    async def _refuse(self, *_: Any) -> None:
        raise StoreUnavailable("down for a test")

    async def write(self, *texts: str, to: str = "2229", phone: str = PHONE) -> None:
        """Write short texts from a phone, in one batch."""
        await self.receiver.receive(
            7,
            [
                InboundPart(phone, to, 8, False, each.encode("utf-16-be"), {}, NOW - 5)
                for each in texts
            ],
        )

    def callbacks(self) -> list[CallbackRow]:
        """List the callbacks that were given to be told, in order."""
        return [row for each in self.received for row in each.callbacks]

    def events(self) -> list[InboundEvent]:
        """List those of them that tell of messages from phones."""
        return [
            row.event for row in self.callbacks() if isinstance(row.event, InboundEvent)
        ]

    def rows(self, table: Any, *names: str) -> list[Any]:
        """Read columns of a table, by id."""
        database = create_engine(self.engine.url, poolclass=NullPool)
        with database.connect() as connection:
            columns = [table.c[name] for name in names]
            found = connection.execute(
                select(*columns).order_by(*table.primary_key)
            ).all()
        return [tuple(row) if len(names) > 1 else row[0] for row in found]

    def assign(self, message_id: int, access_id: int) -> None:
        """Give a message of the tray to an access, as an administrator does."""
        database = create_engine(self.engine.url, poolclass=NullPool)
        inbound = schema.inbound
        with database.begin() as connection:
            connection.execute(
                update(inbound)
                .where(inbound.c.id == message_id)
                .values(assign_id=access_id)
            )


@asynccontextmanager
async def phones_on(engine: SqliteEngine) -> AsyncIterator[Phones]:
    """Have phones write to a store that is open for the block."""
    store = engine.store()
    await store.open(NOW)
    try:
        yield Phones(engine, store)
    finally:
        await store.close()


def delivered(octets: bytes, tlvs: Tlvs = (), **fields: Any) -> InboundPart:
    """Read a deliver_sm from its octets on the wire, as an SMPP link does."""
    values: dict[str, Any] = {
        "source_addr_ton": 1,
        "source_addr": PHONE[1:],
        "destination_addr": "4759000000",
        "short_message": octets,
    }
    sent = Pdu(cmd.DELIVER_SM, 0, 1, Sm(**(values | fields)), tlvs)
    return INCOMING.inbound(parse(build(sent)), NOW)
