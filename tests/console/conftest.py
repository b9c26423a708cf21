"""A console on a database with two accounts, and people with every role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import update
from starlette.applications import Starlette

from budstikke.console.app import PAGES, Console
from budstikke.domain.roles import INSTALLATION, Role
from budstikke.flow.passwords import Passwords
from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.contract.users import Act, NewUser
from console.browser import PASSWORD, Browser
from store.engines import SqliteEngine, make_template
from store.path import NOW, Path, opened

if TYPE_CHECKING:
    import pathlib
    from collections.abc import AsyncIterator, Sequence

    from budstikke.console.page import Page
    from budstikke.flow.transports import Mail

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

PEOPLE: dict[str, tuple[int, Role]] = {
    "administrator@x.no": (1, Role.ADMINISTRATOR),
    "developer@x.no": (1, Role.DEVELOPER),
    "sender@x.no": (1, Role.SENDER),
    "reader@x.no": (1, Role.READER),
    "other@x.no": (2, Role.ADMINISTRATOR),
    "operator@x.no": (INSTALLATION, Role.OPERATOR),
}
"""Whose role is what, and in which account."""


class Post:
    """A mail server: it keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)


class Site:
    """The console, its store, and its time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path.store
        self.now = NOW
        self.post = Post()
        self.consoles: list[Console] = []

    async def accept(self, *recipients: str, **columns: Any) -> list[int]:
        """Accept messages of account 1; returns their ids."""
        ids = await self.path.accept(*recipients, **columns)
        engine, message = open_engine(self.path.engine.url), schema.message
        with engine.begin() as connection:
            mine = update(message).where(message.c.id.in_(ids)).values(account_id=1)
            connection.execute(mine)
        engine.dispose()
        return ids

    def browser(
        self, *, pages: Sequence[Page] = PAGES, scheme: str = "http", **options: Any
    ) -> Browser:
        """Open a browser on a console; ``options`` are the console's."""
        options.setdefault("mail", self.post)
        console = Console(
            store=self.store,
            clock=lambda: self.now,
            base_url="https://bud.example",
            passwords=Passwords(CHEAP),
            pages=pages,
            **options,
        )
        self.consoles.append(console)
        return Browser(Starlette(routes=console.routes()), scheme=scheme)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_template(tmp_path_factory.mktemp("console"))


@pytest.fixture
async def site(tmp_path: pathlib.Path, template: pathlib.Path) -> AsyncIterator[Site]:
    async with opened(SqliteEngine(tmp_path / "db", template)) as path:
        site = Site(path)
        by, hashed = Act("tester", NOW), CHEAP.hash(PASSWORD)
        for mail, (account_id, role) in PEOPLE.items():
            name = mail.partition("@")[0].title()
            user = NewUser(mail, name, hashed, "en", "Europe/Oslo")
            await site.store.create_user(user, by)
            await site.store.set_role(mail, account_id, role, by)
        yield site
        for console in site.consoles:
            await console.stop()
