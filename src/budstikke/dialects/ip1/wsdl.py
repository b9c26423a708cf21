"""
Writes a service's description for its clients (WSDL 1.1).

It has four ports: document/literal wrapped over SOAP 1.1 and 1.2, and the plain HTTP
bindings, all from the table of operations. Only the addresses depend on the request.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from budstikke.dialects.ip1.envelope import NAMESPACE, xml
from budstikke.dialects.ip1.operations import MMS, STRUCTURES, Action

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from budstikke.dialects.ip1.operations import Operation, Service
    from budstikke.wire import WireRequest

HEAD = f"""<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"\
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"\
 xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"\
 xmlns:http="http://schemas.xmlsoap.org/wsdl/http/"\
 xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/"\
 xmlns:s="http://www.w3.org/2001/XMLSchema"\
 xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}">"""

MANY = "unbounded"
SEQUENCES: Mapping[str, Sequence[tuple[str, ...]]] = {
    "ArrayOfNumber": (("Number", "tns:Number", MANY),),
    "Number": (
        ("Number", "s:string"),
        ("Parameters", "tns:ArrayOfTemplateField"),
    ),
    "ArrayOfTemplateField": (("TemplateField", "tns:TemplateField", MANY),),
    "TemplateField": (("Key", "s:string"), ("Value", "s:string")),
    "ArrayOfSmsStatus": (("SmsStatus", "tns:SmsStatus", MANY),),
    "SmsStatus": (("smsId", "s:string"), ("status", "s:string")),
    "ArrayOfFile": (("string", "s:string", MANY), ("File", "tns:File", MANY)),
    "File": (
        ("name", "s:string"),
        ("contentType", "s:string"),
        ("data", "s:string"),
    ),
}
"""Types and their elements: name, type, and how many (1 by default)."""

SMS_TYPES = (
    "ArrayOfNumber",
    "Number",
    "ArrayOfTemplateField",
    "TemplateField",
    "ArrayOfSmsStatus",
    "SmsStatus",
)
MMS_TYPES = ("ArrayOfFile", "File")

TRANSPORT = "http://schemas.xmlsoap.org/soap/http"
VERBS = (("HttpGet", "GET"), ("HttpPost", "POST"))
_host = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}").fullmatch


def address(service: Service, request: WireRequest) -> str:
    """Return a service's address as the caller knows it."""
    host = request.headers.get("host", "")
    scheme = "https" if request.secure else "http"
    return f"{scheme}://{host if _host(host) else 'localhost'}{service.path}"


def write_wsdl(service: Service, request: WireRequest) -> bytes:
    """Write a service's WSDL."""
    address_ = xml(address(service, request))
    return (_description(service) + _ports(service, address_)).encode()


@lru_cache
def _description(service: Service) -> str:
    """Write all but the addresses; it is the same for every request."""
    lines = [HEAD, *_types(service)]
    for operation in service.operations:
        lines += _messages(operation)
    lines += _port_type(service, "Soap", "Soap")
    for port, _ in VERBS:
        lines += _port_type(service, port, port)
    lines += _soap_binding(service, "Soap", "soap")
    lines += _soap_binding(service, "Soap12", "soap12")
    for port, verb in VERBS:
        lines += _http_binding(service, port, verb)
    return "\n".join(lines) + "\n"


def result_type(operation: Operation) -> str:
    """Return the type of an operation's result."""
    bundle = operation.action is Action.STATUS_BUNDLE
    return "tns:ArrayOfSmsStatus" if bundle else "s:string"


def _types(service: Service) -> Iterator[str]:
    yield "<wsdl:types>"
    yield f'<s:schema elementFormDefault="qualified" targetNamespace="{NAMESPACE}">'
    for operation in service.operations:
        inputs = [
            _element(
                name, f"tns:{STRUCTURES[name]}" if name in STRUCTURES else "s:string"
            )
            for name in operation.parameters
        ]
        result = _element(f"{operation.name}Result", result_type(operation))
        yield _wrapper(operation.name, inputs)
        yield _wrapper(f"{operation.name}Response", [result])
    for name in MMS_TYPES if service is MMS else SMS_TYPES:
        rows = [_element(*row) for row in SEQUENCES[name]]
        yield _complex(f' name="{name}"', rows)
    yield '<s:element name="string" nillable="true" type="s:string"/>'
    if service is not MMS:
        yield (
            '<s:element name="ArrayOfSmsStatus" nillable="true"'
            ' type="tns:ArrayOfSmsStatus"/>'
        )
    yield "</s:schema>"
    yield "</wsdl:types>"


def _element(name: str, kind: str, most: str = "1") -> str:
    return f'<s:element minOccurs="0" maxOccurs="{most}" name="{name}" type="{kind}"/>'


def _complex(attribute: str, elements: list[str]) -> str:
    content = "".join(elements)
    return (
        f"<s:complexType{attribute}><s:sequence>{content}</s:sequence></s:complexType>"
    )


def _wrapper(name: str, elements: list[str]) -> str:
    return f'<s:element name="{name}">{_complex("", elements)}</s:element>'


def _messages(operation: Operation) -> Iterator[str]:
    name = operation.name
    for way, element in (("In", name), ("Out", f"{name}Response")):
        part = f'<wsdl:part name="parameters" element="tns:{element}"/>'
        yield _message(f"{name}Soap{way}", part)
    if not operation.by_form:
        return
    inputs = "".join(
        f'<wsdl:part name="{parameter}" type="s:string"/>'
        for parameter in operation.parameters
    )
    result = result_type(operation).partition(":")[2]
    for port, _ in VERBS:
        yield _message(f"{name}{port}In", inputs)
        output = f'<wsdl:part name="Body" element="tns:{result}"/>'
        yield _message(f"{name}{port}Out", output)


def _message(name: str, parts: str) -> str:
    return f'<wsdl:message name="{name}">{parts}</wsdl:message>'


def _offered(service: Service, port: str) -> list[Operation]:
    return [one for one in service.operations if one.by_form or port == "Soap"]


def _port_type(service: Service, port: str, suffix: str) -> Iterator[str]:
    yield f'<wsdl:portType name="{service.name}{port}">'
    for operation in _offered(service, port):
        name = operation.name
        yield (
            f'<wsdl:operation name="{name}">'
            f"<wsdl:documentation>{xml(operation.summary)}</wsdl:documentation>"
            f'<wsdl:input message="tns:{name}{suffix}In"/>'
            f'<wsdl:output message="tns:{name}{suffix}Out"/></wsdl:operation>'
        )
    yield "</wsdl:portType>"


def _soap_binding(service: Service, port: str, prefix: str) -> Iterator[str]:
    body = f'<{prefix}:body use="literal"/>'
    yield (
        f'<wsdl:binding name="{service.name}{port}" type="tns:{service.name}Soap">'
        f'<{prefix}:binding style="document" transport="{TRANSPORT}"/>'
    )
    for operation in service.operations:
        action = f"{NAMESPACE}{operation.name}"
        yield (
            f'<wsdl:operation name="{operation.name}">'
            f'<{prefix}:operation soapAction="{action}" style="document"/>'
            f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output>"
            "</wsdl:operation>"
        )
    yield "</wsdl:binding>"


def _http_binding(service: Service, port: str, verb: str) -> Iterator[str]:
    how = (
        "<http:urlEncoded/>"
        if verb == "GET"
        else '<mime:content type="application/x-www-form-urlencoded"/>'
    )
    name = f"{service.name}{port}"
    yield f'<wsdl:binding name="{name}" type="tns:{name}"><http:binding verb="{verb}"/>'
    for operation in _offered(service, port):
        yield (
            f'<wsdl:operation name="{operation.name}">'
            f'<http:operation location="/{operation.name}"/>'
            f"<wsdl:input>{how}</wsdl:input>"
            '<wsdl:output><mime:mimeXml part="Body"/></wsdl:output></wsdl:operation>'
        )
    yield "</wsdl:binding>"


PORTS = (
    ("Soap", "soap"),
    ("Soap12", "soap12"),
    ("HttpGet", "http"),
    ("HttpPost", "http"),
)


def _ports(service: Service, location: str) -> str:
    ports = "\n".join(
        f'<wsdl:port name="{service.name}{port}" binding="tns:{service.name}{port}">'
        f'<{prefix}:address location="{location}"/></wsdl:port>'
        for port, prefix in PORTS
    )
    return (
        f'<wsdl:service name="{service.name}">\n{ports}\n</wsdl:service>\n'
        "</wsdl:definitions>"
    )
