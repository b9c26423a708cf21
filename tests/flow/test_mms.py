"""MMS out: accepted, charged, routed, refused; links; those that waited."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from dataclasses import replace
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from PIL import Image
from sqlalchemy import select

from budstikke.domain.directory import sorted_by_kind
from budstikke.domain.inbound import MediaPart
from budstikke.domain.message import MmsContent
from budstikke.domain.mms import LARGEST
from budstikke.domain.money import MICROS, Price, PriceList, pieces
from budstikke.domain.queries import MmsAnswer, MmsOrder
from budstikke.domain.receipt import Reason, Rejected, Retry
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import Route
from budstikke.flow.mms import MmsAcceptor, mms_traits
from budstikke.flow.mms_rerouting import NO_CARRIER, MmsRerouter
from budstikke.flow.mms_view_url import linked
from budstikke.flow.queries import QueryHandler
from budstikke.flow.resize_images import ImageResizer
from budstikke.store import schema
from budstikke.store.admin import open_engine
from flow.accounts import change, left, paying
from flow.rig import Rig, directory, rig_on, until
from store.engines import rows
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from store.engines import SqliteEngine

GIF = ("a.gif", "image/gif", "R0lGODlhAQABAAAAACw=")
SWEDE = "+46705555555"
PRICES = PriceList(
    name="retail",
    currency="NOK",
    prices=(Price(prefix="+47", amount=40, mms=300), Price(prefix="+46", amount=70)),
)


def ask(**values: Any) -> MmsOrder:
    usual = {"recipient": RECIPIENT, "originator": "2229", "text": "Hei"}
    return MmsOrder(**{**usual, "files": (GIF,), **values})


class Taking:
    """The step on a rig whose route has MMS by carriers 2 and then 1."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.directory = replace(
            rig.directory, routes=(Route(prefix="", carriers=(1,), mms=(2, 1)),)
        )
        self.resizer = ImageResizer(at_once=1)
        self.acceptor = MmsAcceptor(
            store=rig.store,
            senders=rig.senders,
            directory=lambda: rig.directory,
            clock=lambda: rig.now,
            resizer=self.resizer,
            random=Random(1),  # noqa: S311 - the test's
            base_url="https://sms.example.com",
        )

    async def accept(self, **values: Any) -> MmsAnswer:
        access = self.rig.directory.accesses[1]
        return await self.acceptor.accept(ask(**values), access)

    async def refusal(self, **values: Any) -> RefusalCode:
        with pytest.raises(Refusal) as caught:
            await self.accept(**values)
        return caught.value.code


async def test_it_goes_to_the_first_carrier_of_mms(rig: Rig) -> None:
    taking = Taking(rig)
    async with rig.running(1, 2):
        answer = await taking.accept(subject="Sol", validity=3600)
        await until(lambda: rig.carriers[2].offered)
        (part,) = rig.carriers[2].offered
        assert ("mms", RECIPIENT, "2229", NOW + 3600) == (
            part.encoding,
            part.recipient,
            part.originator,
            part.expires_at,
        )
        assert part.message_id == answer.message_id
        assert answer.size == 3 + 14
        found = await rig.store.mms_contents([answer.message_id])
        content = found[answer.message_id]
        assert ("Sol", "Hei", "a.gif") == (
            content.subject,
            content.text,
            content.files[0][0],
        )
        elsewhere = Rejected(Reason.REJECTED, "3001", Retry.ELSEWHERE)
        rig.carriers[2].answer(elsewhere)
        await until(lambda: rig.carriers[1].offered)


async def test_a_carrier_that_is_down_is_passed_over(rig: Rig) -> None:
    taking = Taking(rig)
    rig.carriers[2].up = False
    await taking.accept()
    rig.carriers[1].up = False
    await taking.accept()
    assert [1, 2] == rig.path.column("carrier_id")


def test_texts_pass_over_carriers_of_mms_alone() -> None:
    rig_directory = sorted_by_kind(
        replace(
            _directory(),
            routes=(
                Route(prefix="+47", carriers=(1, 2)),
                Route(prefix="", carriers=(2,)),
            ),
        ),
        {"sms": frozenset({"sms"}), "mms": frozenset({"mms"})},
    )
    route = rig_directory.route(1, RECIPIENT)
    assert route is not None
    assert ((1,), (2,)) == (route.carriers, route.mms)
    assert rig_directory.route(1, SWEDE) is None
    mms = rig_directory.mms_route(1, SWEDE, mms_traits("2229", NOW))
    assert mms is not None
    assert (2,) == mms.mms


def _directory() -> Any:
    made = directory()
    carriers = {
        number: replace(made.carriers[number], kind=kind)
        for number, kind in ((1, "sms"), (2, "mms"))
    }
    return replace(made, carriers=carriers)


async def test_what_is_refused(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        taking = Taking(rig)
        change(rig, grants=("2229",), opted_out=frozenset({SWEDE}))
        rig.directory = replace(rig.directory, blacklist=frozenset({"+4799999998"}))
        large = "A" * (LARGEST * 4 // 3 + 4)
        for code, values in (
            (RefusalCode.BAD_ORIGINATOR, {"originator": "Acme"}),
            (RefusalCode.BAD_ORIGINATOR, {"originator": "1963"}),
            (RefusalCode.BLACKLISTED, {"recipient": "+4799999998"}),
            (RefusalCode.OPTED_OUT, {"recipient": SWEDE}),
            (RefusalCode.TOO_LARGE, {"files": (("a", "audio/amr", large),)}),
            (RefusalCode.TOO_LARGE, {"text": "å" * (LARGEST // 2 + 1), "files": ()}),
            (
                RefusalCode.BAD_FIELD,
                {"files": (("a", "image/png", "AAAA"),), "fit": True},
            ),
        ):
            assert code is await taking.refusal(**values)
        rig.directory = replace(
            rig.directory, routes=(Route(prefix="", carriers=(1,)),)
        )
        assert RefusalCode.NO_ROUTE is await taking.refusal()
        taking.resizer.close()
    assert [] == rows(engine, schema.message, "id")


async def test_without_a_step_for_mms_there_is_no_route(rig: Rig) -> None:
    query_handler = QueryHandler(
        store=rig.store,
        directory=lambda: rig.directory,
        clock=lambda: rig.now,
    )
    with pytest.raises(Refusal):
        await query_handler.handle(ask(), rig.directory.accesses[1])


async def test_what_it_costs(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        taking = Taking(rig)
        await paying(rig, 500, prices=PRICES)
        assert 300 == (await taking.accept()).price
        assert 200 == await left(rig)
        assert RefusalCode.NO_CREDIT is await taking.refusal()
        assert RefusalCode.COUNTRY_NOT_ALLOWED is await taking.refusal(recipient=SWEDE)
        assert 200 == await left(rig)
    assert [("mms", 300, 1)] == rows(
        engine, schema.message, "encoding", "price", "segments"
    )


def test_an_mms_is_three_sms() -> None:
    assert 3 * MICROS == pieces("+47").mms(RECIPIENT, NOW)
    assert pieces("+47").mms(SWEDE, NOW) is None
    own = PriceList(
        name="x", currency="SMS", prices=(Price(prefix="+", amount=2, mms=5),)
    )
    assert 5 == own.mms(SWEDE, NOW)
    assert PRICES.mms(SWEDE, NOW) is None


async def test_an_mms_that_no_carrier_took_is_given_back(rig: Rig) -> None:
    taking = Taking(rig)
    await paying(rig, 500, prices=PRICES)
    async with rig.running(2):
        await taking.accept()
        await until(lambda: rig.carriers[2].offered)
        rig.carriers[2].answer(Rejected(Reason.CONTENT, "2004", Retry.NEVER))
        await rig.written()
    assert 500 == await left(rig)


async def test_a_key_is_answered_once(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        taking = Taking(rig)
        first = await taking.accept(key="k")
        again = await taking.accept(key="k")
        assert msgspec.structs.replace(first, replayed=True) == again
        assert RefusalCode.BAD_FIELD is await taking.refusal(key="k", text="Ho")
    assert 1 == len(rows(engine, schema.message, "id"))


def picture() -> str:
    octets = Random(2).randbytes(700 * 700 * 3)  # noqa: S311 - a picture
    out = BytesIO()
    Image.frombytes("RGB", (700, 700), octets).save(out, "PNG")
    assert len(out.getvalue()) > LARGEST
    return b64encode(out.getvalue()).decode()


async def test_pictures_fit_when_asked_for(rig: Rig) -> None:
    taking = Taking(rig)
    files = (("a.png", "image/png", picture()),)
    assert RefusalCode.TOO_LARGE is await taking.refusal(files=files)
    answer = await taking.accept(files=files, fit=True)
    assert LARGEST // 2 < answer.size <= LARGEST
    found = (await rig.store.mms_contents([answer.message_id]))[answer.message_id]
    assert ("a.jpg", "image/jpeg") == found.files[0][:2]
    taking.resizer.close()


def fallbacks(engine: SqliteEngine) -> list[Any]:
    database = open_engine(engine.url)
    table = schema.mms
    with database.connect() as connection:
        statement = select(table.c.fallback).order_by(table.c.message_id)
        found = list(connection.scalars(statement))
    database.dispose()
    return found


async def test_a_fallback_has_a_link_that_leads_to_it(
    engine: SqliteEngine, rig: Rig
) -> None:
    taking = Taking(rig)
    answer = await taking.accept(fallback="Se {link} nå", subject="Sol")
    (text,) = fallbacks(engine)
    found = re.fullmatch(r"Se https://sms\.example\.com/m/([0-9]{20}) nå", text)
    assert found is not None
    content = await linked(found[1], rig.store)
    assert isinstance(content, MmsContent)
    assert ("Sol", "Hei") == (content.subject, content.text)
    wrong = f"{(int(found[1]) + 1) % 10**20:020}"
    for token in (wrong, "", "1", found[1] + "0", str(answer.message_id)):
        assert await linked(token, rig.store) is None


async def test_a_fallback_without_a_link_stays_as_it_is(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        taking = Taking(rig)
        await taking.accept(fallback="Ring oss")
        await taking.accept()
    assert ["Ring oss", None] == fallbacks(engine)
    assert [] == rows(engine, schema.media, "id")


def test_a_medium_that_is_no_link_leads_nowhere() -> None:
    class Store:
        async def media_parts(self, ids: list[str]) -> dict[str, MediaPart]:
            return {ids[0]: MediaPart("a", "image/png", b"1001")}

    store: Any = Store()
    assert asyncio.run(linked("0" * 20, store)) is None


async def test_mms_that_waited_for_a_carrier_are_given_to_one(rig: Rig) -> None:
    taking = Taking(rig)
    with_mms = rig.directory
    rig.directory = replace(
        with_mms, routes=(Route(prefix="", carriers=(1,), mms=(NO_CARRIER,)),)
    )
    first = await taking.accept()
    late = await taking.accept(validity=60)
    placer = MmsRerouter(
        store=rig.store,
        directory=lambda: rig.directory,
        clock=lambda: rig.now,
        notify=rig.notifier.notify,
        requeued=lambda number: rig.senders[number].stored(),
    )
    rig.directory = replace(with_mms, routes=())
    assert not await placer.run_once()
    assert {NO_CARRIER} == set(rig.path.column("carrier_id"))
    rig.directory = with_mms
    rig.now += 61
    async with rig.running(2):
        assert not await placer.run_once()
        await until(lambda: rig.carriers[2].offered)
        assert [first.message_id] == [
            part.message_id for part in rig.carriers[2].offered
        ]
    assert ["expired"] == await rig.path.states(late.message_id)
