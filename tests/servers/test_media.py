"""The parts of MMS from phones, over HTTP: a stranger's files, without a login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from budstikke.dialects.sveve import Sveve
from budstikke.domain.directory import Directory
from budstikke.domain.inbound import MediaPart
from budstikke.flow.queries import QueryHandler
from budstikke.servers.public_lookups import MOST
from budstikke.store.contract import StoreUnavailable
from servers.test_http import Served

if TYPE_CHECKING:
    from collections.abc import Sequence

ID = "12345678901234567890"
PATH = "/SMS/ShowImage"
PARTS = {
    ID: MediaPart("ä b.jpg", "image/jpeg;Name=a.jpg", b"\xff\xd8\xff"),
    "2": MediaPart("", "text/html", b"<script>alert(1)</script>"),
    "3": MediaPart('a"\r\nX: y', "image/png\r\nX: y", b"\x89"),
    "4": MediaPart("", "", b""),
}


class Store:
    """As much of a store as is asked."""

    def __init__(self) -> None:
        self.down = False

    async def media_parts(self, ids: Sequence[str]) -> dict[str, MediaPart]:
        if self.down:
            raise StoreUnavailable("away")
        return {each: PARTS[each] for each in ids if each in PARTS}


def served(store: Store) -> Served:
    directory = Directory(revision=1, accesses={}, carriers={})
    query_handler = QueryHandler(
        store=cast("Any", store), directory=lambda: directory, clock=lambda: 1000.0
    )
    return Served(dialects={"sveve": Sveve()}, query_handler=query_handler)


@pytest.mark.parametrize("path", [PATH, "/sms/showimage", "/SMS/SHOWIMAGE"])
def test_a_part_is_shown_as_what_it_is(path: str) -> None:
    answer = served(Store()).ask(path=path, query=f"id={ID}".encode())
    assert (200, b"\xff\xd8\xff") == (answer.status, answer.body)
    expected = {
        "content-type": "image/jpeg;Name=a.jpg",
        "content-length": "3",
        "content-disposition": "inline; filename*=UTF-8''%C3%A4%20b.jpg",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "private",
    }
    assert expected == answer.headers


@pytest.mark.parametrize("number", ["2", "3", "4"])
def test_what_is_not_a_picture_does_nothing(number: str) -> None:
    answer = served(Store()).ask(path=PATH, query=f"id={number}".encode())
    assert 200 == answer.status
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert not any("\n" in value for value in answer.headers.values())
    assert "x" not in answer.headers


@pytest.mark.parametrize(
    "query",
    [b"", b"id=", b"id=7", b"id=a", b"id=1%0A", b"id=%FF", b"ID=" + ID.encode()],
)
def test_there_is_no_such_part(query: bytes) -> None:
    answer = served(Store()).ask(path=PATH, query=query)
    assert (404, b"Elementet finnes ikke") == (answer.status, answer.body)


def test_nothing_can_be_read() -> None:
    store = Store()
    store.down = True
    assert 503 == served(store).ask(path=PATH, query=f"id={ID}".encode()).status


def test_it_is_fetched_by_get() -> None:
    answer = served(Store()).ask("POST", PATH, query=f"id={ID}".encode())
    assert (405, "GET") == (answer.status, answer.headers["allow"])


def test_an_address_may_not_try_ids_for_long() -> None:
    server = served(Store())
    for _ in range(MOST):
        assert 404 == server.ask(path=PATH, query=b"id=7").status
    assert 429 == server.ask(path=PATH, query=f"id={ID}".encode()).status
    other = server.ask(path=PATH, query=f"id={ID}".encode(), client="192.0.2.1")
    assert 200 == other.status
