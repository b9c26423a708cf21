"""
SOAP 1.1 envelopes of MM7, both ways, as XML.

Elements are found by their names alone: MMSCs write the schemas of releases 5 and 6,
and some write none. What comes in is hostile until shown otherwise: no document type
is allowed, nothing is ever fetched, and the size is bounded before it is parsed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from lxml import etree

from budstikke.mm7.messages import REL_6
from budstikke.mm7.multipart import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"

LARGEST = 256 * 1024
"""Octets of an envelope."""

MOST_TAGS = 20_000

ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "windows-1252",
}
"""Encodings that are read; all agree with ASCII, so that a document type is seen."""

_declared = re.compile(
    rb"\s*<\?xml[^>]{0,80}?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
).match
_not_in_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").sub


def parse(content: bytes, charset: str = "") -> Any:
    """Parse an envelope into lxml's root element; raises Malformed."""
    if len(content) > LARGEST:
        raise Malformed(f"the envelope is larger than {LARGEST} octets")
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    said = _declared(content)
    name = said[1].decode() if said else charset or "utf-8"
    encoding = ENCODINGS.get(name.lower())
    if encoding is None:
        raise Malformed("the encoding is not known; use UTF-8")
    if b"<!DOCTYPE" in content or content.count(b"<") > MOST_TAGS:
        raise Malformed("a document type, or too many elements")
    try:
        root = etree.fromstring(content, _parser(encoding))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed("not well-formed XML") from error
    if root.getroottree().docinfo.doctype:  # should the look above ever be wrong
        raise Malformed("a document type is not allowed")
    if local(root) != "Envelope":
        raise Malformed("not a SOAP envelope")
    return root


@lru_cache
def _parser(encoding: str) -> Any:
    return etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def local(element: Any) -> str:
    """Give an element's name without its namespace."""
    name: str = element.tag
    return name.rpartition("}")[2]


def child(element: Any, name: str) -> Any:
    """Find the first child of this name; ``None``: there is none."""
    return next((one for one in element if local(one) == name), None)


def anywhere(element: Any, name: str) -> Any:
    """Find the first element of this name at any depth; ``None``: there is none."""
    return next((one for one in element.iter() if local(one) == name), None)


def text(element: Any, name: str = "") -> str:
    """Give the text of an element, or of its first child of this name; may be empty."""
    found = child(element, name) if name else element
    return "" if found is None else "".join(found.itertext()).strip()


def transaction(root: Any) -> str:
    """Read the transaction of an envelope; empty: it has none."""
    header = child(root, "Header")
    return "" if header is None else text(header, "TransactionID")


def write(transaction: str, body: str) -> bytes:
    """Write an envelope around a body."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<env:Envelope xmlns:env="{SOAP}"><env:Header>'
        f'<mm7:TransactionID xmlns:mm7="{REL_6}" env:mustUnderstand="1">'
        f"{xml(transaction)}</mm7:TransactionID></env:Header>"
        f"<env:Body>{body}</env:Body></env:Envelope>\n"
    ).encode()


def fields(*pairs: tuple[str, str]) -> str:
    """Write elements with a text each, in order; empty ones are left out."""
    return "".join(_written(pairs))


def _written(pairs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for name, value in pairs:
        if value:
            yield f"<{name}>{xml(value)}</{name}>"


def xml(value: str) -> str:
    """Escape a text for XML; characters that XML cannot have become ``?``."""
    return escape(_not_in_xml("?", value))
