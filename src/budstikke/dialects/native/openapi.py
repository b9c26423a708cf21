"""
Makes the OpenAPI 3.1 description of the REST API from its table of operations.

The schemas are msgspec's, of the structs into which requests are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import structs

from budstikke.dialects.native.operation import problems_of
from budstikke.dialects.native.order import LAST_ID, RULES, SendBody
from budstikke.dialects.native.problems import PROBLEMS, ProblemBody
from budstikke.dialects.native.webhook import InboundWebhook, Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.dialects.native.operation import Operation

    Json = dict[str, Any]

INTRODUCTION = """\
Send messages and follow them. Every request has a token: `Authorization: Bearer …`.
What goes wrong is answered as a problem (RFC 9457) whose `code` is stable. Lists come
in pages: `next_cursor` is the `cursor` of the next one. Amounts are decimal numbers in
strings, times are RFC 3339."""

PATH_SCHEMAS: Mapping[str, tuple[str, Json]] = {
    "id": (
        "What was answered when it was sent.",
        {"type": "integer", "minimum": 1, "maximum": LAST_ID, "examples": [1001]},
    ),
    "number": (
        "`+` or `00`, a country code, and the number.",
        {
            "type": "string",
            "format": "phone",
            "minLength": 1,
            "examples": ["+4799999999"],
        },
    ),
    "name": (
        "The group's name, percent-encoded.",
        {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Ansatte"]},
    ),
    "media": (
        "The part's `id`.",
        {
            "type": "string",
            "pattern": "^[0-9]{20}$",
            "examples": ["00000000000000000001"],
        },
    ),
}

KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "1 to 255 printable ASCII characters without blanks.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]+$",
    },
}

HEADERS: Mapping[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    429: {"Retry-After": {"schema": {"type": "string"}, "required": True}},
    503: {"Retry-After": {"schema": {"type": "string"}, "required": True}},
}


class Hook(NamedTuple):
    """A webhook: its body, and its subject."""

    kind: type[msgspec.Struct]
    summary: str


WEBHOOKS: Mapping[str, Hook] = {
    "message": Hook(Webhook, "The state of a message changed"),
    "received": Hook(InboundWebhook, "A message from a phone"),
}

_TEXT: Json = {"schema": {"type": "string"}, "required": True}

_names = re.compile(r"\{(\w+)\}").findall


def describe(operations: Sequence[Operation], version: str) -> Json:
    """Write the description as a JSON value."""
    kinds: set[type[msgspec.Struct]] = {
        kind
        for operation in operations
        for kind in (operation.body, operation.answer)
        if kind is not None
    }
    kinds |= {ProblemBody, *(webhook.kind for webhook in WEBHOOKS.values())}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    for schema in components.values():  # the rest of a docstring is for developers
        summary = schema["description"].partition("\n\n")[0]
        schema["description"] = " ".join(summary.split())
        for described in schema.get("properties", {}).values():
            _say_default(described)
    components = _plainly_named(components)
    components[SendBody.__name__] |= RULES
    paths: dict[str, Json] = {}
    for operation in operations:
        method = operation.method.lower()
        paths.setdefault(operation.path, {})[method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Budstikke", "version": version, "description": INTRODUCTION},
        "servers": [{"url": "/v1"}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(o.tag for o in operations)],
        "paths": paths,
        "webhooks": {name: {"post": _webhook(name)} for name in WEBHOOKS},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _say_default(schema: Json) -> None:
    """
    Describe the default of a field in words.

    With ``default``, generators for TypeScript would take the field for one that is
    always present, and a request without it for wrong.
    """
    default = schema.pop("default", None)
    if default not in (None, "", [], {}):
        shown = msgspec.json.encode(default).decode().strip('"')
        description = f"{schema.get('description', '')} `{shown}` by default."
        schema["description"] = description.lstrip()


def _plainly_named(components: Json) -> Json:
    """
    Give each schema a name that programs can have.

    If two types have one name, msgspec prefixes their modules, with dots. A generator
    drops the dots, takes the types for one, and leaves out references to them.
    ``budstikke.domain.ledger.Kind`` becomes ``LedgerKind``.
    """
    names = {name: plain_name(name) for name in components}
    if len(set(names.values())) < len(names):
        raise ValueError(f"two schemas have one name: {sorted(names.values())}")
    for name, schema in components.items():
        schema["title"] = names[name]

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(each) for each in value]
        if not isinstance(value, dict):
            return value
        found = {key: renamed(each) for key, each in value.items()}
        place, _, name = str(found.get("$ref", "")).rpartition("/")
        return {**found, "$ref": f"{place}/{names[name]}"} if name in names else found

    return {names[name]: renamed(schema) for name, schema in components.items()}


def plain_name(name: str) -> str:
    """Return a schema's name: its class, with the module where msgspec has it."""
    return "".join(piece[:1].upper() + piece[1:] for piece in name.split(".")[-2:])


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.detail:
        described["description"] = operation.detail
    if parameters := [*_path(operation), *_query(operation), *_keyed(operation)]:
        described["parameters"] = parameters
    if operation.body is not None:
        content: Json = {"schema": _ref(operation.body)}
        if operation.example:
            content["example"] = operation.example
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": content},
        }
    described["responses"] = {**_answers(operation), **_problems(operation)}
    return described


def _path(operation: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_SCHEMAS[name][0],
            "schema": PATH_SCHEMAS[name][1],
        }
        for name in _names(operation.path)
    ]


def _query(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    _, components = msgspec.json.schema_components([operation.query])
    properties = components[operation.query.__name__]["properties"]
    return [
        {
            "name": field.encode_name,
            "in": "query",
            "required": field.required,
            "description": properties[field.encode_name].get("description", ""),
            "schema": _bare(properties[field.encode_name], components),
        }
        for field in structs.fields(operation.query)
    ]


def _bare(schema: Json, components: Json) -> Json:
    """Write a query parameter's schema without references and description."""
    if "anyOf" in schema and len(schema["anyOf"]) == 1:
        schema = {**schema, **schema["anyOf"][0]}
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    left_out = ("description", "title", "$ref", "anyOf")
    return {name: value for name, value in schema.items() if name not in left_out}


def _keyed(operation: Operation) -> list[Json]:
    return [KEY] if operation.keyed else []


def _answers(operation: Operation) -> Json:
    answers: Json = {}
    for status, description in operation.statuses:
        answer: Json = {"description": description}
        if operation.answer is not None:
            schema = _ref(operation.answer)
            answer["content"] = {"application/json": {"schema": schema}}
        if operation.octets:
            answer["description"] = operation.octets
            # Generators of clients know the first; the second is the real one.
            octets: Json = {"type": "string", "format": "binary"}
            answer["content"] = {
                "application/octet-stream": {"schema": octets},
                "*/*": {"schema": {}},
            }
        if operation.keyed:
            answer["headers"] = {"Location": _TEXT}
            if status == 200:
                answer["headers"]["Idempotent-Replay"] = _TEXT
        if operation.links and status < 300:
            answer["links"] = {
                name: {"operationId": name, "parameters": {"id": expression}}
                for name, expression in operation.links
            }
        answers[str(status)] = answer
    return answers


def _problems(operation: Operation) -> Json:
    """Write an answer for each HTTP status of a problem, with its codes."""
    by_status: dict[int, list[str]] = {}
    for code in problems_of(operation):
        by_status.setdefault(PROBLEMS[code].status, []).append(code.value)
    return {
        str(status): {
            "description": ", ".join(f"`{code}`" for code in by_status[status]),
            "content": {"application/problem+json": {"schema": _ref(ProblemBody)}},
            **({"headers": HEADERS[status]} if status in HEADERS else {}),
        }
        for status in sorted(by_status)
    }


def _webhook(name: str) -> Json:
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "operationId": name,
        "summary": f"{WEBHOOKS[name].summary}, signed as Standard Webhooks are",
        "security": [],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
            }
            for name in headers
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(WEBHOOKS[name].kind)}},
        },
        "responses": {"2XX": {"description": "Taken; anything else: tried again"}},
    }


def _ref(kind: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
