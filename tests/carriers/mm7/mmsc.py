"""
An MMSC on a loopback port, made of Python's own HTTP server, ``email`` and XML.

It decides a submission's fate by the last four digits of the recipient, as the
simulator does, and tells reports by ``deliver``.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from xml.etree import ElementTree as ET

from carriers.smpp.smsc import (
    EXPIRED,
    NO_RECEIPT,
    RECEIPT_FIRST,
    RECEIPT_TWICE,
    REJECTED,
    SILENT,
    THROTTLED,
    UNDELIVERED,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    Deliver = Callable[[str, bytes], tuple[int, bytes]]

SCHEMA = "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-6-MM7-1-4"
OLD = "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/REL-5-MM7-1-0"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NS = {"m": SCHEMA, "s": SOAP}
STATUSES = {UNDELIVERED: "Unreachable", EXPIRED: "Expired"}
XML = "text/xml; charset=utf-8"


class Submission(NamedTuple):
    """What was submitted: elements by name, and parts in order."""

    fields: dict[str, str]
    parts: list[tuple[str, str, bytes]]
    headers: Message


def envelope(transaction: str, body: str, schema: str = SCHEMA) -> bytes:
    return (
        f'<?xml version="1.0"?><e:Envelope xmlns:e="{SOAP}"><e:Header>'
        f'<TransactionID xmlns="{schema}" e:mustUnderstand="1">{transaction}'
        f"</TransactionID></e:Header><e:Body>{body}</e:Body></e:Envelope>"
    ).encode()


def fault(code: int, words: str) -> bytes:
    return envelope(
        "t",
        f"<e:Fault><faultcode>e:Client</faultcode><faultstring>{words}</faultstring>"
        f'<detail><RSErrorRsp xmlns="{SCHEMA}"><MM7Version>6.8.0</MM7Version><Status>'
        f"<StatusCode>{code}</StatusCode><StatusText>{words}</StatusText></Status>"
        "</RSErrorRsp></detail></e:Fault>",
    )


def report(message_id: str, recipient: str, status: str) -> bytes:
    return envelope(
        f"r-{message_id}",
        f'<DeliveryReportReq xmlns="{OLD}"><MM7Version>5.3.0</MM7Version>'
        f"<MessageID>{message_id}</MessageID>"
        f"<Recipient><Number>{recipient}</Number></Recipient>"
        "<Sender><ShortCode>2229</ShortCode></Sender>"
        f"<Date>2026-11-01T12:00:00Z</Date><MMStatus>{status}</MMStatus>"
        "</DeliveryReportReq>",
        OLD,
    )


def read_reply(message_id: str, status: str) -> bytes:
    return envelope(
        f"rr-{message_id}",
        f'<ReadReplyReq xmlns="{SCHEMA}"><MM7Version>6.8.0</MM7Version>'
        f"<MessageID>{message_id}</MessageID><TimeStamp>2026-11-01T12:00:05Z"
        f"</TimeStamp><MMStatus>{status}</MMStatus></ReadReplyReq>",
    )


def delivery(sender: str, to: str, subject: str, picture: bytes) -> tuple[str, bytes]:
    """Write a DeliverReq with a text and a JPEG: its content type and body."""
    xml = envelope(
        "d-1",
        f'<DeliverReq xmlns="{SCHEMA}"><MM7Version>6.8.0</MM7Version>'
        f"<Sender><Number>{sender}</Number></Sender><Recipients><To>"
        f"<Number>{to}</Number></To></Recipients><TimeStamp>2026-11-01T12:00:00Z"
        f'</TimeStamp><Subject>{subject}</Subject><Content href="cid:mms"/>'
        "</DeliverReq>",
    )
    body = (
        b"--o\r\nContent-Type: text/xml\r\n\r\n" + xml + b"\r\n--o\r\n"
        b"Content-Type: multipart/mixed; boundary=i\r\nContent-ID: <mms>\r\n\r\n"
        b"--i\r\nContent-Type: text/plain; charset=utf-16\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        + b64encode("Hei på deg".encode("utf-16"))
        + b"\r\n--i\r\nContent-Type: image/jpeg\r\nContent-Location: b.jpg\r\n\r\n"
        + picture
        + b"\r\n--i--\r\n--o--\r\n"
    )
    return "multipart/related; type=text/xml; boundary=o", body


class Mmsc:
    """A message centre; ``deliver`` takes reports to whoever submitted."""

    def __init__(self, deliver: Deliver | None = None, **script: Any) -> None:
        self.deliver = deliver
        self.script: Callable[[Submission], bytes | int | None] = script.get(
            "script", lambda _: None
        )
        self.submissions: list[Submission] = []
        self.ids: dict[str, str] = {}
        self.most = 0
        self._at_once = 0
        self._numbers = count(1)
        self._refused: dict[str, int] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/mm7?a=b"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mmsc = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                head = b"Content-Type: " + self.headers["content-type"].encode()
                with mmsc._lock:
                    mmsc._at_once += 1
                    mmsc.most = max(mmsc.most, mmsc._at_once)
                found = mmsc._read(message_from_bytes(head + b"\r\n\r\n" + body))
                answer, after = mmsc._take(found._replace(headers=self.headers))
                with mmsc._lock:
                    mmsc._at_once -= 1
                if answer is None:
                    mmsc._over.wait()
                    self.close_connection = True
                    return
                status = answer if isinstance(answer, int) else 200
                octets = b"" if isinstance(answer, int) else answer
                if b"Fault>" in octets:
                    status = 500
                self.send_response(status)
                self.send_header("content-type", XML)
                self.send_header("content-length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)
                self.wfile.flush()
                for one in after:
                    mmsc.tell(one)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - theirs
                """Say nothing."""

        return Handler

    def _read(self, message: Any) -> Submission:
        first, content = message.get_payload()
        xml = ET.fromstring(first.get_payload(decode=True))  # noqa: S314 - our own
        asked = xml.find("s:Body/{*}SubmitReq", NS)
        assert asked is not None
        schema = asked.tag.rpartition("}")[0][1:]
        assert xml.find(f"s:Header/{{{schema}}}TransactionID", NS) is not None
        fields = {
            each.tag.rpartition("}")[2]: each.text or ""
            for each in asked.iter()
            if not len(each)
        }
        fields["schema"] = schema
        parts = [
            (
                part.get_content_type(),
                part["content-location"],
                part.get_payload(decode=True),
            )
            for part in content.get_payload()
        ]
        return Submission(fields, parts, message)

    def _take(self, found: Submission) -> tuple[bytes | int | None, list[bytes]]:
        """Say what is answered (``None``: nothing), and what is told afterwards."""
        with self._lock:
            self.submissions.append(found)
            number = f"mm-{next(self._numbers)}"
        scripted = self.script(found)
        if scripted is not None:
            return scripted, []
        recipient = found.fields.get("Number", "")
        ending = recipient[-4:]
        if ending == REJECTED:
            return fault(2003, "Address not found"), []
        if ending == SILENT:
            return None, []
        if ending == THROTTLED and self._throttle(recipient):
            return fault(4006, "Service unavailable"), []
        with self._lock:
            self.ids[recipient] = number
        answer = envelope(
            "t",
            f'<SubmitRsp xmlns="{SCHEMA}"><MM7Version>6.8.0</MM7Version><Status>'
            "<StatusCode>1000</StatusCode><StatusText>Success</StatusText></Status>"
            f"<MessageID>{number}</MessageID></SubmitRsp>",
        )
        if ending == NO_RECEIPT or found.fields["DeliveryReport"] != "true":
            return answer, []
        told = report(number, recipient, STATUSES.get(ending, "Retrieved"))
        if ending == RECEIPT_FIRST:
            self.tell(told)
            return answer, []
        return answer, [told] * (2 if ending == RECEIPT_TWICE else 1)

    def _throttle(self, recipient: str) -> bool:
        with self._lock:
            refused = self._refused.get(recipient, 0)
            self._refused[recipient] = refused + 1
        return refused < 3

    def tell(self, body: bytes, content_type: str = XML) -> tuple[int, bytes]:
        assert self.deliver is not None
        return self.deliver(content_type, body)
