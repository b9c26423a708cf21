"""Writes the request that sends a message, by a description. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from budstikke.carriers.http.description import TOLD, Description
from budstikke.carriers.http.template import (
    Values,
    fill,
    form,
    in_header,
    in_url,
    json_body,
    message_values,
    written,
    xml_body,
)
from budstikke.domain.receipt import Reason, Rejected, Retry
from budstikke.domain.text import GSM, UCS2

if TYPE_CHECKING:
    from budstikke.domain.message import Part

TYPES: Final = {
    "form": "application/x-www-form-urlencoded",
    "json": "application/json",
    "xml": "application/xml; charset=utf-8",
}
"""Content types by the kind of body, unless a header of the description says one."""


class HttpRequest(NamedTuple):
    """A request: ``target`` is path and query; headers end their lines."""

    method: str
    target: str
    headers: str
    body: bytes

    def octets(self, host: str) -> bytes:
        """Write it as HTTP/1.1 (RFC 9112); ``host`` is of the header."""
        length = ""
        if self.body or self.method != "GET":
            length = f"Content-Length: {len(self.body)}\r\n"
        head = (
            f"{self.method} {self.target} HTTP/1.1\r\nHost: {host}\r\n"
            f"{self.headers}{length}\r\n"
        )
        return head.encode("latin-1") + self.body


class RequestWriter:
    """
    Writes requests of one carrier.

    Args:
        description: Of the operator.
        values: What is the same for all messages.
        login: The header ``Authorization``; empty: none.

    Attributes:
        url: The template of the URL; scheme, host and port are in it as they are.

    """

    def __init__(self, description: Description, values: Values, login: str) -> None:
        self._request = description.request
        self._values = values
        self._login = login
        base = written(values["url"]).rstrip("/")
        self.url = self._request.url.replace("{url}", base)

    def refusal(self, part: Part) -> Rejected | None:
        """Refuse a message that the description cannot express; ``None``: it can."""
        request = self._request
        if part.encoding not in (GSM, UCS2):
            return _refused(Reason.NO_ROUTE, "it is not a text")
        if part.total > 1:
            return _refused(
                Reason.NO_ROUTE, "it was cut into segments for another carrier"
            )
        for name in TOLD:
            if getattr(part, name) and name not in request.when:
                return _refused(Reason.REJECTED, f"the description has no when.{name}")
        if part.encoding == UCS2 and not request.unicode:
            return _refused(Reason.CONTENT, "the operator takes only GSM 03.38")
        units = len(part.text.encode("utf-16-le", "replace")) // 2
        if request.longest and units > request.longest:
            what = f"{units} UTF-16 units; the operator takes {request.longest}"
            return _refused(Reason.CONTENT, what)
        return None

    def write(self, part: Part, now: float) -> HttpRequest:
        """Write the request for a message; ``now`` is Unix seconds."""
        request = self._request
        values = self._values | message_values(
            part, now, request.validity_least, request.validity_most
        )
        if request.longest_ref and len(part.ref or "") > request.longest_ref:
            values["ref"] = None
        url = urlsplit(fill(self.url, values, in_url) or "")
        extra = _conditional(request.when, part)
        in_body = request.body in ("form", "json")
        query = form(request.query | ({} if in_body else extra), values)
        both = "&".join(filter(None, (url.query, query)))
        target = (url.path or "/") + (f"?{both}" if both else "")
        body = b""
        if in_body:
            fields = request.fields | extra
            body = (
                json_body(fields, values)
                if request.body == "json"
                else form(fields, values).encode()
            )
        elif request.body == "xml":
            body = xml_body(request.xml, values)
        return HttpRequest(request.method, target, self._headers(values), body)

    def _headers(self, values: Values) -> str:
        headers = {"Content-Type": TYPES.get(self._request.body)}
        if self._login:
            headers["Authorization"] = self._login
        for name, template in self._request.headers.items():
            headers[name.title()] = fill(template, values, in_header)
        return "".join(
            f"{name}: {value}\r\n" for name, value in headers.items() if value
        )


def _refused(reason: Reason, why: str) -> Rejected:
    return Rejected(reason, f"not sent: {why}", Retry.ELSEWHERE)


def _conditional(when: dict[Any, dict[str, Any]], part: Part) -> dict[str, Any]:
    """Return the further fields of a message, by what it is."""
    holds = {
        "flash": part.flash,
        "premium": part.premium > 0,
        "protocol_id": part.protocol_id > 0,
        "report": part.report,
        UCS2: part.encoding == UCS2,
        GSM: part.encoding == GSM,
    }
    fields: dict[str, Any] = {}
    for name, more in when.items():
        if holds[name]:
            fields |= more
    return fields
