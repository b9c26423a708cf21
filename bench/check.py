"""
Check the instruments before they are believed: what they count, and how fast.

    python3 -m bench.check

The checks are of what a benchmark would silently get wrong: a receipt lost with its
connection, a double not counted, a latency that forgets the requests that waited.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.instruments import BINARIES, Ask, begin_load, end_load, start_sink, wait_for
from bench.processes import BenchError, stop

if TYPE_CHECKING:
    from bench.instruments import Sink

SUBMIT, DELIVER, RESPONSE = 4, 5, 0x80000000
TRANSMITTER, TRANSCEIVER = 2, 9
TRY_AGAIN = 0x64  # ESME_RX_T_APPN


def expect(what: str, wanted: object, actual: object) -> None:
    """Raise BenchError when an instrument is wrong."""
    if wanted != actual:
        raise BenchError(
            f"the instruments are wrong: {what}: {actual!r}, not {wanted!r}"
        )


class Client:
    """As much of an SMPP client as the checks need (SMPP 3.4, sections 3 and 4)."""

    def __init__(self, port: int, bind: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._sequence = 0
        self.request(bind, b"check\0check\0\0\x34\0\0\0")
        expect("bind", bind | RESPONSE, self.read()[0])

    def _send(self, command: int, status: int, sequence: int, body: bytes) -> None:
        head = struct.pack(">4L", 16 + len(body), command, status, sequence)
        self._socket.sendall(head + body)

    def request(self, command: int, body: bytes) -> None:
        """Send a request."""
        self._sequence += 1
        self._send(command, 0, self._sequence, body)

    def send(self, recipient: str) -> None:
        """Submit with a receipt asked for."""
        body = b"\0\5\0Bench\0\1\1" + recipient.encode() + b"\0\0\0\0\0\0\1\0\0\0\2Hi"
        self.request(SUBMIT, body)

    def submit(self, recipient: str) -> str:
        """Submit the same and wait; the message id of the answer."""
        self.send(recipient)
        command, _sequence, answer = self.read()
        expect("answer to a submit", SUBMIT | RESPONSE, command)
        return answer.rstrip(b"\0").decode()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except TimeoutError:
                raise BenchError("the sink owes a PDU") from None
            if not more:
                raise BenchError("the sink closed the connection")
            data += more
        return data

    def read(self) -> tuple[int, int, bytes]:
        """Read a PDU: command, sequence number, body."""
        length, command, _status, sequence = struct.unpack(">4L", self._exactly(16))
        return command, sequence, self._exactly(length - 16)

    def silent(self, seconds: float) -> bool:
        """Tell whether nothing comes for a while."""
        self._socket.settimeout(seconds)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(5)

    def hung_up(self) -> bool:
        """Tell whether the other side closes, whatever it sends before that."""
        try:
            while self._socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionResetError:
            pass
        return True

    def receipt(self) -> tuple[int, bytes]:
        """Read a deliver_sm: its sequence number and body."""
        command, sequence, body = self.read()
        expect("a receipt", DELIVER, command)
        return sequence, body

    def acknowledge(self, sequence: int, status: int = 0) -> None:
        """Answer a deliver_sm."""
        self._send(DELIVER | RESPONSE, status, sequence, b"\0")

    def close(self) -> None:
        """Hang up without an unbind."""
        self._socket.close()


def _check_receipts(sink: Sink) -> None:
    """Window, text and TLVs, again after a refusal and after a lost connection."""
    client = Client(sink.smpp, TRANSCEIVER)
    ids = [client.submit(f"479000000{i}") for i in range(3)]
    got = [client.receipt() for _ in range(2)]
    expect("a third receipt in a window of two", True, client.silent(0.3))
    for identifier, (_, body) in zip(ids, got, strict=False):
        tlv = (
            struct.pack(">2H", 0x1E, len(identifier) + 1) + identifier.encode() + b"\0"
        )
        state = struct.pack(">2HB", 0x427, 1, 2)
        expect("TLVs", tlv + state, body[-len(tlv + state) :])
        expect("text", True, f"id:{identifier} sub:001 ".encode() in body)
    client.acknowledge(got[0][0])
    third = client.receipt()
    client.acknowledge(got[1][0], TRY_AGAIN)
    again = client.receipt()
    expect("a refused receipt comes again", _undated(got[1][1]), _undated(again[1]))
    client.close()
    _check_rebind(sink, [third[1], again[1]])


def _undated(body: bytes) -> bytes:
    """Leave the minute out, which may have passed."""
    return re.sub(rb"date:[0-9]+", b"date", body)


def _check_rebind(sink: Sink, unacknowledged: list[bytes]) -> None:
    """Two receipts were not acknowledged: a new bind gets them, a transmitter not."""
    transmitter = Client(sink.smpp, TRANSMITTER)
    expect("a receipt to a transmitter", True, transmitter.silent(0.2))
    client = Client(sink.smpp, TRANSCEIVER)
    after = [client.receipt() for _ in unacknowledged]
    again = sorted(_undated(body) for _, body in after)
    expect("after a rebind", sorted(map(_undated, unacknowledged)), again)
    for sequence, _ in after:
        client.acknowledge(sequence)
    client.submit("4790000000")
    sequence, _ = client.receipt()
    client.acknowledge(sequence)
    expect("nothing more", True, client.silent(0.2))
    seen = sink.seen()
    expect("submits", (4, 1), (seen.submits, seen.doubles))
    numbers = {"sent": 7, "acknowledged": 4, "refused": 1, "again": 3, "due": 4}
    expect("receipts", numbers, {name: seen.receipts[name] for name in numbers})
    transmitter.close()
    client.close()


def _check_rate(sink: Sink) -> None:
    """Take ten answers at 50 a second, in order; the sink knows when each was."""
    sink.reset()
    client = Client(sink.smpp, TRANSMITTER)
    sink.watch(4790000000, 10)
    sink.rate(50)
    client.submit("4790000000")
    began = sink.when(4790000000)
    for i in range(1, 11):
        client.send("47" + str(90000000 + i))
    expect("an answer before its time", 0.0, sink.when(4790000009))
    expect(
        "answers in order", list(range(3, 13)), [client.read()[1] for _ in range(10)]
    )
    took = sink.when(4790000009) - began
    expect("nine more at 50 a second take 0.18 s", True, 0.17 < took < 1)
    expect("the tenth is not watched", 0.0, sink.when(4790000010))
    sink.rate(0)
    for i in range(100):
        client.submit(str(4790000100 + i))
    expect("submits", (111, 0), (sink.seen().submits, sink.seen().doubles))
    client.close()


def _check_down(sink: Sink) -> None:
    """Hang up on a client, take its submit without an answer for lost; come back."""
    sink.reset()
    client = Client(sink.smpp, TRANSCEIVER)
    sink.rate(1)
    for i in range(3):
        client.send(str(4790000000 + i))
    client.read()
    sink.down(wanted=True)
    expect("the line is dead", True, client.hung_up())
    try:
        client = Client(sink.smpp, TRANSCEIVER)
    except (BenchError, OSError):
        client.close()
    else:
        raise BenchError("the instruments are wrong: a bind while the sink is down")
    sink.down(wanted=False)
    sink.rate(0)
    client = Client(sink.smpp, TRANSCEIVER)
    client.submit("4790000001")
    expect("submits of two lives", (2, 0), (sink.seen().submits, sink.seen().doubles))
    client.close()
    sink.reset()


def _push(sink: Sink, pieces: list[bytes]) -> bytes:
    """Send octets to the callback URL piece by piece; what it answers."""
    with socket.create_connection(("127.0.0.1", sink.http), 5) as client:
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.05)
        return client.recv(4096)


def _check_pushes(sink: Sink) -> None:
    """Send requests in pieces and together; count doubles by id and status."""
    sink.reset()
    text = b"GET /push?origid=1&status=%s&x HTTP/1.1\r\nHost: a\r\n\r\n"
    requests = text % b"4" + text % b"-1" + text % b"4"
    answers = _push(sink, [requests[:20], requests[20:70], requests[70:]])
    expect("answers", 3, answers.count(b"HTTP/1.1 200 OK"))
    seen = sink.seen()
    counts = (seen.pushes, seen.push_doubles, seen.statuses)
    expect("pushes", (3, 1, {"4": 2, "-1": 1}), counts)


def _check_other_names(sink: Sink) -> None:
    """Count by other parameters, and answer what another gateway wants to read."""
    sink.reset()
    sink.count_by("id", status="message_status")
    sink.answer("ACK/Jasmin")
    request = b"GET /push?status=4&id=1&message_status=DELIVRD HTTP/1.1\r\n\r\n"
    answer = _push(sink, [request])
    expect("the answer", True, answer.endswith(b"Length: 10\r\n\r\nACK/Jasmin"))
    expect("the status", {"DELIVRD": 1}, sink.seen().statuses)
    sink.count_by("origid")
    sink.answer("ok")


def _check_load(sink: Sink) -> None:
    """As many requests as asked for, each with its own recipient."""
    sink.reset()
    ask = Ask((sink.http,), "/push?origid={}&status=4", "ok")
    load = end_load(begin_load(ask, count=5_000, first=4790000000))
    expect("load", (5_000, 0, 0), (load.good, load.bad, load.lost))
    seen = wait_for(sink, submits=0, statuses={"4": 5_000})
    expect("its recipients", (5_000, 0), (seen.pushes, seen.push_doubles))


def _serve_with_a_stall(listener: socket.socket, at: int, seconds: float) -> None:
    """Answer on one connection at a time; once, keep everybody waiting."""
    connection, _ = listener.accept()
    answered = 0
    with connection:
        while request := connection.recv(65536):
            for _ in range(request.count(b"\r\n\r\n")):
                answered += 1
                if answered == at:
                    time.sleep(seconds)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def _check_omission() -> None:
    """
    Charge a stall for every request that was due in it.

    One stall of 0.5 s in 2 s at 200 requests a second delays a quarter of them,
    on one connection: a closed loop would see a single slow answer of 400.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serve = threading.Thread(
            target=_serve_with_a_stall, args=(listener, 100, 0.5), daemon=True
        )
        serve.start()
        ask = Ask((int(listener.getsockname()[1]),), "/{}", "ok")
        process = begin_load(ask, count=400, first=4790000000, rate=200, connections=1)
        load = end_load(process)
        serve.join(5)
    expect("the stall is seen by a tenth", True, load.p90_ms > 200)
    expect("the median is not touched", True, load.p50_ms < 50)


def check() -> None:
    """Check all; BenchError with what is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="bench-check-"))
    sink = start_sink(folder, delay_ms=200, window=2)
    try:
        _check_receipts(sink)
        _check_pushes(sink)
        _check_other_names(sink)
        _check_rate(sink)
        _check_down(sink)
        _check_load(sink)
        _check_omission()
    finally:
        stop(sink.child)
        shutil.rmtree(folder)


def ceilings() -> dict[str, str]:
    """Measure what the instruments manage alone, so that the limit is known."""
    folder = Path(tempfile.mkdtemp(prefix="bench-check-"))
    sink = start_sink(folder, delay_ms=100)
    found = {}
    try:
        ask = Ask((sink.http,), "/push?origid={}&status=4", "ok")
        load = end_load(begin_load(ask, count=200_000, first=4790000000))
        found["load generator with the callback sink"] = f"{load.per_second:,.0f}/s"
        for name, flags in (("submits", []), ("submits and receipts", ["-r"])):
            command = [str(BINARIES / "esme"), "-p", str(sink.smpp), "-n", "500000"]
            output = subprocess.run(
                [*command, *flags], capture_output=True, timeout=90, check=True
            )
            rate = json.loads(output.stdout)["per_second"]
            found[f"SMSC, {name}"] = f"{rate:,.0f}/s"
        if wrk := shutil.which("wrk"):
            url = f"http://127.0.0.1:{sink.http}/push?origid=1&status=4"
            command = [wrk, "-t1", "-c48", "-d2s", url]
            text = subprocess.run(
                command, capture_output=True, text=True, timeout=30, check=True
            )
            rate = float(text.stdout.partition("Requests/sec:")[2].split()[0])
            found["wrk with the callback sink"] = f"{rate:,.0f}/s"
    finally:
        stop(sink.child)
        shutil.rmtree(folder)
    return found


if __name__ == "__main__":
    try:
        check()
    except BenchError as error:
        sys.exit(f"bench: {error}")
    print("the instruments count and time as they should")
    for title, value in ceilings().items():
        print(f"{title}: {value}")
