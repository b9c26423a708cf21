"""
Reads and writes SOAP envelopes, 1.1 and 1.2.

Input is hostile until shown otherwise: a document type is refused (so there are no
entities), nothing is fetched, and size and number of elements are limited before
parsing.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from lxml import etree

from budstikke.dialects.ip1.operations import LARGEST, Binding
from budstikke.dialects.query import decode_any
from budstikke.domain.text import decode_latin1

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "http://tempuri.org/"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
BINDINGS: Mapping[str, Binding] = {SOAP11: Binding.SOAP11, SOAP12: Binding.SOAP12}
CONTENT_TYPES: Mapping[Binding, str] = {
    Binding.SOAP11: "text/xml; charset=utf-8",
    Binding.SOAP12: "application/soap+xml; charset=utf-8",
}
MUST_UNDERSTAND = frozenset({"1", "true"})

MOST_TAGS = 200_000
"""
Start and end tags in one envelope: 10,000 ``Number``s with two fields have 180,000.

Each costs about a microsecond and 120 octets. So does an attribute, so that quotes
count as well.
"""

LONGEST_SHOWN = 80
"""Characters of a customer's value in a fault."""

ENCODINGS: Mapping[str, str] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "iso-8859-15": "iso-8859-15",
    "latin9": "iso-8859-15",
}
"""Encodings to give to the parser, besides UTF-16 with a byte order mark."""

DECODERS: Mapping[str, Callable[[bytes], str]] = {
    "us-ascii": decode_any,
    "ascii": decode_any,
    **dict.fromkeys(
        ("iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1"),
        decode_latin1,
    ),
    **dict.fromkeys(("windows-1252", "cp1252"), decode_latin1),
}
"""Encodings to decode here: Latin-1 is read as Windows-1252."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_declared = re.compile(
    rb"<\?xml[^>]{0,80}?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
).match
_charset = re.compile(
    r"charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE
).search
_not_blank = re.compile(rb"[^ \t\r\n]").search
_not_in_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class FaultCode(Enum):
    """The side at fault, by the names of SOAP 1.1 and 1.2."""

    SENDER = ("Client", "Sender")
    RECEIVER = ("Server", "Receiver")
    VERSION = ("VersionMismatch", "VersionMismatch")
    HEADER = ("MustUnderstand", "MustUnderstand")


class Fault(NamedTuple):
    """Why an envelope is refused."""

    code: FaultCode
    text: str


class Envelope(NamedTuple):
    """
    An envelope.

    ``element`` is the first element of its body: lxml's, without comments and
    processing instructions.
    """

    binding: Binding
    element: Any


def binding_of(body: bytes, content_type: str) -> Binding:
    """Return the SOAP version of an envelope that is not parsed, as far as it shows."""
    if SOAP12.encode() in body[:2048]:
        return Binding.SOAP12
    if SOAP11.encode() in body[:2048]:
        return Binding.SOAP11
    return Binding.SOAP12 if "soap+xml" in content_type.lower() else Binding.SOAP11


def read_envelope(body: bytes, content_type: str) -> Envelope | Fault:
    """Read an envelope; never raises."""
    if len(body) > LARGEST:
        return _sender(f"The envelope is larger than {LARGEST} octets")
    root = _parse(body, content_type)
    if isinstance(root, Fault):
        return root
    namespace, _, name = root.tag.removeprefix("{").rpartition("}")
    binding = BINDINGS.get(namespace)
    if name != "Envelope" or binding is None:
        return Fault(FaultCode.VERSION, "Not a SOAP 1.1 or 1.2 envelope")
    header = root.find(f"{{{namespace}}}Header")
    if header is not None and (fault := _check_header(header, namespace)):
        return fault
    content = root.find(f"{{{namespace}}}Body")
    if content is None or not len(content):
        return _sender("The envelope has nothing in its body")
    return Envelope(binding, content[0])


def _sender(text: str) -> Fault:
    return Fault(FaultCode.SENDER, text)


def _check_header(header: Any, namespace: str) -> Fault | None:
    """Refuse headers that must be understood: none is."""
    for block in header:
        if block.get(f"{{{namespace}}}mustUnderstand") in MUST_UNDERSTAND:
            return Fault(
                FaultCode.HEADER, f"Header {_shown(local(block))} is not known"
            )
    return None


def _parse(body: bytes, content_type: str) -> Any:
    """Parse a document; return its root element, or a Fault."""
    content = body.strip()
    encoding = "utf-8"
    if content[:2] in _UTF16_MARKS:
        content = content.decode("utf-16", "replace").encode()
    else:
        content = content.removeprefix(_BYTE_ORDER_MARK).lstrip()
        declared = _declared(content)
        named = _charset(content_type)
        name = declared[1].decode() if declared else named[1] if named else encoding
        if decode := DECODERS.get(name.lower()):
            content, name = decode(content).encode(), encoding
        encoding = ENCODINGS.get(name.lower(), "")
    if not encoding:
        return _sender("The encoding is not known; use UTF-8")
    if content.count(b"<") > MOST_TAGS:
        return _sender("The envelope has too many elements")
    if content.count(b'"') + content.count(b"'") > MOST_TAGS:
        return _sender("The envelope has too many attributes")
    if _has_document_type(content):
        return _sender("A document type declaration is not allowed")
    try:
        root = etree.fromstring(content, _parser(encoding))
    except etree.XMLSyntaxError:
        return _sender("The request is not well-formed XML")
    if root.getroottree().docinfo.doctype:  # should the check above miss one
        return _sender("A document type declaration is not allowed")
    return root


@lru_cache
def _parser(encoding: str) -> Any:
    """Make a parser; one for each encoding is cached."""
    return etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def _has_document_type(content: bytes) -> bool:
    """
    Whether a document type comes before the first element, without parsing.

    The parser would fetch an external one before it can be checked.
    """
    at = _blanks(content, 0)
    while True:
        if content.startswith(b"<?", at):
            end = content.find(b"?>", at + 2) + 2
        elif content.startswith(b"<!--", at):
            end = content.find(b"-->", at + 4) + 3
        else:
            return content.startswith(b"<!", at)
        if end <= at:
            return False  # it never ends: not well-formed
        at = _blanks(content, end)


def _blanks(content: bytes, at: int) -> int:
    """Skip white space."""
    found = _not_blank(content, at)
    return found.start() if found else len(content)


def local(element: Any) -> str:
    """Return an element's name without its namespace."""
    name: str = element.tag
    return name.rpartition("}")[2]


def text(element: Any) -> str:
    """Return all text in an element."""
    return "".join(element.itertext()) if len(element) else element.text or ""


def xml(value: str) -> str:
    """Escape a text for XML; characters that XML forbids become ``?``."""
    return escape(_not_in_xml.sub("?", value))


def write_result(binding: Binding, name: str, result: str) -> bytes:
    """Write the answer of an operation; ``result`` is XML."""
    return _write(
        binding,
        f'<{name}Response xmlns="{NAMESPACE}"><{name}Result>{result}</{name}Result>'
        f"</{name}Response>",
    )


def write_fault(binding: Binding, fault: Fault) -> bytes:
    """Write a fault."""
    old, new = fault.code.value
    if binding is Binding.SOAP11:
        content = (
            f"<faultcode>soap:{old}</faultcode>"
            f"<faultstring>{xml(fault.text)}</faultstring>"
        )
    else:
        content = (
            f"<soap:Code><soap:Value>soap:{new}</soap:Value></soap:Code>"
            '<soap:Reason><soap:Text xml:lang="en">'
            f"{xml(fault.text)}</soap:Text></soap:Reason>"
        )
    return _write(binding, f"<soap:Fault>{content}</soap:Fault>")


def unknown_operation(name: str) -> Fault:
    """Make the fault of an unknown operation."""
    return _sender(f"There is no operation {_shown(name)}")


def _shown(name: str) -> str:
    return name[:LONGEST_SHOWN]


def _write(binding: Binding, content: str) -> bytes:
    namespace = SOAP11 if binding is Binding.SOAP11 else SOAP12
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="{namespace}"><soap:Body>{content}</soap:Body>'
        "</soap:Envelope>"
    ).encode()
