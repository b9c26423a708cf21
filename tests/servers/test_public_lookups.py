"""Look-ups of iP.1 without a login: of its own messages, for few who guess ids."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, cast

import pytest

from budstikke.dialects import DIALECTS, HTTP_DIALECTS
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.queries import (
    MessageAnswer,
    MessageQuery,
    MessagesAnswer,
    OrderQuery,
)
from budstikke.domain.states import MessageState
from budstikke.flow.queries import QueryHandler
from budstikke.servers.auth import hash_secret, new_secret
from budstikke.servers.public_lookups import (
    KNOWN_FOR,
    MOST,
    MOST_MISSES,
    WITHIN,
    PublicLookups,
)
from budstikke.servers.public_lookups import known_only as known_to
from servers.test_http import Served

if TYPE_CHECKING:
    from budstikke.domain.queries import QueryOrCommand

STATUS = "/sendsms/sendsms.asmx/status"
BUNDLE = "/sendsms/sendsms.asmx/statusBundle"
TIME = "/sendsms/sendsms.asmx/tidpunkt"
MMS = "/mms/mms.asmx/status"
CLIENT, NEIGHBOUR, STRANGER = "2001:db8::1", "2001:db8::ffff", "198.51.100.7"
OFFICE, BRANCH = "203.0.113.9", "203.0.113.10"
SECRET = new_secret()
LOGIN = f"konto=k1&passwd={SECRET}"

BY_ACCESS = {2001: 1, 2002: 2, 2003: 3, 2004: 9}
"""Messages of iP.1, of Front, of an access that wants a login, of one that left."""


class Store:
    """As much of a store as is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(
        self, asked: QueryOrCommand, account_id: int | None, now: float
    ) -> Any:
        self.asked += 1
        if isinstance(asked, OrderQuery):
            ids = list(BY_ACCESS) if asked.order_id == 2000 else []
        else:
            assert isinstance(asked, MessageQuery)
            ids = [it for it in BY_ACCESS if it == asked.message_id]
        return MessagesAnswer(tuple(map(message, ids)))


def message(id_: int) -> MessageAnswer:
    return MessageAnswer(
        *(id_, 2000, "+46712345678", None, MessageState.DELIVERED, "", "", 1, 0, "SEK"),
        *(0.0, None, None),
        access_id=BY_ACCESS[id_],
    )


def access(id_: int, dialect: str, **values: Any) -> Access:
    known: dict[str, Any] = {
        "id": id_,
        "account": Account(id=id_, name=f"a{id_}", grants=("*",)),
        "dialect": dialect,
        "identifier": f"k{id_}",
        "secret": hash_secret(SECRET),
        "require_https": False,
        "settings": DIALECTS[dialect].settings(),
    }
    return Access(**known | values)


class Site:
    """A server of iP.1 and Front, with a clock."""

    def __init__(self, *, known_only: bool = False) -> None:
        wants_login = DIALECTS["ip1"].settings(lookup_login=True)
        accesses = [
            access(1, "ip1"),
            access(2, "front", networks=(ip_network(BRANCH),)),
            access(3, "ip1", settings=wants_login, networks=(ip_network(OFFICE),)),
        ]
        directory = Directory(
            revision=1, accesses={each.id: each for each in accesses}, carriers={}
        )
        self.now = 1_000_000.0
        self.store = Store()
        query_handler = QueryHandler(
            store=cast("Any", self.store),
            directory=lambda: directory,
            clock=lambda: self.now,
        )
        dialects = {name: HTTP_DIALECTS[name] for name in ("ip1", "front")}
        closed = known_to(dialects, "known" if known_only else "open")
        now: dict[str, Any] = {
            "directory": lambda: directory,
            "clock": lambda: self.now,
        }
        self._served = Served(
            dialects=dialects,
            query_handler=query_handler,
            lookups=PublicLookups(query_handler, known_only=closed, **now),
            **now,
        )

    def ask(self, path: str, query: str, client: str = CLIENT) -> str:
        answer = self._served.ask(path=path, query=query.encode(), client=client)
        if answer.status != 200:
            return str(answer.status)
        return ",".join(re.findall(r">(-?[0-9]+)<", answer.body.decode()))

    def status(self, id_: int, client: str = CLIENT) -> str:
        return self.ask(STATUS, f"id={id_}", client)


def test_messages_of_other_apis_are_not_there() -> None:
    site = Site()

    assert ["22", "110", "110", "110"] == [site.status(id_) for id_ in BY_ACCESS]
    assert "2001,22" == site.ask(BUNDLE, "bundleID=2000")
    assert ("22", "2") == (site.ask(MMS, "mmsId=2001"), site.ask(MMS, "mmsId=2002"))
    assert "0" == site.ask(TIME, "id=2002")


def test_an_account_that_logs_in_asks_its_own_account() -> None:
    assert "22" == Site().ask(STATUS, f"id=2002&{LOGIN}")


def test_an_address_may_guess_few_ids() -> None:
    site = Site()
    for _ in range(MOST_MISSES - 1):
        assert "110" == site.status(7)
    assert "22" == site.status(2001)  # what is there costs nothing
    assert "110" == site.status(2002)
    asked = site.store.asked

    assert ("503", "503") == (site.status(2001), site.status(7, NEIGHBOUR))
    assert asked == site.store.asked
    assert "22" == site.status(2001, STRANGER)
    site.now += WITHIN
    assert "22" == site.status(2001)


def test_an_address_may_ask_so_often() -> None:
    site = Site()

    answers = [site.status(2001) for _ in range(MOST + 1)]

    assert ["22"] * MOST + ["503"] == answers


def test_known_addresses_alone_are_answered() -> None:
    site = Site(known_only=True)
    assert "101" == site.status(2001)
    assert "1" == site.ask(MMS, "mmsId=2001")
    assert 0 == site.store.asked

    assert "22" == site.ask(STATUS, f"id=2002&{LOGIN}")

    assert ["22", "22"] == [site.status(2001), site.status(2001, NEIGHBOUR)]
    assert "101" == site.status(2001, STRANGER)
    site.now += KNOWN_FOR
    assert "101" == site.status(2001)


@pytest.mark.parametrize("service", ["k2", "k1"])
def test_who_logs_in_to_another_api_is_not_known(service: str) -> None:
    site = Site(known_only=True)

    site.ask("/psk/push.php", f"serviceid={service}&password={SECRET}", BRANCH)

    assert "101" == site.status(2001, BRANCH)


def test_who_is_refused_is_not_known() -> None:
    site = Site(known_only=True)
    assert "101" == site.ask(STATUS, "id=2001&konto=k1&passwd=x", STRANGER)
    assert "101" == site.status(2001, STRANGER)


def test_an_address_that_an_access_allows_is_known() -> None:
    assert "22" == Site(known_only=True).status(2001, OFFICE)
    assert "101" == Site(known_only=True).status(2001, BRANCH)  # an access of Front's
