"""Writes the page at a service's address: its operations with examples."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from budstikke.dialects.ip1.envelope import (
    CONTENT_TYPES,
    NAMESPACE,
    SOAP11,
    SOAP12,
    xml,
)
from budstikke.dialects.ip1.operations import Action, Binding
from budstikke.dialects.ip1.wsdl import address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from budstikke.dialects.ip1.operations import Operation, Service
    from budstikke.wire import WireRequest

HTML = "text/html; charset=utf-8"
FORM = "Content-Type: application/x-www-form-urlencoded"

EXAMPLES: Mapping[str, str] = {
    "konto": "ip1-1000",
    "passwd": "demo",
    "till": "46705555555",
    "to": "46705555555",
    "from": "iP1",
    "meddelande": "Test SMS",
    "msg": "Test MMS",
    "prio": "1",
    "sendAt": "1893456000",
    "ID": "22",
    "id": "145099",
    "smsID": "145099",
    "mmsId": "145099",
    "BundleID": "145098",
    "bundleID": "145098",
}
"""By parameter: its value in examples."""

MANY = "46705555555,46730123456"
MMS_SENDER = "46705555555"
TEMPLATE = "Hej #namn#"

STRUCTURES: Mapping[str, str] = {
    "numbers": """
        <Number>
          <Number>46705555555</Number>
          <Parameters>
            <TemplateField><Key>#namn#</Key><Value>Eva</Value></TemplateField>
          </Parameters>
        </Number>
      """,
    "files": "<string>R0lGODlhAQABAAAAACw=</string>",
}

BUNDLE = "<SmsStatus><smsId>145099</smsId><status>22</status></SmsStatus>"
RESULTS: Mapping[Action, str] = {
    Action.BALANCE: "250.00",
    Action.DESCRIBE: "Delivered to the phone",
    Action.CANCEL: "0",
    Action.CANCEL_BUNDLE: "0",
    Action.STATUS: "22",
    Action.STATUS_BUNDLE: BUNDLE,
    Action.TIME: "2030-01-01 01:00:00",
}
"""Results in examples; an id by default."""

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "pre{background:#f3f3f3;padding:.7em;overflow:auto}"
    "code,pre{font-size:.85em}summary{cursor:pointer}"
)


def write_page(service: Service, request: WireRequest) -> bytes:
    """Write the page of a service, with the addresses of this request."""
    place = address(service, request)
    operations = "\n".join(
        part for one in service.operations for part in _operation(one, place)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{service.name}</title><style>{STYLE}</style></head>\n<body>\n"
        f"<h1>{service.name}</h1>\n"
        f'<p>The operations of {xml(place)}. <a href="?WSDL">WSDL</a></p>\n'
        f"{operations}\n</body>\n</html>"
    ).encode()


def example(operation: Operation, name: str) -> str:
    """Return a parameter's value in the examples of an operation."""
    if name == "till" and operation.action is Action.SEND_MANY:
        return MANY
    if operation.action is Action.SEND_MMS and name == "from":
        return MMS_SENDER
    if operation.action is Action.SEND_TEMPLATE and name == "meddelande":
        return TEMPLATE
    return EXAMPLES[name]


def _operation(operation: Operation, place: str) -> Iterator[str]:
    name = operation.name
    yield f'<h2 id="{name}">{name}</h2>'
    yield f"<p>{xml(operation.summary)}</p>"
    yield f"<p><code>{name}({', '.join(operation.parameters)})</code></p>"
    for title, text in _examples(operation, place):
        yield (f"<details><summary>{title}</summary><pre>{xml(text)}</pre></details>")


def _examples(operation: Operation, place: str) -> Iterator[tuple[str, str]]:
    path, host = urlsplit(place).path, urlsplit(place).netloc
    for title, binding in (("SOAP 1.1", Binding.SOAP11), ("SOAP 1.2", Binding.SOAP12)):
        yield title, soap_example(operation, binding, path, host)
    if operation.by_form:
        query = form_example(operation)
        yield (
            "HTTP GET",
            f"GET {path}/{operation.name}?{query} HTTP/1.1\nHost: {host}",
        )
        post = f"POST {path}/{operation.name} HTTP/1.1\nHost: {host}\n{FORM}"
        yield "HTTP POST", f"{post}\n\n{query}"


def form_example(operation: Operation) -> str:
    """Write an operation's parameters as a query."""
    values = {
        name: "R0lGODlhAQABAAAAACw=" if name in STRUCTURES else example(operation, name)
        for name in operation.parameters
    }
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())


def soap_example(operation: Operation, binding: Binding, path: str, host: str) -> str:
    """Write a request with its head, and the answer."""
    action = f"{NAMESPACE}{operation.name}"
    head = f"POST {path} HTTP/1.1\nHost: {host}\nContent-Type: {CONTENT_TYPES[binding]}"
    if binding is Binding.SOAP11:
        head += f'\nSOAPAction: "{action}"'
    answer = _envelope(
        binding,
        f"{operation.name}Response",
        [(f"{operation.name}Result", RESULTS.get(operation.action, "145099"))],
    )
    return f"{head}\n\n{request_example(operation, binding)}\n\n{answer}"


def request_example(operation: Operation, binding: Binding) -> str:
    """Write a request's envelope."""
    values = [
        (name, STRUCTURES.get(name) or xml(example(operation, name)))
        for name in operation.parameters
    ]
    return _envelope(binding, operation.name, values)


def _envelope(binding: Binding, name: str, values: list[tuple[str, str]]) -> str:
    namespace = SOAP11 if binding is Binding.SOAP11 else SOAP12
    content = "".join(f"\n      <{key}>{value}</{key}>" for key, value in values)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<soap:Envelope xmlns:soap="{namespace}">\n  <soap:Body>\n'
        f'    <{name} xmlns="{NAMESPACE}">{content}\n    </{name}>\n'
        "  </soap:Body>\n</soap:Envelope>"
    )
