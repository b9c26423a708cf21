"""
Parses and writes the SOAP 1.1 envelopes of MM7.

We find elements by their local names: MMSCs write the namespaces of releases 4 to 6,
and some write none. Input is hostile until shown otherwise: a document type is refused,
nothing is fetched, and the size is limited before parsing. The octets count for more
than the declared encoding (XML 1.0 § 4.3.3, appendix F): we decode them first, and
parse UTF-8.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from html.entities import name2codepoint
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from budstikke.domain.text import decode_labelled
from budstikke.mm7.multipart import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"

LARGEST = 256 * 1024
"""Octets of an envelope."""

MOST_TAGS = 20_000

MOST_NAMESPACES = 2000
"""Most declarations of namespaces: to resolve a prefix takes time for each."""

BEGINNING: Final = 4
"""Octets to look at: one is NUL if characters have 16 or 32 bits (appendix F.1)."""

PREDEFINED: Final = ("amp", "lt", "gt", "quot", "apos")

_declared = re.compile(
    rb"\s*<\?xml[^>]{0,80}?\sencoding\s{0,9}=\s{0,9}[\"']([A-Za-z0-9._:-]{1,40})[\"']"
).match
_declaration = re.compile(r"<\?xml\s[^>]{0,200}>").match
_not_in_xml = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").sub
_surrogate = re.compile("[\ud800-\udfff]").search
_reference = re.compile(
    "&(?:#([0-9]{1,7});|#[xX]([0-9A-Fa-f]{1,6});|([A-Za-z][A-Za-z0-9]{1,9});)?"
).sub


def parse(content: bytes, charset: str = "") -> Any:
    """
    Parse an envelope into lxml's root element; raises Malformed.

    ``charset`` is that of its Content-Type. Characters, references and ampersands that
    XML forbids are repaired or removed, so that a phone's text is not lost.
    """
    if len(content) > LARGEST:
        raise Malformed(f"the envelope is larger than {LARGEST} octets")
    written = decode(content, charset)
    if "<!DOCTYPE" in written or "<!ENTITY" in written:
        raise Malformed("a document type is not allowed")
    if written.count("<") > MOST_TAGS or written.count("xmlns") > MOST_NAMESPACES:
        raise Malformed("too many elements, or namespaces")
    try:
        root = _parsed(written)
    except (etree.XMLSyntaxError, ValueError):
        try:
            root = _parsed(_mended(written))
        except (etree.XMLSyntaxError, ValueError) as error:
            raise Malformed("not well-formed XML") from error
    if root.getroottree().docinfo.doctype:  # should the check above miss one
        raise Malformed("a document type is not allowed")
    if local(root) != "Envelope":
        raise Malformed("not a SOAP envelope")
    return root


def decode(content: bytes, charset: str = "") -> str:
    """Decode XML by its octets, declaration or Content-Type; never fails."""
    declared = _declared(content.removeprefix(b"\xef\xbb\xbf"))
    narrow = 0 not in content[:BEGINNING]
    declared_charset = declared[1].decode() if declared else ""
    labels = (
        (declared_charset, charset) if narrow else (declared_charset, charset, "utf-16")
    )
    text = decode_labelled(content, *labels, narrow=narrow)
    text = text.strip("\ufeff\0 \t\r\n")
    declaration = _declaration(text)
    return text[declaration.end() :] if declaration else text


def _parsed(written: str) -> Any:
    return etree.fromstring(written.encode("utf-8", "replace"), _parser())


def _mended(written: str) -> str:
    """Repair or remove what XML forbids: some MMSCs copy a phone's text as it is."""
    text = _reference(_character, written)
    if _surrogate(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _not_in_xml("", text)


def _character(reference: re.Match[str]) -> str:
    """Return the character of a reference; it may be half of a surrogate pair."""
    decimal, hexadecimal, name = reference.groups()
    if name in PREDEFINED:
        return reference[0]
    if name:
        code = name2codepoint.get(name)
        return f"&amp;{name};" if code is None else chr(code)
    if not decimal and not hexadecimal:
        return "&amp;"
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return escape(chr(number)) if number <= 0x10FFFF else ""


@lru_cache
def _parser() -> Any:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


def local(element: Any) -> str:
    """Return an element's name without its namespace."""
    name: str = element.tag
    return name.rpartition("}")[2]


def namespace(element: Any) -> str:
    """Return an element's namespace; empty: it has none."""
    space, brace, _ = element.tag.rpartition("}")
    return space[1:] if brace else ""


def flag(element: Any, name: str) -> bool:
    """Whether an attribute of this name is true (XML Schema § 3.2.2)."""
    return any(
        key.rpartition("}")[2] == name and value.strip().lower() in ("true", "1")
        for key, value in element.items()
    )


def child(element: Any, name: str) -> Any:
    """Find the first child of this name; ``None``: there is none."""
    return next((one for one in element if local(one) == name), None)


def anywhere(element: Any, name: str) -> Any:
    """Find the first element of this name at any depth; ``None``: there is none."""
    return next((one for one in element.iter() if local(one) == name), None)


def text(element: Any, name: str = "") -> str:
    """Return the text of an element, or of its first child of this name."""
    inner = child(element, name) if name else element
    return "" if inner is None else "".join(inner.itertext()).strip()


def transaction(root: Any) -> str:
    """Return the transaction id of an envelope; empty: it has none."""
    header = child(root, "Header")
    return "" if header is None else text(header, "TransactionID")


def write(transaction: str, body: str, namespace: str) -> bytes:
    """Write an envelope around a body; ``namespace`` is MM7's."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<env:Envelope xmlns:env="{SOAP}"><env:Header>'
        f'<mm7:TransactionID xmlns:mm7="{xml(namespace)}" env:mustUnderstand="1">'
        f"{xml(transaction)}</mm7:TransactionID></env:Header>"
        f"<env:Body>{body}</env:Body></env:Envelope>\n"
    ).encode()


def fields(*pairs: tuple[str, str]) -> str:
    """Write elements that have a text each, in order; leave out empty ones."""
    return "".join(_written(pairs))


def _written(pairs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for name, value in pairs:
        if value:
            yield f"<{name}>{xml(value)}</{name}>"


def xml(value: str) -> str:
    """Escape a text for XML; characters that XML cannot have become ``?``."""
    return escape(_not_in_xml("?", value))
