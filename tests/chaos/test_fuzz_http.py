"""Mutated HTTP requests at a live gateway."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from chaos.mutate import mutate
from journeys.gateway import LOGIN, Gateway, account, simulator_carrier
from journeys.processes import memory, wait_until
from journeys.web import front_id, front_query
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

LONG = pytest.param(17, 10_000, id="long", marks=pytest.mark.slow)
SHORT = pytest.param(18, 400, id="short")
AT_ONCE = 64
MOMENT = 0.2
"""Seconds after which a request is taken to be incomplete: our side is ended."""
GROWTH = 8 * 2**20
"""Octets that it may grow by; a leak of 1 KB a request is 8 MB."""

NO_LINGER = struct.pack("ii", 1, 0)

SEND = {**LOGIN, "fromid": "Test", "phoneno": "+4799990100"}
ONE = {
    **SEND,
    "txt": "Hei €",
    "unicode": True,
    "ref": "a",
    "validity": 5,
    "flash": "no",
}
BULK = {**LOGIN, "fromid": "Test", "txt": "Hei", "phoneno": ["+4799990101", "12"]}


Request = tuple[str, str, bytes, str]
"""Method, target, body, further headers."""


def written(request: Request) -> bytes:
    """Write it with its true length."""
    method, target, body, headers = request
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
    if body and "chunked" not in headers:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode("latin-1") + b"\r\n" + body


def chunks(body: bytes) -> bytes:
    pieces = (body[:20], body[20:], b"")
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def sample(method: str, target: str, content: Any = None, headers: str = "") -> Request:
    text = content if isinstance(content, str) else json.dumps(content)
    body = b"" if content is None else text.encode()
    return method, target, chunks(body) if "chunked" in headers else body, headers


MMSC = """
[[carrier]]
name = "mmsc"
kind = "mm7"
[carrier.settings]
url = "https://127.0.0.1:9/mm7"
deliver_username = "u"
deliver_password = "p"
"""
BASIC = "Authorization: Basic dTpw\r\nContent-Type: text/xml; charset=utf-8\r\n"
BEARER = "Authorization: Bearer fuzz-secret\r\nContent-Type: application/json\r\n"
PROXIED = "X-Forwarded-For: 1.2.3.4, 10.0.0.1\r\nX-Forwarded-For: ::1\r\n"
DELIVERY = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header>'
    '<TransactionID xmlns="http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/'
    'schema/REL-6-MM7-1-4">1</TransactionID></s:Header><s:Body><DeliverReq/></s:Body>'
    "</s:Envelope>"
)
FORM = "user=fuzz&passwd=fuzz-secret&to=99990100&msg=Hei+p%E5+deg&acc=fuzz&pass=x&key=y"
FORMED = "Content-Type: application/x-www-form-urlencoded\r\nAccept: */*\r\n"
PARTED = "Content-Type: multipart/form-data; boundary=x\r\nExpect: 100-continue\r\n"
PARTS = (
    '--x\r\nContent-Disposition: form-data; name="to"\r\n\r\n2229\r\n'
    '--x\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n'
    "Content-Type: text/plain\r\n\r\nHei\r\n--x--\r\n"
)
TO_MANY = {"to": ["+4799990102", "12"], "from": "Test", "text": "Hei €"}

PHONE = "/simulator/phones/+4799990100/messages"
SAMPLES = [
    sample("GET", front_query(**SEND, txt="Hei på deg", flash="true")),
    sample("GET", front_query(**SEND, txt="Hei", scheduled="2030-01-01T12:00:00Z")),
    sample("GET", front_query(**SEND, txt="Hei", type="otp", code="123456")),
    sample("POST", "/psk/push.php", ONE, "Content-Type: application/json\r\n"),
    sample("POST", "/psk/push_bulk.php", BULK),
    sample("POST", "/psk/push.php", ONE, "Transfer-Encoding: chunked\r\n"),
    sample("GET", "/healthz", None, "X-Forwarded-For: 1.2.3.4\r\n"),
    sample("GET", "/metrics", None, "Accept-Encoding: gzip\r\n"),
    sample("GET", PHONE),
    sample("POST", PHONE, {"to": "1", "text": "x"}),
    sample("POST", PHONE, PARTS, PARTED),
    sample("POST", "/mm7/mmsc", DELIVERY, BASIC),
    sample("GET", "/v1/messages?limit=5&to=%2B4799990100", None, BEARER + PROXIED),
    sample("POST", "/v1/messages", TO_MANY, BEARER + "Idempotency-Key: 1\r\n"),
    sample("DELETE", "/v1/opt-outs/+4799990100", None, BEARER),
    sample("POST", "/sms/SendMessage", FORM, FORMED),
    sample("POST", "/sms/SendMessage", PARTS, PARTED),
    sample("GET", f"/sms/AccountAdm?cmd=sms_count&{FORM}", None, PROXIED),
    sample("POST", "/sendSms/sendSms.asmx/sms", FORM, FORMED),
    sample("POST", "/sendSms/sendSms.asmx", DELIVERY, 'SOAPAction: "sms"\r\n'),
    sample("GET", f"/api/sms/send_sms.php?{FORM}", None, "Cookie: a=b\r\n"),
    sample("GET", "/m/x/1", None, PROXIED + "Range: bytes=0-1\r\n"),
]
"""With the headers that the gateway reads, so that those are changed, too."""


def mutated(dice: random.Random) -> bytes:
    """Change what parses: the target, the body or a header alone, or anything."""
    method, target, body, headers = dice.choice(SAMPLES)
    match dice.randrange(4):
        case 0:
            changed = mutate(target.encode(), dice)
            target = "".join(chr(octet) for octet in changed if octet > 32)
            return written((method, target, body, headers))
        case 1 if body and "chunked" not in headers:
            return written((method, target, mutate(body, dice), headers))
        case 2 if headers:
            lines = headers.split("\r\n")[:-1]
            place = dice.randrange(len(lines))
            changed = mutate(lines[place].encode(), dice)
            lines[place] = changed.decode("latin-1").replace("\r", "").replace("\n", "")
            headers = "".join(f"{line}\r\n" for line in lines)
            return written((method, target, body, headers))
        case _:
            return mutate(written((method, target, body, headers)), dice)


async def one(port: int, data: bytes) -> str:
    """Send it and tell how it ended: the status, or otherwise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    try:
        writer.write(data)
        return ended(await head(reader, writer))
    except TimeoutError:
        return "silence"
    except OSError:
        return "closed"
    finally:
        writer.transport.abort()


async def head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Read the beginning of an answer; one that waits for more hears there is none."""
    reading = asyncio.create_task(beginning(reader))  # what has come is not lost
    try:
        await asyncio.wait({reading}, timeout=MOMENT)
        if not reading.done():
            writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            return await reading
    finally:
        reading.cancel()


async def beginning(reader: asyncio.StreamReader) -> bytes:
    """Read a status, and of a 500 what it says."""
    answer = await reader.read(12)
    while b" 500" in answer[:12] and b"Fault>" not in answer:
        more = await reader.read(4096)
        if not more:
            break
        answer += more
    return answer


def ended(answer: bytes) -> str:
    if not answer:
        return "closed"
    if answer[9:12] == b"500" and b"Fault>" in answer:  # SOAP 1.1 § 6.2 has it so
        return "fault"
    return answer[9:12].decode() if answer.startswith(b"HTTP/1.") else "not HTTP"


async def all_of(port: int, requests: list[bytes]) -> Counter[str]:
    """Send them all, some at once; counts how they ended."""
    ends: Counter[str] = Counter()
    left = iter(requests)

    async def work() -> None:
        for data in left:
            ends[await one(port, data)] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return ends


def customer() -> dict[str, Any]:
    """Make an account that speaks every API."""
    known: dict[str, Any] = account()
    secret = {"password": "fuzz-secret", "require_https": False}
    for dialect in ("sveve", "ip1"):
        known["access"].append({"dialect": dialect, "id": "fuzz", **secret})
    for dialect in ("native", "reseller"):
        known["access"].append({"dialect": dialect, **secret})
    return known


@pytest.mark.parametrize(("seed", "count"), [SHORT, LONG])
def test_mutated_requests(
    tmp_path: Path, own: Own, figures: Callable[..., None], seed: int, count: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - dice
    requests = [mutated(dice) for _ in range(count)]
    warm_up = count // 5
    carrier = simulator_carrier(delivery_delay=0)
    simulated = {"simulator": {"enabled": True}}
    gateway = own(Gateway(tmp_path, carrier, [customer()], settings=simulated))
    file = tmp_path / "mmsc.toml"
    file.write_text(MMSC, "utf-8")
    gateway.run("apply", str(file))
    gateway.start()
    port, pid = gateway.port, gateway.running.pid

    ends = asyncio.run(all_of(port, requests[:warm_up]))
    before = memory(pid)
    ends += asyncio.run(all_of(port, requests[warm_up:]))
    growth = memory(pid) - before

    front_id(gateway.push("+4799990199", "Still here"))
    wait_until("a phone has it", lambda: gateway.phone("+4799990199"))
    assert gateway.ask("GET", "/healthz").status == 200
    figures(seed=seed, **dict(sorted(ends.items())), grown_kib=growth // 1024)
    assert [] == [line.get("error", line["step"]) for line in gateway.log("error")]
    assert {"not HTTP", "silence", "500"}.isdisjoint(ends)
    assert growth < GROWTH
