"""Requests that are made to hold a gateway: bodies, heads, and where logins go."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

MIB = 1024 * 1024
LARGEST = 8 * MIB
HEAD = 32 * 1024


class Body(NamedTuple):
    """``octets`` may hold ``$FRONT`` and the like, where a login goes."""

    name: str
    kind: str
    octets: bytes


def times(piece: bytes, size: int = LARGEST) -> bytes:
    return piece * (size // len(piece))


def filled(start: bytes, piece: bytes, end: bytes, size: int = LARGEST) -> bytes:
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


FORM, JSON, XML = "application/x-www-form-urlencoded", "application/json", "text/xml"
SOAP = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    b'<smsStatus xmlns="web.sms.ip1.se">'
)
SOAP_END = b"</smsStatus></s:Body></s:Envelope>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 9)
    )
    + b"]><a>&a8;</a>"
)
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
FRONT = b'{"serviceid":"1234","password":"demo","fromid":"B","txt":"Hei","phoneno":'
SVEVE = b'{"user":"demo","passwd":"demo","f":"json","messages":'
ONE = b'{"user":"demo","passwd":"demo","f":"json","msg":"Hei","to":"'
REST = b'{"from":"Test","text":"Hei {a}{b}","recipients":'
MANY = b'{"from":"Test","text":"Hei","to":'
LOGIN = (
    b"user=demo&passwd=demo&serviceid=1234&password=demo&acc=ip1-1000&pass=demo"
    b"&key=demo&"
)

BODIES = [
    Body("a form of a", FORM, times(b"a&")),
    Body("a form of a=", FORM, LOGIN + times(b"a=&", LARGEST - 200)),
    Body("a form of names", FORM, b"&".join(b"%x=" % n for n in range(900_000))),
    Body("a form of escapes", FORM, LOGIN + b"to=" + times(b"%41", LARGEST - 200)),
    Body("a form of a quarter MB", FORM, LOGIN + b"to=" + times(b"%2C", 260_000)),
    Body("a form of numbers", FORM, LOGIN + b"msg=Hei&to=" + times(b"99999999,", MIB)),
    Body("equal signs", FORM, times(b"=")),
    Body("blanks", "", times(b" ")),
    Body("nothing but CR LF", "", times(b"\r\n")),
    Body("JSON arrays in arrays", JSON, times(b"[")),
    Body("JSON objects in objects", JSON, times(b'{"a":')),
    Body("JSON of 1", JSON, filled(b"[", b"1,", b"1]")),
    Body("JSON of []", JSON, filled(b'{"a":[', b"[],", b"[]]}")),
    Body(
        "JSON of keys", JSON, b"{%b}" % b",".join(b'"%x":0' % n for n in range(600_000))
    ),
    Body("JSON of a huge number", JSON, filled(b'{"user":', b"9", b"}")),
    Body("JSON of a huge key", JSON, filled(b'{"', b"` - at `$", b'":1}')),
    Body("JSON of escapes", JSON, filled(b'{"user":"', b"\\u0041", b'"}')),
    Body("JSON of a huge user", JSON, filled(b'{"user":"', b"x", b'"}')),
    Body("Front: numbers", JSON, filled(FRONT + b"[", b'"1",', b'"1"]}')),
    Body(
        "Front: real numbers",
        JSON,
        filled(FRONT + b"[", b'"4799999999",', b'"1"]}', MIB),
    ),
    Body("Front: null", JSON, filled(FRONT + b"[", b"null,", b"1]}")),
    Body("Front: a long text", JSON, filled(FRONT + b'1,"ref":"', "€".encode(), b'"}')),
    Body("Sveve: messages {}", JSON, filled(SVEVE + b"[", b"{},", b"{}]}")),
    Body(
        "Sveve: messages", JSON, filled(SVEVE + b"[", b'{"to":"1","msg":"x"},', b"{}]}")
    ),
    Body("Sveve: names", JSON, filled(ONE, b"a,", b'"}')),
    Body("Sveve: numbers", JSON, filled(ONE, b"99999999,", b'"}', MIB)),
    Body("REST: an unknown key", JSON, filled(b'{"', b" - at `$", b'":1}')),
    Body("REST: recipients {}", JSON, filled(REST + b"[", b"{},", b"{}]}")),
    Body(
        "REST: fields",
        JSON,
        filled(REST + b'[{"to":"1","fields":{', b'"a":"b",', b'"a":"b"}}]}'),
    ),
    Body("REST: numbers", JSON, filled(MANY + b"[", b'"+4799999999",', b'"1"]}', MIB)),
    Body("REST: no numbers", JSON, filled(MANY + b"[", b'"",', b'""]}')),
    Body("XML: a bomb", XML, BOMB),
    Body("XML: tags", XML, filled(SOAP, b"<a/>", SOAP_END)),
    Body("XML: tags in tags", XML, times(b"<a>")),
    Body("XML: attributes", XML, filled(b"<a", b' b="c"', b"/>")),
    Body(
        "XML: references",
        XML,
        filled(SOAP + b"<till>", b"&#52;", b"</till>" + SOAP_END),
    ),
    Body(
        "XML: names",
        XML,
        SOAP + b"".join(b"<a%x/>" % n for n in range(900_000))[:LARGEST],
    ),
    Body("XML: a comment", XML, filled(b"<!--", b"- ", b"--><a/>")),
    Body("parts", "multipart/form-data; boundary=x", filled(b"", PART, b"--x--")),
    Body("empty parts", "multipart/form-data; boundary=x", times(b"--x\r\n")),
    Body("parts that begin", "multipart/related; boundary=-", times(b"\r\n-")),
    Body(
        "related parts",
        "multipart/related; boundary=x; type=text/xml",
        filled(b"", PART, b"--x--"),
    ),
    Body(
        "a kind of parameters",
        "multipart/related; boundary=x" + '";' * 4000,
        times(PART, MIB),
    ),
    Body(
        "a kind of quotes", 'multipart/form-data; a="' + '\\"' * 3900, times(PART, MIB)
    ),
]
"""Each of at most ``LARGEST`` octets."""


class Head(NamedTuple):
    name: str
    query: bytes = b""
    fields: bytes = b""


BASIC = base64.b64encode(b"demo:" + b":" * 5_900)
HEADS = [
    Head("a query of a", times(b"a&", 30_000)),
    Head("a query of escapes", b"user=" + times(b"%41", 30_000)),
    Head("a query of names", b"&".join(b"%x=1" % n for n in range(5_000))[:30_000]),
    Head(
        "a query with logins",
        LOGIN + b"to=" + times(b"99999999,", 29_000) + b"&msg=Hei",
    ),
    Head("a query of brackets", times(b"[", 30_000)),
    Head(
        "a hundred headers",
        fields=b"".join(b"X-%d: %b\r\n" % (n, b"x" * 290) for n in range(90)),
    ),
    Head(
        "addresses", fields=b"X-Forwarded-For: " + times(b"1.1.1.1,", 8_000) + b"\r\n"
    ),
    Head("one line each", fields=b"X-Forwarded-For: ::1\r\n" * 95),
    Head("a long name and password", fields=b"Authorization: Basic " + BASIC + b"\r\n"),
    Head(
        "a bearer of blanks", fields=b"Authorization: Bearer" + b" " * 8_000 + b"\r\n"
    ),
    Head(
        "a kind of parameters", fields=b"Content-Type: a/b" + b';";' * 2_600 + b"\r\n"
    ),
    Head(
        "languages", fields=b"Accept-Language: " + times(b"a;q=0.1,", 8_000) + b"\r\n"
    ),
    Head("cookies", fields=b"Cookie: " + times(b"a=b;", 8_000) + b"\r\n"),
    Head("ranges", fields=b"Range: bytes=" + times(b"0-,", 8_000) + b"\r\n"),
]

VALUES = {"id": "1", "number": "+4799999999", "carrier": "mmsc", "place": "1"}
_named = re.compile(r"\{(\w+)(?::\w+)?\}")


def path_of(route: str, value: str = "") -> str:
    """Fill in a route's path; ``value`` for each thing it names, if it is given."""
    return _named.sub(lambda found: value or VALUES.get(found[1], "x"), route)


LONG_VALUES = ["9" * 5_000, "9" * 20_000, "%2F" * 9_000, "%ff" * 9_000, "x" * 30_000]
"""What may be written in a path."""
