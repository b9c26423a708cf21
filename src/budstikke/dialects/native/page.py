"""
Writes the API's description as a page for people. Pure; every value is escaped.

It is made once from the OpenAPI description. It has no script, and nothing from other
sites, so that the strictest content security policy works.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any, Final

from budstikke.dialects.native.operation import COMMON, problems_of
from budstikke.dialects.native.problems import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.dialects.native.operation import Operation

    Json = dict[str, Any]

STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto;
  padding: 1rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2rem 0 0; font-size: 1.05rem; }
h3 code { background: none; font-size: 1.05rem; }
code, pre { font: .9em/1.4 ui-monospace, monospace; background: var(--soft);
  border-radius: .2rem; }
code { padding: 0 .2em; }
pre { padding: .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
  border-bottom: 1px solid var(--line); }
nav ul { columns: 2; padding-left: 1rem; }
.method { font-weight: 700; }
:target { background: #fc06; }
"""

POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + b64encode(sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
<p>{introduction}</p>
<p>For programs: <a href="/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<nav><ul>{contents}</ul></nav>
{body}
</body>
</html>
"""

EXAMPLE: Final = """curl http://127.0.0.1:8080/v1/messages \\
  -H 'Authorization: Bearer demo' -H 'Content-Type: application/json' \\
  -H 'Idempotency-Key: 7f3a' \\
  -d '{"to": "+4799999999", "from": "Budstikke", "text": "Hei på deg 🤣"}'"""


def write_page(operations: Sequence[Operation], description: Json) -> str:
    """Write the page; ``description`` is from ``openapi.describe``."""
    schemas: Json = description["components"]["schemas"]
    info = description["info"]
    tags = list(dict.fromkeys(operation.tag for operation in operations))
    parts = [f"<h2>For a start</h2><pre>{escape(EXAMPLE)}</pre>"]
    for tag in tags:
        parts.append(f'<h2 id="{_anchor(tag)}">{escape(tag)}</h2>')
        parts += [
            _operation(operation, description)
            for operation in operations
            if operation.tag == tag
        ]
    parts += [_webhooks(description), _problems(), _shapes(schemas)]
    contents = [*tags, "Webhooks", "Problems", "Shapes"]
    title = f"{info['title']} {info['version']}: the REST API"
    return _PAGE.format(
        title=escape(title),
        style=STYLE,
        introduction=_text(info["description"]),
        contents="".join(
            f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>'
            for name in contents
        ),
        body="\n".join(parts),
    )


def _operation(operation: Operation, description: Json) -> str:
    method = operation.method
    said: Json = description["paths"][operation.path][method.lower()]
    head = f"{escape(method)} /v1{escape(operation.path)}"
    parts = [
        f'<h3 id="{operation.name}"><code class="method">{head}</code></h3>',
        f"<p>{_text(operation.summary)}.</p>",
    ]
    parts += [f"<p>{_text(each)}</p>" for each in _paragraphs(operation.detail)]
    if "parameters" in said:
        parts.append(
            _table(("parameter", "type", ""), map(_parameter, said["parameters"]))
        )
    if operation.body is not None:
        optional = " It may be left out." if operation.body_optional else ""
        parts.append(f"<p>Body: {_link(operation.body.__name__)}.{optional}</p>")
    answers = said["responses"].items()
    rows = (_answer(*row) for row in answers if int(row[0]) < 400)
    parts.append(_table(("status", "answer"), rows))
    own = [code.value for code in problems_of(operation) if code not in COMMON]
    if own:
        parts.append(f"<p>Problems of its own: {_codes(own)}.</p>")
    return "\n".join(parts)


def _parameter(parameter: Json) -> tuple[str, str, str]:
    where = "" if parameter["in"] == "path" else f" ({parameter['in']})"
    name = f"<code>{escape(parameter['name'])}</code>{where}"
    description = _text(parameter.get("description", ""))
    return name, _type(parameter["schema"]), description


def _answer(status: str, answer: Json) -> tuple[str, str]:
    description = _text(answer["description"])
    kinds = [_type(each["schema"]) for each in answer.get("content", {}).values()]
    description += "".join(f": {kind}" for kind in kinds if kind)
    return escape(status), description


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f'<a href="#{name}"><code>{name}</code></a>' for name in names)


def _webhooks(description: Json) -> str:
    hooks: list[Json] = [hook["post"] for hook in description["webhooks"].values()]
    names = ", ".join(f"<code>{p['name']}</code>" for p in hooks[0]["parameters"])
    bodies = "".join(
        f"<li>{_text(hook['summary'])}: {_link(_body_name(hook))}</li>"
        for hook in hooks
    )
    return f"""<h2 id="webhooks">Webhooks</h2>
<p>A POST with the headers {names}, and one of these bodies:</p>
<ul>{bodies}</ul>
<p>Any 2xx means taken; it is tried again otherwise, with the same
<code>webhook-id</code>.</p>"""


def _body_name(operation: Json) -> str:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return str(schema["$ref"].rpartition("/")[2])


def _problems() -> str:
    rows = (
        (f'<code id="{code.value}">{code.value}</code>', str(status), escape(title))
        for code, (status, title) in PROBLEMS.items()
    )
    table = _table(("code", "status", ""), rows)
    common = _codes(code.value for code in COMMON)
    return f"""<h2 id="problems">Problems</h2>
<p>Any request may be answered with {common}.</p>
{table}"""


def _shapes(schemas: Json) -> str:
    parts = ['<h2 id="shapes">Shapes</h2>']
    for name, schema in schemas.items():
        parts.append(f'<h3 id="{name}">{name}</h3>')
        parts.append(f"<p>{_text(schema.get('description', ''))}</p>")
        if "enum" in schema:
            values = ", ".join(f"<code>{escape(str(v))}</code>" for v in schema["enum"])
            parts.append(f"<p>{values}</p>")
            continue
        required = schema.get("required", ())
        rows = (
            _property(field, of, needed=field in required)
            for field, of in schema["properties"].items()
        )
        parts.append(_table(("field", "type", ""), rows))
    return "\n".join(parts)


def _property(name: str, schema: Json, *, needed: bool) -> tuple[str, str, str]:
    mark = "" if needed else " (optional)"
    return (
        f"<code>{escape(name)}</code>{mark}",
        _type(schema),
        _text(schema.get("description", "")),
    )


def _type(schema: Json) -> str:
    """Write a type in a few words, with links to shapes."""
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(
            f"<code>{escape(str(value))}</code>" for value in schema["enum"]
        )
    kind: str = schema.get("type", "")
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    if kind == "object" and "additionalProperties" in schema:
        return f"object of {_type(schema['additionalProperties'])}"
    limits = (
        _range(schema.get("minLength"), schema.get("maxLength"), " characters"),
        _range(schema.get("minimum"), schema.get("maximum"), ""),
        f"default {schema['default']}" if schema.get("default") else "",
    )
    return escape(", ".join(filter(None, (schema.get("format", kind), *limits))))


def _range(least: int | None, most: int | None, unit: str) -> str:
    if least is not None and most is not None:
        return f"{least} to {most}{unit}"
    if most is not None:
        return f"at most {most}{unit}"
    return "" if least is None else f"at least {least}{unit}"


def _link(name: str) -> str:
    return f'<a href="#{escape(name)}">{escape(name)}</a>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; the cells are HTML."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows
    )
    return f"<table>\n<tr>{top}</tr>\n{body}</table>"


def _paragraphs(text: str) -> list[str]:
    return [piece for piece in text.split("\n\n") if piece]


def _text(text: str) -> str:
    """Escape a sentence, with `code` in it as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower())
