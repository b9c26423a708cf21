"""The description of the REST API: it validates, is whole, and people can read it."""

from __future__ import annotations

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import structs
from openapi_spec_validator import OpenAPIV31SpecValidator

from budstikke import __version__
from budstikke.dialects.native.description import pages
from budstikke.dialects.native.openapi import describe
from budstikke.dialects.native.operations import OPERATIONS
from budstikke.dialects.native.order import SendBody
from budstikke.dialects.native.page import write_page
from budstikke.dialects.native.problems import PROBLEMS
from budstikke.dialects.native.settings import Settings
from budstikke.dialects.native.templates import KINDS
from budstikke.dialects.native.webhook import sign
from budstikke.domain.message import Template
from budstikke.domain.template import TEXTS, text_of
from budstikke.provisioning.settings import fill_from_environment
from budstikke.wire import WireRequest
from dialects.native.rig import Api

if TYPE_CHECKING:
    from store.engines import SqliteEngine

DESCRIPTION = msgspec.json.decode(
    msgspec.json.encode(describe(OPERATIONS, __version__))
)


def test_it_validates() -> None:
    assert "3.1.0" == DESCRIPTION["openapi"]
    assert [] == list(OpenAPIV31SpecValidator(DESCRIPTION).iter_errors())


def test_it_has_every_operation_once() -> None:
    described = [
        (method.upper(), path)
        for path, methods in DESCRIPTION["paths"].items()
        for method in methods
    ]
    assert sorted((each.method, each.path) for each in OPERATIONS) == sorted(described)
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_an_operation_is_described(operation: Any) -> None:
    said = DESCRIPTION["paths"][operation.path][operation.method.lower()]
    assert said["summary"]
    in_path = re.findall(r"\{(\w+)\}", operation.path)
    names = [p["name"] for p in said.get("parameters", []) if p["in"] == "path"]
    assert in_path == names
    assert {"401", "403", "429", "500", "503"} <= set(said["responses"])


NAMES = """
    sendMessages quoteMessages listMessages getMessage getMessageTimeline
    cancelMessage deleteMessage
    getOrder cancelOrder listTemplates
    listGroups putGroup renameGroup deleteGroup listMembers putMember deleteMember
    listContacts getContact putContact deleteContact
    listOptOuts getOptOut putOptOut deleteOptOut getBalance listLedger testRoute sendMms
    listNumbers createNumberRequest listNumberRequests getNumberRequest
    cancelNumberRequest listInbound getInbound deleteInbound getMedia
    listEvents replayEvents listCallbacks getCallback resendCallback
    listQueues resumeQueue"""
"""Clients that were generated from the description call operations by these names."""


def test_operations_keep_their_names() -> None:
    assert NAMES.split() == [operation.name for operation in OPERATIONS]


def test_schemas_have_names_that_a_program_can_be_given() -> None:
    names = list(DESCRIPTION["components"]["schemas"])
    assert [] == [name for name in names if not re.fullmatch(r"[A-Z]\w+", name)]
    assert {"InboundKind", "LedgerKind"} <= set(names)
    assert "Kind" not in names
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        assert name == schema["title"]


def test_a_field_that_may_be_left_out_has_its_default_in_words() -> None:
    schemas = DESCRIPTION["components"]["schemas"].values()
    fields = [field for each in schemas for field in each.get("properties", {}).items()]
    assert fields
    assert [] == [name for name, field in fields if "default" in field]
    validity = DESCRIPTION["components"]["schemas"]["SendBody"]["properties"][
        "validity"
    ]
    assert validity["description"].endswith(" `604800` by default.")


def test_links_lead_to_operations() -> None:
    names = {operation.name for operation in OPERATIONS}
    found = {name for operation in OPERATIONS for name, _ in operation.links}
    assert found
    assert found <= names


def test_our_docstrings_stay_with_us() -> None:
    assert "``" not in msgspec.json.encode(DESCRIPTION).decode()


async def test_a_server_writes_it_before_the_first_request(
    engine: SqliteEngine,
) -> None:
    """Which takes a tenth of a second, for which nobody else would be answered."""
    pages.cache_clear()
    api = Api(engine)
    written = pages.cache_info().misses
    await api.ask("GET", "/v1/docs", token=None)
    await api.ask("GET", "/v1/openapi.json", token=None)
    api.authenticator.close()
    assert (1, 1) == (written, pages.cache_info().misses)


async def test_it_is_served_to_anybody(api: Api) -> None:
    answer = await api.ask("GET", "/v1/openapi.json", token=None)
    assert (200, "application/json") == (
        answer.status,
        answer.headers["content-type"],
    )
    assert DESCRIPTION == answer.json


class Page(HTMLParser):
    """What a page has in it."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in {"style", "onclick", "src"}
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    return page


def test_the_page_is_whole_and_alone() -> None:
    page = read(write_page(OPERATIONS, DESCRIPTION))
    assert [] == page.open
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    outside = {link for link in page.links if not link.startswith("#")}
    assert {"/v1/openapi.json"} == outside
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    # The type of every problem leads here.
    assert {code.value for code in PROBLEMS} <= set(page.ids)


def test_what_is_described_cannot_break_the_page() -> None:
    hostile = msgspec.json.decode(
        msgspec.json.encode(DESCRIPTION).replace(b"Your reference", b"<b>&amp;")
    )
    assert read(write_page(OPERATIONS, hostile)).tags.count("b") == 0


async def test_the_page_is_served_under_a_strict_policy(api: Api) -> None:
    answer = await api.ask("GET", "/v1/docs", token=None)
    assert 200 == answer.status
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "nosniff" == answer.headers["x-content-type-options"]


class Seen(dict[str, str]):
    """Remembers what was asked of it, and has all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return {"datetime": "", "date": "2030-01-31", "time": "19:15"}.get(name, "1")


@pytest.mark.parametrize("kind", KINDS)
def test_templates_have_the_parameters_that_their_texts_have(kind: Any) -> None:
    seen = Seen()
    text_of(Template(kind=kind.value, values=seen))
    names = KINDS[kind]
    assert {*names.required, *names.optional} == seen.names
    assert set(names.example) <= seen.names
    assert set(names.required) <= set(names.example)


def test_every_kind_of_template_is_there() -> None:
    assert list(TEXTS) == [kind.value for kind in KINDS]


DOCS = (Path(__file__).parents[3] / "docs/dialects/native.md").read_text("utf-8")


def test_the_docs_have_every_operation() -> None:
    for operation in OPERATIONS:
        row = f"| `{operation.method} /v1{operation.path}` | {operation.summary} |"
        assert row in DOCS


def test_the_docs_have_every_code() -> None:
    for code, (status, title) in PROBLEMS.items():
        assert f"| `{code}` | {status} | {title} |" in DOCS


def test_the_docs_have_every_field_of_an_order() -> None:
    fields = {field.encode_name for field in structs.fields(SendBody)}
    assert set() == {name for name in fields if f"`{name}`" not in DOCS}


def test_the_examples_of_the_docs_can_be_read() -> None:
    bodies = re.findall(r"```\n(\{\"from\".*?)```", DOCS, re.DOTALL)
    assert bodies
    for body in bodies:
        msgspec.json.decode(body, type=SendBody)
    (toml,) = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    access = tomllib.loads(toml)["account"]["access"][0]
    (secret,) = re.findall(r'SECRET = "(.*?)"', DOCS)
    known = {"ACME_WEBHOOK_SECRET": secret}
    assert [] == list(fill_from_environment(access["settings"], Settings, known))
    settings = msgspec.convert(access["settings"], Settings)
    hooks = re.findall(r"```\nPOST /hook HTTP/1.1\n(.*?)\n```", DOCS, re.DOTALL)
    assert hooks
    for hook in hooks:
        head, body = hook.split("\n\n")
        headers = dict(line.split(": ") for line in head.splitlines())
        unsigned = WireRequest("POST", "", headers=headers, body=body.encode())
        at = int(headers["webhook-timestamp"])
        assert headers == sign(unsigned, settings.webhook_secrets, at).headers
