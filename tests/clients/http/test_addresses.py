"""Where callbacks may go: customers write the URLs."""

from __future__ import annotations

import asyncio

import pytest

from budstikke.clients.http import resolver as lookups
from budstikke.clients.http.addresses import public
from budstikke.clients.http.resolver import Resolver
from budstikke.flow.transports import NotReached
from budstikke.wire import WireRequest
from clients.http.customers import OK, Customer, ask, calling, opened, why

PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%lo",
    "fc00::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::93.184.216.34"]
LOOPBACK_SPELLINGS = ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("address", ["", "x", "127.1", "2130706433", "example.com"])
def test_what_is_no_address_is_not_public(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "host",
    [
        *(f"[{a}]" if ":" in a else a for a in PRIVATE if "%" not in a),
        *LOOPBACK_SPELLINGS,
        "localhost",
        "LOCALHOST.",
        "user:pass@127.0.0.1",
        "example.com@127.0.0.1",
    ],
)
async def test_private_hosts_are_not_connected_to(host: str) -> None:
    customer = Customer(OK)

    async with calling(customer, allow_private=False) as (transport, url):
        port = url.rpartition(":")[2]
        with pytest.raises(NotReached):
            await transport.deliver(WireRequest("GET", f"http://{host}:{port}/"))
    assert 0 == customer.connections


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and what they resolve to, instead of the DNS."""
    known: dict[str, list[str]] = {}

    monkeypatch.setattr(lookups, "look_up", lambda host, _: known.get(host, [host]))
    return known


async def test_names_that_lead_to_private_addresses(
    names: dict[str, list[str]],
) -> None:
    names["evil.example"] = ["127.0.0.1", "::1", "10.0.0.1"]
    customer = Customer(OK)

    async with calling(customer, allow_private=False) as (transport, url):
        port = url.rpartition(":")[2]
        with pytest.raises(NotReached, match=r"evil\.example has no public address"):
            await transport.deliver(WireRequest("GET", f"http://evil.example:{port}/"))
    assert 0 == customer.connections


def test_of_a_names_addresses_only_public_ones_are_used(
    names: dict[str, list[str]],
) -> None:
    names["mixed.example"] = ["127.0.0.1", PUBLIC[0], "10.0.0.1", PUBLIC[1]]

    async def resolve(*, allow_private: bool) -> list[str]:
        return await Resolver(allow_private=allow_private).resolve("mixed.example", 80)

    assert PUBLIC[:2] == asyncio.run(resolve(allow_private=False))
    assert names["mixed.example"] == asyncio.run(resolve(allow_private=True))


async def test_a_name_cannot_change_between_the_check_and_the_call(
    names: dict[str, list[str]],
) -> None:
    names["turn.example"] = [PUBLIC[0]]
    resolver = Resolver(allow_private=False)

    assert [PUBLIC[0]] == await resolver.resolve("turn.example", 80)
    names["turn.example"] = ["127.0.0.1"]
    # Addresses are what is connected to; those found before are kept for a while.
    assert [PUBLIC[0]] == await resolver.resolve("turn.example", 80)
    with pytest.raises(OSError, match="no public address"):
        await resolver.resolve("turn.example", 81)


async def test_the_next_of_several_addresses(names: dict[str, list[str]]) -> None:
    customer = Customer(OK)
    names["two.example"] = ["127.0.0.2", "127.0.0.1"]

    async with calling(customer) as (transport, url):
        port = url.rpartition(":")[2]
        target = f"http://two.example:{port}/"
        assert 200 == (await transport.deliver(WireRequest("GET", target))).status
    assert b"\r\nHost: two.example:" in customer.asked[0]


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/s",
        "//c.example/s",
        "c.example/s",
        "ftp://c.example/",
        "file:///etc/passwd",
        "http://",
        "http:///s",
        "http://c.example:99999/",
        "http://c.example:x/",
        "http://[::1/",
        "http://a b/",
        "http://c.example/\r\nX: y",
        "http://c.example/a b",
        "http://c.ex\r\nample/",
        "http://" + "ø" * 300 + "/",
        "http://..../",
    ],
)
async def test_what_is_no_url(target: str) -> None:
    async with opened(allow_private=False) as transport:
        with pytest.raises(NotReached):
            await transport.deliver(WireRequest("GET", target))


def test_https_only_unless_allowed() -> None:
    customer = Customer(OK)
    assert "http URLs are not called" == why(customer, allow_http=False)
    assert 0 == customer.connections
    assert 200 == ask(customer, allow_http=True).status


async def test_a_server_without_a_certificate_is_not_spoken_to() -> None:
    customer = Customer(OK)

    async with calling(customer, timeout=0.2) as (transport, url):
        with pytest.raises(NotReached):
            await transport.deliver(WireRequest("GET", url.replace("http", "https")))
    assert [] == customer.asked
