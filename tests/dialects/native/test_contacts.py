"""Groups, contacts and opt-outs by the REST API."""

from __future__ import annotations

from typing import Any

import pytest

from dialects.native.rig import MALMO, OSLO, OTHER, Api


async def everything(api: Api, path: str) -> list[Any]:
    """Follow the cursors of a list, two at a time."""
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.ask("GET", f"{path}?limit=2&cursor={cursor}")).json
        assert len(page["data"]) <= 2
        found += page["data"]
        cursor = page["next_cursor"]
    return found


async def test_groups(api: Api) -> None:
    names = ["Ansatte", "a/b å", "Ære", "æ", "Øst"]
    for path in ("Ansatte", "a%2Fb%20%C3%A5", "%C3%86re", "æ", "%C3%98st"):
        assert 200 == (await api.ask("PUT", f"/v1/groups/{path}")).status
    assert 200 == (await api.ask("PUT", "/v1/groups/Ansatte")).status  # again
    expected = [{"name": name} for name in sorted(names)]
    assert expected == await everything(api, "/v1/groups")
    renamed = await api.ask("PATCH", "/v1/groups/a%2Fb%20%C3%A5", {"name": "c"})
    assert (200, {"name": "c"}) == (renamed.status, renamed.json)
    taken = await api.ask("PATCH", "/v1/groups/c", {"name": "Ansatte"})
    assert (409, "name_taken", "name") == taken.code
    unknown = await api.ask("PATCH", "/v1/groups/a%2Fb", {"name": "d"})
    assert (404, "not_found", "name") == unknown.code
    for _ in range(2):
        assert 204 == (await api.ask("DELETE", "/v1/groups/c")).status
    left = [each["name"] for each in await everything(api, "/v1/groups")]
    assert ["Ansatte", "Ære", "Øst", "æ"] == left
    theirs = await api.ask("GET", "/v1/groups", token=OTHER)
    assert [] == theirs.json["data"]


@pytest.mark.parametrize("name", ["%00", "a%0A", "%20", "x" * 101, ""])
async def test_names_that_are_none(api: Api, name: str) -> None:
    answer = await api.ask("PUT", f"/v1/groups/{name}")
    assert (422, "bad_field", "name") == answer.code


async def test_members(api: Api) -> None:
    members = "/v1/groups/g/members"
    early = await api.ask("PUT", f"{members}/{OSLO}")
    assert (404, "not_found", "name") == early.code
    await api.ask("PUT", "/v1/groups/g")
    kari = {"number": OSLO, "name": "Kari", "active": True}
    made = await api.ask("PUT", f"{members}/004799999999", {"name": "Kari"})
    assert (200, kari) == (made.status, made.json)
    ola = {"number": MALMO, "name": "", "active": False}
    assert ola == (await api.ask("PUT", f"{members}/{MALMO}", {"active": False})).json
    last = {"number": "+4799999998", "name": "", "active": True}
    assert last == (await api.ask("PUT", f"{members}/%2B4799999998")).json
    # A name that is left out stays.
    assert kari == (await api.ask("PUT", f"{members}/{OSLO}", {})).json
    assert [kari, ola, last] == await everything(api, members)
    assert 204 == (await api.ask("DELETE", f"{members}/{OSLO}")).status
    assert [ola, last] == await everything(api, members)
    # The contact stays.
    assert kari == (await api.ask("GET", f"/v1/contacts/{OSLO}")).json
    for method, path in (("GET", ""), ("DELETE", f"/{OSLO}")):
        answer = await api.ask(method, f"/v1/groups/h/members{path}")
        assert (404, "not_found", "name") == answer.code
        theirs = await api.ask(method, members + path, token=OTHER)
        assert (404, "not_found", "name") == theirs.code


async def test_contacts(api: Api) -> None:
    path = f"/v1/contacts/{OSLO}"
    assert (404, "not_found", None) == (await api.ask("GET", path)).code
    made = await api.ask("PUT", path, {"name": "Kari"})
    kari = {"number": OSLO, "name": "Kari", "active": True}
    assert (201, kari) == (made.status, made.json)
    await api.ask("PUT", "/v1/groups/g")
    await api.ask("PUT", f"/v1/groups/g/members/{OSLO}")
    written = await api.ask("PUT", path, {"active": False})
    blank = {"number": OSLO, "name": "", "active": False}
    assert (200, blank) == (written.status, written.json)
    for number in (MALMO, "+4799999998"):
        assert 201 == (await api.ask("PUT", f"/v1/contacts/{number}")).status
    numbers = [each["number"] for each in await everything(api, "/v1/contacts")]
    assert [MALMO, "+4799999998", OSLO] == numbers
    theirs = await api.ask("GET", path, token=OTHER)
    assert (404, "not_found", None) == theirs.code
    assert 204 == (await api.ask("DELETE", path, token=OTHER)).status
    assert 200 == (await api.ask("GET", path)).status
    for _ in range(2):
        assert 204 == (await api.ask("DELETE", path)).status
    assert (404, "not_found", None) == (await api.ask("GET", path)).code
    assert [] == await everything(api, "/v1/groups/g/members")


@pytest.mark.parametrize("number", ["12", "+4722", "tull", "%FF", "+4722222222"])
@pytest.mark.parametrize("list_", ["contacts", "opt-outs", "groups/g/members"])
async def test_numbers_that_are_none(api: Api, list_: str, number: str) -> None:
    answer = await api.ask("PUT", f"/v1/{list_}/{number}")
    expected = {
        "%FF": (404, "not_found", None),
        "+4722222222": (422, "not_mobile", "number"),
    }
    assert expected.get(number, (422, "bad_recipient", "number")) == answer.code


async def test_bodies_that_are_refused(api: Api) -> None:
    for path, body, param in (
        ("contacts", {"name": "a\0"}, "name"),
        ("contacts", {"name": "x" * 101}, "name"),
        ("contacts", {"active": "yes"}, "active"),
        ("contacts", {"number": OSLO}, "number"),
        ("opt-outs", {"reason": "a\0"}, "reason"),
        ("opt-outs", {"reason": ""}, "reason"),
    ):
        answer = await api.ask("PUT", f"/v1/{path}/{OSLO}", body)
        assert (422, "bad_field", param) == answer.code


async def test_opt_outs(api: Api) -> None:
    before = await api.store.revision()
    path = f"/v1/opt-outs/{OSLO}"
    assert (404, "not_found", None) == (await api.ask("GET", path)).code
    made = await api.ask("PUT", path, {"reason": "STOP by letter"})
    oslo = {"number": OSLO, "reason": "STOP by letter"}
    assert (201, oslo) == (made.status, made.json)
    # The directory is read anew by whoever holds it.
    assert before + 1 == await api.store.revision()
    again = await api.ask("PUT", path)
    assert (200, oslo) == (again.status, again.json)
    assert before + 1 == await api.store.revision()
    for number in (MALMO, "+4799999998"):
        assert 201 == (await api.ask("PUT", f"/v1/opt-outs/{number}")).status
    numbers = [each["number"] for each in await everything(api, "/v1/opt-outs")]
    assert [MALMO, "+4799999998", OSLO] == numbers
    theirs = await api.ask("GET", path, token=OTHER)
    assert (404, "not_found", None) == theirs.code
    await api.ask("DELETE", path, token=OTHER)
    assert 200 == (await api.ask("GET", path)).status
    for _ in range(2):
        assert 204 == (await api.ask("DELETE", path)).status
    assert before + 4 == await api.store.revision()


async def test_opt_outs_are_read_into_the_directory(api: Api) -> None:
    await api.ask("PUT", f"/v1/opt-outs/{OSLO}")
    api.query(
        "INSERT INTO access (account_id, dialect, identifier, require_https,"
        " networks, blocked, settings) VALUES (1, 'front', 'x', 0, '[]', 0, '{}')"
    )
    read = await api.store.directory({"front": _no_settings()})
    (account,) = {
        access.account for access in read.accesses.values() if access.account.id == 1
    }
    assert {OSLO} == account.opted_out
    assert OSLO not in read.blacklist


def _no_settings() -> Any:
    from budstikke.dialects.front.settings import Settings

    return Settings
