"""Orders of as much as there may be, through the server: others have their turn."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.dialects import DIALECTS, bounds
from budstikke.dialects.sveve import Sveve
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.auth import hash_secret, new_secret
from budstikke.servers.bounds import OFF_LOOP
from budstikke.servers.routes import Routed
from budstikke.wire import WireRequest
from servers.test_http import Served

if TYPE_CHECKING:
    from budstikke.domain.message import Accepted, Order

SECRET = new_secret()
MANY = f"user=k&passwd={SECRET}&msg=a&from=b&to=".encode()


class Acceptor:
    """Refuses every recipient, at once."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.seen = 0

    async def accept(self, order: Order, access: Access) -> Accepted:
        self.turns.append(self.seen)
        raise Refusal(RefusalCode.BAD_RECIPIENT, invalid=list(order.recipients))


class Watched(Sveve):
    """Sveve, and which threads work it."""

    def __init__(self) -> None:
        self.threads: dict[str, str] = {}

    def login(self, call: Any) -> Any:
        self.threads["login"] = threading.current_thread().name
        return super().login(call)

    def parse(self, call: Any, access: Any, now: float) -> Any:
        self.threads["parse"] = threading.current_thread().name
        return super().parse(call, access, now)

    def render(self, call: Any, answer: Any, now: float) -> Any:
        self.threads["render"] = threading.current_thread().name
        return super().render(call, answer, now)


def served(dialect: Sveve, acceptor: Acceptor) -> Served:
    access = Access(
        id=1,
        account=Account(id=1, name="a", grants=("*",)),
        dialect="sveve",
        identifier="k",
        secret=hash_secret(SECRET),
        require_https=False,
        settings=DIALECTS["sveve"].settings(),
    )
    directory = Directory(revision=1, accesses={1: access}, carriers={})
    return Served(
        dialects={"sveve": dialect},
        directory=lambda: directory,
        acceptor=acceptor,
        max_body=bounds.LARGE,
    )


def ask(site: Served, body: bytes, acceptor: Acceptor) -> bytes:
    """Post a body, while another task counts the loop's turns."""

    async def others() -> None:
        while True:
            acceptor.seen += 1
            await asyncio.sleep(0)

    async def whole() -> bytes:
        counting = asyncio.create_task(others())

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        path = "/sms/sendmessage"
        routed = site.app._routes.find("POST", path, path)
        assert isinstance(routed, Routed)
        request = WireRequest("POST", path)
        answer = await site.app.answer(routed, request, receive)
        counting.cancel()
        return answer.body

    return asyncio.run(whole())


@pytest.mark.parametrize("large", [True, False])
def test_a_large_request_is_read_and_answered_in_threads(*, large: bool) -> None:
    dialect, acceptor = Watched(), Acceptor()
    body = MANY + b"1," * (OFF_LOOP // 2 if large else 10)

    answer = ask(served(dialect, acceptor), body, acceptor)

    assert answer.count(b"<error>") == (OFF_LOOP // 2 if large else 10)
    own = threading.current_thread().name
    for step in ("login", "parse", "render"):
        assert (dialect.threads[step] != own) is large, step


def test_others_run_between_messages_that_are_refused_at_once() -> None:
    acceptor = Acceptor()
    messages = [{"to": "12"}] * bounds.MOST_MESSAGES
    body = msgspec.json.encode(
        {"user": "k", "passwd": SECRET, "from": "b", "msg": "a", "messages": messages}
    )

    answer = ask(served(Sveve(), acceptor), body, acceptor)

    assert bounds.MOST_MESSAGES == answer.count(b"<error>")
    assert acceptor.turns[0] < acceptor.turns[-1]
