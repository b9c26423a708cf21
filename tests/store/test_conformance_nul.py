"""Store conformance: texts with NUL, which no engine can keep, break nothing."""

from __future__ import annotations

from budstikke.domain.listing import (
    Contact,
    ContactQuery,
    ContactsPage,
    PutContactCommand,
)
from budstikke.store.contract import MediaRow
from store.path import NOW, Path
from store.phones import phone

NUL = "a\0b"


async def test_where_it_is_looked_for_nothing_is_found(path: Path) -> None:
    assert await path.store.idempotent_answer(1, NUL, NOW) is None
    assert {} == await path.store.group_members(1, [NUL])
    assert {} == await path.store.media_parts([NUL])
    assert {} == await path.store.subscribers([NUL])
    assert await path.store.paused_queue_of(NUL) is None


async def test_a_contact_is_kept_in_spite_of_it(path: Path) -> None:
    put = PutContactCommand(Contact("+4799999999", NUL, active=True))
    await path.store.ask(put, 1, NOW)
    page = await path.store.ask(ContactQuery("+4799999999"), 1, NOW)
    assert isinstance(page, ContactsPage)
    (contact,) = page.contacts
    assert ("a", "b") == (contact.name[0], contact.name[-1])


async def test_parts_of_mms_are_kept_in_spite_of_it(path: Path) -> None:
    part = MediaRow("1", 1, NUL, "image/jpeg", b"a\0b")
    await path.store.receive([phone(path, NUL, media=[part])], NOW)
    found = (await path.store.media_parts(["1"]))["1"]
    assert (b"a\0b", "a", "b") == (found.data, found.name[0], found.name[-1])
