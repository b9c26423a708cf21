"""The REST API as HTTP: who may, what cannot be read, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.dialects.native.problems import PROBLEMS, Fault, Problem, render
from budstikke.dialects.native.settings import Settings
from budstikke.domain.refusal import RefusalCode
from dialects.native.rig import MAX_BODY, OSLO, TOKEN, Answer, Api, api_on, call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.engines import SqliteEngine

BODY = {"to": OSLO, "from": "Test", "text": "Hei"}


def only(answer: Answer) -> tuple[int, str]:
    return answer.code[:2]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "missing_login")),
        ({"authorization": ""}, (401, "missing_login")),
        ({"authorization": "Bearer"}, (401, "missing_login")),
        ({"authorization": "Bearer "}, (401, "missing_login")),
        ({"authorization": f"Basic {TOKEN}"}, (401, "missing_login")),
        ({"authorization": TOKEN}, (401, "missing_login")),
        ({"authorization": "Bearer nobody's"}, (401, "unknown_login")),
        ({"authorization": "Bearer \xe6"}, (401, "unknown_login")),
        ({"authorization": f"Bearer {TOKEN}x"}, (401, "unknown_login")),
    ],
)
async def test_who_is_not_let_in(
    api: Api, headers: Mapping[str, str], expected: tuple[int, str]
) -> None:
    answer = await api.ask("POST", "/v1/messages", BODY, token=None, headers=headers)
    assert expected == only(answer)
    assert "Bearer" == answer.headers["www-authenticate"]
    assert [(0,)] == api.query("SELECT count(*) FROM message")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
async def test_who_is(api: Api, scheme: str) -> None:
    headers = {"authorization": scheme + TOKEN}
    answer = await api.ask("GET", "/v1/balance", token=None, headers=headers)
    assert 200 == answer.status


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({"blocked": True}, (403, "account_blocked")),
        ({"require_https": True}, (403, "https_required")),
        ({"networks": (ip_network("10.0.0.0/8"),)}, (403, "address_not_allowed")),
    ],
)
async def test_who_may_not(
    api: Api, access: dict[str, Any], expected: tuple[int, str]
) -> None:
    entry = api.directory.accesses[1]
    for name, value in access.items():
        object.__setattr__(entry, name, value)
    assert expected == only(await api.ask("POST", "/v1/messages", BODY))


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "Not JSON: the body is empty"),
        (b"\xef\xbb\xbf", "Not JSON: the body is empty"),
        (b"\xef\xbb\xbf{", "Not JSON: It ends too early (byte 1)"),
        (b'{"to": "+4799999999", "text"', "Not JSON: It ends too early (byte 28)"),
        (b'{"text": "x",}', "Not JSON: trailing comma in object (byte 13)"),
        (b"<text/>", "Not JSON: invalid character (byte 0)"),
        (b'{"to": "\xe6"}', "The body is not UTF-8 (byte 8)"),
        (b'{"to": "a\nb"}', "Not JSON: invalid character (byte 9)"),
    ],
)
async def test_bodies_that_cannot_be_read(api: Api, body: bytes, detail: str) -> None:
    answer = await api.ask("POST", "/v1/messages", body)
    assert (400, "malformed") == only(answer)
    assert detail == answer.json["detail"]


@pytest.mark.parametrize("kind", ["application/json", "text/json", None])
async def test_a_byte_order_mark_is_none_of_the_body(
    api: Api, kind: str | None
) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(BODY).encode()
    headers = {"authorization": f"Bearer {TOKEN}"}
    if kind is not None:
        headers["content-type"] = kind
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/messages",
        "query_string": b"",
        "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
        "client": ("192.0.2.1", 1234),
    }
    assert 201 == (await call(api.server, scope, [body])).status
    target = f"/v1/contacts/{OSLO}"
    assert 201 == (await api.ask("PUT", target, b"\xef\xbb\xbf \n")).status


async def test_deep_bodies_are_refused(api: Api) -> None:
    for opening in (b"[", b'{"to":', b'{"text":"x","recipients":['):
        answer = await api.ask("POST", "/v1/messages", opening * 3000)
        assert answer.status in (400, 422)
        assert answer.code


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ("Application/JSON", 201),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
        ("application/json-seq", 415),
        ("", 201),
        (";charset=utf-8", 201),
        ("text/json", 201),
        ("TEXT/X-JSON", 201),
        ("application/vnd.x+json", 201),
        ("application/problem+json;charset=utf-8", 201),
        ("application/json, application/json", 201),
        ("application/json; charset=iso-8859-1", 201),
    ],
)
async def test_media_types(api: Api, kind: str, status: int) -> None:
    headers = {"content-type": kind}
    answer = await api.ask("POST", "/v1/messages", BODY, headers=headers)
    assert status == answer.status
    if status == 415:
        assert (415, "unsupported_media_type") == only(answer)


async def test_bodies_that_are_too_large(api: Api) -> None:
    body = {**BODY, "ref": "x" * MAX_BODY}
    assert (413, "too_large") == only(await api.ask("POST", "/v1/messages", body))


async def test_a_client_that_goes(api: Api) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/messages",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
        "client": None,
    }
    answer = await call(api.server, scope, [])
    assert (400, "malformed") == only(answer)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/messages", "GET, POST"),
        ("OPTIONS", "/v1/messages", "GET, POST"),
        ("HEAD", "/v1/messages/1", "DELETE, GET"),
        ("GET", "/v1/messages/1/cancel", "POST"),
        ("POST", "/v1/groups/g", "DELETE, PATCH, PUT"),
    ],
)
async def test_methods_that_are_none(
    api: Api, method: str, path: str, allow: str
) -> None:
    answer = await api.ask(method, path, token=None)
    assert (405, "method_not_allowed") == only(answer)
    assert allow == answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/v1/", "/v1/messages/", "/v1/Messages", "/v1/messages/1/2/3", "/v1//"]
)
async def test_paths_that_are_none(api: Api, path: str) -> None:
    answer = await api.ask("GET", path, token=None)
    assert (404, "not_found") == only(answer)


async def test_other_paths_are_for_others(api: Api) -> None:
    for path in ("/", "/v1", "/v10/messages", "/simulator"):
        await api.ask("GET", path)
    await call(api.server, {"type": "lifespan", "path": "x"}, [])
    assert ["/", "/v1", "/v10/messages", "/simulator", "x"] == api.rest


async def test_a_query_where_there_is_none(api: Api) -> None:
    answer = await api.ask("GET", "/v1/balance?currency=NOK")
    assert (422, "bad_field", "currency") == answer.code


async def test_nothing_can_be_stored(api: Api) -> None:
    api.store.down = True
    for method, path, body in (
        ("POST", "/v1/messages", BODY),
        ("GET", "/v1/messages", None),
        ("GET", "/v1/balance", None),
        ("PUT", f"/v1/opt-outs/{OSLO}", None),
    ):
        answer = await api.ask(method, path, body)
        assert (503, "storage_down") == only(answer)
        assert "5" == answer.headers["retry-after"]
    api.store.down = False
    assert 201 == (await api.ask("POST", "/v1/messages", BODY)).status


async def test_a_bug_is_not_shown(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with api_on(engine) as api:

        async def broken(*_: Any) -> None:
            raise RuntimeError("a secret of ours")

        api.acceptor.accept = broken  # type: ignore[method-assign, assignment]  # a bug
        answer = await api.ask("POST", "/v1/messages", BODY)
        assert (500, "internal") == only(answer)
        assert b"secret" not in answer.body
    assert "a secret of ours" in caplog.text


async def test_so_many_at_a_time(engine: SqliteEngine) -> None:
    async with api_on(engine, settings=Settings(concurrency=2)) as api:
        answers = await asyncio.gather(
            *(api.ask("POST", "/v1/messages", BODY) for _ in range(5))
        )
        assert [201, 201, 429, 429, 429] == sorted(each.status for each in answers)
        refused = next(each for each in answers if each.status == 429)
        assert (429, "too_many_requests") == only(refused)
        assert "1" == refused.headers["retry-after"]
        assert 201 == (await api.ask("POST", "/v1/messages", BODY)).status


def test_every_code_has_an_answer() -> None:
    assert {*RefusalCode, *Fault} == set(PROBLEMS)
    for code in PROBLEMS:
        response = render(Problem(code))
        assert 400 <= response.status < 600
        assert "no-store" == response.headers["cache-control"]


@pytest.mark.parametrize(
    ("target", "token"),
    [("/v1/messages", "nobody's"), ("/v1/nothing", TOKEN), ("/v1/messages/x", TOKEN)],
)
async def test_a_body_is_not_read_before_it_is_known_whose_it_is(
    api: Api, target: str, token: str
) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": target,
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": ("192.0.2.1", 1234),
    }
    await api.server(scope, receive, send)
    assert sent[0]["status"] in (401, 404, 405)
