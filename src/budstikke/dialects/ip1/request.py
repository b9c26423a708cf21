"""
From the bytes of a request to its parameters, whichever way it came.

Names of parameters are read in any case. Values that came percent-encoded are UTF-8
when they decode as such, otherwise ISO-8859-1 (as Windows-1252).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from budstikke.dialects.bounds import check_body
from budstikke.dialects.contract import Login
from budstikke.dialects.form import read_form_pairs
from budstikke.dialects.ip1.envelope import (
    Fault,
    form_of,
    local,
    read_envelope,
    text,
    unknown_operation,
)
from budstikke.dialects.ip1.operations import (
    DOORS,
    OPEN,
    PARAMETERS,
    ROOM,
    Does,
    Door,
    Form,
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
"""What the elements of a file may be called; the first of each stands in the WSDL."""


class File(NamedTuple):
    """A file as it was sent; ``content`` is base64."""

    name: str
    content_type: str
    content: str


class Template(NamedTuple):
    """A number with the fields of its text: (Key, Value) of each."""

    number: str
    fields: tuple[tuple[str, str], ...]


class Said(NamedTuple):
    """
    What a request says.

    ``operation`` is ``None`` when it names none, and ``fault`` says why it cannot be
    worked. ``values`` have lower-case names.
    """

    service: Service
    form: Form
    operation: Operation | None = None
    values: Mapping[str, str] = {}
    files: tuple[File, ...] = ()
    numbers: tuple[Template, ...] = ()
    fault: Fault | None = None

    def given(self, *names: str) -> str:
        """Read a parameter, by the first of these names that has one; or blank."""
        for name in names:
            if value := self.values.get(name, "").strip():
                return value
        return ""


def said_by(call: Call) -> Said:
    """Give what was read of a request; of one that was not, what its route tells."""
    if call.fields:
        found: Said = call.fields["said"]
        return found
    door = DOORS[call.operation]
    if door.form is not Form.SOAP11:
        return Said(door.service, door.form, door.operation)
    request = call.request
    form = form_of(request.body, request.headers.get("content-type", ""))
    return Said(door.service, form)


def read_login(call: Call) -> Login | None:
    """
    Read the request once, into ``call.fields``, and say who is calling.

    ``None`` for what needs no login and has none. Raises Refusal: ``MALFORMED`` for
    what is no envelope of a known operation, ``TOO_LARGE`` for what holds more than its
    operation needs, ``MISSING_LOGIN`` without an account.
    """
    door = DOORS[call.operation]
    if door.form is Form.XML:
        check_body(call, ROOM[call.operation])
    said = _read(door, call.request)
    call.fields = {"said": said}
    if said.fault:
        raise Refusal(RefusalCode.MALFORMED)
    if said.operation is None or said.operation.does is Does.DESCRIBE:
        return None
    if identifier := said.given("konto", "acc"):
        return Login(identifier, said.given("passwd", "pass") or None)
    if said.operation.does in OPEN:
        return None
    raise Refusal(RefusalCode.MISSING_LOGIN, field="konto")


def _read(door: Door, request: WireRequest) -> Said:
    if door.form is Form.SOAP11:
        return _read_soap(door.service, request)
    if door.operation is None:
        return Said(door.service, door.form)
    pairs = _pairs(door.form, request)
    values = {name.lower(): value for name, value in pairs}
    files = _files_in_form(pairs) if "files" in door.operation.parameters else ()
    return Said(door.service, door.form, door.operation, values, files)


def _pairs(form: Form, request: WireRequest) -> list[tuple[str, str]]:
    """Give the parameters of a query and, but for the URL call, of a posted form."""
    pairs = read_pairs(request.query, decode_any)
    if form is Form.BARE or request.method != "POST":
        return pairs
    kind = request.headers.get("content-type", "")
    return pairs + read_form_pairs(request.body.strip(), kind, decode_any)


def _files_in_form(pairs: Iterable[tuple[str, str]]) -> tuple[File, ...]:
    """
    Find all parameters ``files``.

    A blank in one was a plus sign that nobody escaped.
    """
    return tuple(
        File("", "", value.replace(" ", "+"))
        for name, value in pairs
        if name.lower() == "files" and value.strip()
    )


def _read_soap(service: Service, request: WireRequest) -> Said:
    content_type = request.headers.get("content-type", "")
    envelope = read_envelope(request.body, content_type)
    if isinstance(envelope, Fault):
        form = form_of(request.body, content_type)
        return Said(service, form, fault=envelope)
    form, element = envelope
    name = local(element)
    operation = service.named(name)
    if operation is None:
        return Said(service, form, fault=unknown_operation(name))
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
    return Said(service, form, operation, values, tuple(files), tuple(numbers))


def _files_in_element(element: Any) -> Iterable[File]:
    """Read files: strings or objects, or one alone without an array around it."""
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
