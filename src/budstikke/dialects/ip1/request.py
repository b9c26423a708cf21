"""
Reads the parameters of a request in any binding.

Names are read in any case. Percent-encoded values are UTF-8 if valid, otherwise
ISO-8859-1 (as Windows-1252).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from budstikke.dialects.bounds import check_body
from budstikke.dialects.contract import Login
from budstikke.dialects.form import read_form_pairs
from budstikke.dialects.ip1.envelope import (
    Fault,
    binding_of,
    local,
    read_envelope,
    text,
    unknown_operation,
)
from budstikke.dialects.ip1.operations import (
    ENDPOINTS,
    OPEN,
    PARAMETERS,
    ROOM,
    Action,
    Binding,
    Endpoint,
)
from budstikke.dialects.query import decode_any, read_pairs
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from budstikke.dialects.contract import Call
    from budstikke.dialects.ip1.operations import Operation, Service
    from budstikke.wire import WireRequest


FILE_PARTS = (
    ("name", "filename"),
    ("contenttype", "mimetype", "type"),
    ("data", "content", "base64"),
)
"""Names of a file's elements; the WSDL has the first of each."""


class File(NamedTuple):
    """A file as sent; ``content`` is base64."""

    name: str
    content_type: str
    content: str


class Template(NamedTuple):
    """A number with the fields of its text: (Key, Value) of each."""

    number: str
    fields: tuple[tuple[str, str], ...]


class ParsedRequest(NamedTuple):
    """
    The content of a request.

    ``operation`` is ``None`` if it names none, and ``fault`` says why it is refused.
    ``values`` have lower-case names.
    """

    service: Service
    binding: Binding
    operation: Operation | None = None
    values: Mapping[str, str] = {}
    files: tuple[File, ...] = ()
    numbers: tuple[Template, ...] = ()
    fault: Fault | None = None

    def given(self, *names: str) -> str:
        """Return the first of these parameters that is not empty; or empty."""
        for name in names:
            if value := self.values.get(name, "").strip():
                return value
        return ""


def parsed_request(call: Call) -> ParsedRequest:
    """Return the parsed request; of one that was not read, only its binding."""
    if call.fields:
        found: ParsedRequest = call.fields["parsed"]
        return found
    endpoint = ENDPOINTS[call.operation]
    if endpoint.binding is not Binding.SOAP11:
        return ParsedRequest(endpoint.service, endpoint.binding, endpoint.operation)
    request = call.request
    binding = binding_of(request.body, request.headers.get("content-type", ""))
    return ParsedRequest(endpoint.service, binding)


def read_login(call: Call) -> Login | None:
    """
    Read the request, once, into ``call.fields``; return the login.

    ``None``: it needs no login and has none. Raises Refusal: ``MALFORMED`` without an
    envelope of a known operation, ``TOO_LARGE`` for more than its operation may have,
    ``MISSING_LOGIN`` without an account.
    """
    endpoint = ENDPOINTS[call.operation]
    if endpoint.binding is Binding.XML:
        check_body(call, ROOM[call.operation])
    parsed = _read(endpoint, call.request)
    call.fields = {"parsed": parsed}
    if parsed.fault:
        raise Refusal(RefusalCode.MALFORMED)
    if parsed.operation is None or parsed.operation.action is Action.DESCRIBE:
        return None
    if identifier := parsed.given("konto", "acc"):
        return Login(identifier, parsed.given("passwd", "pass") or None)
    if parsed.operation.action in OPEN:
        return None
    raise Refusal(RefusalCode.MISSING_LOGIN, field="konto")


def _read(endpoint: Endpoint, request: WireRequest) -> ParsedRequest:
    if endpoint.binding is Binding.SOAP11:
        return _read_soap(endpoint.service, request)
    if endpoint.operation is None:
        return ParsedRequest(endpoint.service, endpoint.binding)
    pairs = _pairs(endpoint.binding, request)
    values = {name.lower(): value for name, value in pairs}
    files = _files_in_form(pairs) if "files" in endpoint.operation.parameters else ()
    return ParsedRequest(
        endpoint.service, endpoint.binding, endpoint.operation, values, files
    )


def _pairs(binding: Binding, request: WireRequest) -> list[tuple[str, str]]:
    """Return the parameters of the query and, except in the URL call, of a form."""
    pairs = read_pairs(request.query, decode_any)
    if binding is Binding.BARE or request.method != "POST":
        return pairs
    kind = request.headers.get("content-type", "")
    return pairs + read_form_pairs(request.body.strip(), kind, decode_any)


def _files_in_form(pairs: Iterable[tuple[str, str]]) -> tuple[File, ...]:
    """
    Return all parameters ``files``.

    A blank in one was an unescaped plus sign.
    """
    return tuple(
        File("", "", value.replace(" ", "+"))
        for name, value in pairs
        if name.lower() == "files" and value.strip()
    )


def _read_soap(service: Service, request: WireRequest) -> ParsedRequest:
    content_type = request.headers.get("content-type", "")
    envelope = read_envelope(request.body, content_type)
    if isinstance(envelope, Fault):
        binding = binding_of(request.body, content_type)
        return ParsedRequest(service, binding, fault=envelope)
    binding, element = envelope
    name = local(element)
    operation = service.named(name)
    if operation is None:
        return ParsedRequest(service, binding, fault=unknown_operation(name))
    values: dict[str, str] = {}
    files: list[File] = []
    numbers: list[Template] = []
    for child in element:
        parameter = local(child).lower()
        if parameter == "files":
            files += _files_in_element(child)
        elif parameter == "numbers":
            numbers += map(_template, child)
        elif parameter in PARAMETERS:
            values[parameter] = text(child)
    return ParsedRequest(
        service, binding, operation, values, tuple(files), tuple(numbers)
    )


def _files_in_element(element: Any) -> Iterable[File]:
    """Read files: strings or objects, or one alone without an array."""
    if not len(element):
        content = text(element)
        return [File("", "", content)] if content.strip() else []
    return map(_file, element)


def _file(element: Any) -> File:
    if not len(element):
        return File("", "", text(element))
    values = {local(child).lower(): text(child).strip() for child in element}
    return File(*(_first(values, names) for names in FILE_PARTS))


def _first(values: Mapping[str, str], names: Iterable[str]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _template(element: Any) -> Template:
    """Read a Number: its number, and Parameters of TemplateFields."""
    number, fields = "" if len(element) else text(element), []
    for child in element:
        if local(child).lower() == "number":
            number = text(child)
        elif local(child).lower() == "parameters":
            fields += [_template_field(field) for field in child]
    return Template(number, tuple(fields))


def _template_field(element: Any) -> tuple[str, str]:
    values = {local(child).lower(): text(child) for child in element}
    return values.get("key", ""), values.get("value", "")
