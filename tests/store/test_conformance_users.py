"""Store conformance: users of the console, their roles, sessions and links."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.roles import Role
from budstikke.domain.user import (
    FAILURES_COUNT,
    IDLE,
    LONGEST_SESSION,
    SECOND_STEP,
    Stage,
    TokenKind,
    UserState,
)
from budstikke.store import schema
from budstikke.store.contract.users import (
    AccountRole,
    Act,
    NewSession,
    NewToken,
    NewUser,
)
from budstikke.store.run_verb import run_verb
from budstikke.store.verbs.users import create_user, users
from store.engines import rows
from store.path import NOW, Path

if TYPE_CHECKING:
    from store.engines import Engine

BY = Act("tester", NOW)
KARI = NewUser("kari@example.com", "Kari", "hash", "nb", "Europe/Oslo")
OLA = NewUser("ola@example.com", "Ola", "hash", "sv", "Europe/Stockholm")


async def create(path: Path, user: NewUser = KARI) -> int:
    user_id = await path.store.create_user(user, BY)
    assert user_id is not None
    return user_id


async def sign_in(
    path: Path,
    user_id: int,
    digest: str = "s1",
    *,
    stage: Stage = Stage.FULL,
    instead: str = "",
    now: float = NOW,
) -> None:
    session = NewSession(digest, user_id, stage, "192.0.2.1", "Firefox")
    await path.store.open_session(session, instead, now)


def acts(engine: Engine) -> list[str]:
    return [row[0] for row in rows(engine, schema.audit, "act")]


async def test_users_are_created_changed_and_disabled(
    engine: Engine, path: Path
) -> None:
    store = path.store
    kari = await create(path)
    assert None is await store.create_user(KARI, BY)
    ola = await create(path, OLA)
    await store.change_profile(kari, "Kåre", "en", "UTC")
    user = await store.user_by_mail(KARI.mail)
    assert user is not None
    assert (kari, "Kåre", "hash", "en", "UTC", "") == (
        *(user.id, user.name, user.password, user.language, user.zone, user.totp),
    )
    assert None is await store.user_by_mail("nobody@example.com")

    for user_id, digest in ((kari, "s1"), (kari, "s2"), (ola, "s3")):
        await sign_in(path, user_id, digest)
    await store.set_password(kari, "other", "s2", BY)
    assert None is await store.visitor("s1", NOW)
    assert await store.set_user_state(OLA.mail, UserState.DISABLED, BY)
    assert not await store.set_user_state("no@x.no", UserState.DISABLED, BY)
    for digest, whose in (("s2", kari), ("s3", None)):
        visitor = await store.visitor(digest, NOW)
        assert whose == (visitor and visitor.user.id)
    await sign_in(path, ola, "s4")
    assert None is await store.visitor("s4", NOW), "the user is disabled"
    listed = [(user.mail, user.state) for user in await store.users()]
    assert [(KARI.mail, "active"), (OLA.mail, "disabled")] == listed
    assert [
        *("created the user kari@example.com", "created the user ola@example.com"),
        "set the password of user kari@example.com",
        "disabled the user ola@example.com",
    ] == acts(engine)


async def test_roles_are_of_one_account_and_the_last_administrator_stays(
    engine: Engine, path: Path
) -> None:
    store = path.store
    kari, ola = await create(path), await create(path, OLA)

    async def give(user: NewUser, account_id: int, role: str) -> str:
        return await store.set_role(user.mail, account_id, role, BY)

    assert "" == await give(KARI, 1, Role.ADMINISTRATOR)
    assert "" == await give(OLA, 1, Role.READER)
    assert "" == await give(OLA, 2, Role.ADMINISTRATOR)
    assert "" == await give(OLA, 0, Role.OPERATOR)
    for user, account_id, role, fault in (
        (KARI, 99, Role.READER, "account"),
        (KARI, 1, Role.OPERATOR, "account"),
        (NewUser("no@x.no", "", "", "", ""), 1, Role.READER, "user"),
        (KARI, 1, Role.READER, "last"),
        (KARI, 1, "", "last"),
    ):
        assert fault == await give(user, account_id, role)
    members = [(each.user_id, each.role) for each in await store.members(1)]
    assert [(kari, "administrator"), (ola, "reader")] == members
    await sign_in(path, ola)
    visitor = await store.visitor("s1", NOW)
    assert visitor is not None
    assert {
        AccountRole(0, "", Role.OPERATOR),
        AccountRole(1, "fails", Role.READER),
        AccountRole(2, "resends", Role.ADMINISTRATOR),
    } == set(visitor.roles)
    assert set(visitor.roles) == set((await store.users())[1].roles)

    assert "" == await give(OLA, 1, Role.ADMINISTRATOR)
    faults = await asyncio.gather(give(KARI, 1, ""), give(OLA, 1, ""))
    assert ["", "last"] == sorted(faults), "one of two stays"
    assert "gave the role operator of user ola@example.com in the installation" in (
        acts(engine)
    )
    assert [(1, "fails"), (2, "resends")] == await store.all_accounts()


async def test_sessions_end_when_idle_over_or_ended(path: Path) -> None:
    store = path.store
    kari, ola = await create(path), await create(path, OLA)
    await sign_in(path, kari, "code", stage=Stage.PASSWORD)
    visitor = await store.visitor("code", NOW + SECOND_STEP - 1)
    assert visitor is not None
    assert Stage.PASSWORD is visitor.session.stage
    assert None is await store.visitor("code", NOW + SECOND_STEP)
    await store.choose_account(visitor.session.id, 2)
    await sign_in(path, kari, "full", instead="code")
    assert None is await store.visitor("code", NOW), "it was replaced"
    visitor = await store.visitor("full", NOW)
    assert visitor is not None
    assert (kari, 2, "192.0.2.1", "Firefox") == (
        *(visitor.user.id, visitor.session.account_id),
        *(visitor.session.address, visitor.session.agent),
    )
    assert None is await store.visitor("full", NOW + IDLE)
    at = NOW
    while at + IDLE < NOW + LONGEST_SESSION:
        at += IDLE - 1
        assert None is not await store.visitor("full", at)
        await store.touch_session(visitor.session.id, at)
    assert None is await store.visitor("full", NOW + LONGEST_SESSION)

    await sign_in(path, ola, "ola", instead="full", now=NOW)
    assert None is await store.visitor("full", NOW)
    visitor = await store.visitor("ola", NOW)
    assert visitor is not None
    assert 0 == visitor.session.account_id, "of another user it keeps nothing"
    (session,) = await store.sessions(ola, NOW)
    assert not await store.end_session(kari, session.id)
    assert await store.end_session(ola, session.id)
    assert [] == await store.sessions(ola, NOW)


async def test_attempts_are_locked_one_by_one_and_forgotten(
    engine: Engine, path: Path
) -> None:
    store = path.store
    made = [await store.count_attempt("kari", NOW) for _ in range(6)]
    assert [*[True] * 5, False] == made
    assert await store.count_attempt("ola", NOW)
    assert not await store.count_attempt("kari", NOW + 59)
    assert await store.count_attempt("kari", NOW + 61)
    assert not await store.count_attempt("kari", NOW + 61 + 119), "twice as long"
    await store.clear_attempts("kari")
    assert await store.count_attempt("kari", NOW)
    later = NOW + 61 + FAILURES_COUNT
    made = [await store.count_attempt("ola", later) for _ in range(5)]
    assert [True] * 5 == made
    assert ["ola"] == [
        row[0] for row in rows(engine, schema.sign_in_attempt, "subject")
    ]


async def test_second_steps_and_recovery_codes_count_once(path: Path) -> None:
    store = path.store
    kari = await create(path)
    await store.set_totp(kari, "ABC", ["c1", "c2"], BY)
    user = await store.user_by_mail(KARI.mail)
    assert user is not None
    assert "ABC" == user.totp
    used = await asyncio.gather(*[store.use_totp(kari, 10) for _ in range(5)])
    assert 1 == sum(used)
    assert [False, True] == [await store.use_totp(kari, step) for step in (9, 11)]
    codes = [store.use_recovery_code(kari, "c1", NOW) for _ in range(5)]
    assert 1 == sum(await asyncio.gather(*codes))
    assert not await store.use_recovery_code(kari + 1, "c2", NOW)
    await store.set_totp(kari, "", [], BY)
    assert not await store.use_recovery_code(kari, "c2", NOW)
    assert [False] == [user.second_step for user in await store.users()]


def link(
    digest: str, kind: TokenKind, mail: str = KARI.mail, account: int = 0
) -> NewToken:
    role = "sender" if account else ""
    return NewToken(digest, kind, mail, "Ola", account, role)


async def test_links_work_once_in_time_and_for_one_thing(path: Path) -> None:
    store, invitation = path.store, TokenKind.INVITATION
    until = NOW + 100

    async def make(token: NewToken) -> None:
        await store.make_token(token, BY, until)

    for digest, account in (("a", 1), ("b", 2), ("c", 1)):
        await make(link(digest, invitation, account=account))
    assert None is await store.find_token("a", invitation, NOW), "c is instead of it"
    assert None is await store.find_token("c", TokenKind.PASSWORD, NOW)
    assert None is await store.find_token("c", invitation, until)
    (found,) = await store.invitations(1, NOW)
    assert (KARI.mail, 1, "fails", "sender", "Ola") == (
        *(found.mail, found.account_id, found.account, found.role, found.made_by),
    )
    assert None is await store.accept_invitation("c", None, NOW), "there is no user"
    other = msgspec.structs.replace(KARI, mail="other@example.com")
    taken = [store.accept_invitation("c", other, NOW) for _ in range(3)]
    ids = [each for each in await asyncio.gather(*taken) if each is not None]
    user = await store.user_by_mail(KARI.mail)
    assert user is not None, "the mail address is the invitation's"
    assert [user.id] == ids
    assert None is await store.accept_invitation("b", KARI, NOW), "there is a user"
    assert user.id == await store.accept_invitation("b", None, NOW)
    members = [[each.role for each in await store.members(n)] for n in (1, 2)]
    assert [["sender"], ["sender"]] == members

    await make(link("d", invitation, OLA.mail, 1))
    (found,) = await store.invitations(1, NOW)
    assert not await store.cancel_invitation(found.id, 2, BY)
    assert await store.cancel_invitation(found.id, 1, BY)
    assert None is await store.accept_invitation("d", OLA, NOW)


async def test_an_older_invitation_leaves_the_last_administrator(path: Path) -> None:
    store, invitation = path.store, TokenKind.INVITATION
    kari, ola = await create(path), await create(path, OLA)
    for digest, user in (("a", KARI), ("b", OLA)):
        await store.make_token(link(digest, invitation, user.mail, 1), BY, NOW + 100)
        assert "" == await store.set_role(user.mail, 1, Role.ADMINISTRATOR, BY)
    assert ola == await store.accept_invitation("b", None, NOW)
    assert kari == await store.accept_invitation("a", None, NOW)
    members = {each.mail: each.role for each in await store.members(1)}
    assert {KARI.mail: "administrator", OLA.mail: "sender"} == members


async def test_a_link_for_a_new_password_ends_all_sessions(path: Path) -> None:
    store, kind = path.store, TokenKind.PASSWORD
    kari = await create(path)
    await sign_in(path, kari)
    await store.make_token(link("a", kind), BY, NOW + 10)
    assert None is await store.reset_password("a", "new", NOW + 10)
    resets = [store.reset_password("a", f"new{n}", NOW) for n in range(3)]
    assert 1 == len([each for each in await asyncio.gather(*resets) if each == kari])
    user = await store.user_by_mail(KARI.mail)
    assert user is not None
    assert user.password.startswith("new")
    assert None is await store.visitor("s1", NOW)


async def test_commands_run_verbs_beside_a_gateway(engine: Engine, path: Path) -> None:
    await create(path)
    run = asyncio.to_thread
    user_id = await run(run_verb, engine.url, create_user, OLA, BY)
    user = await path.store.user_by_mail(OLA.mail)
    assert user is not None
    assert user_id == user.id
    listed = [user.mail for user in await run(run_verb, engine.url, users)]
    assert [KARI.mail, OLA.mail] == listed
