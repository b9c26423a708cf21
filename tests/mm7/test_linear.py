"""
Time grows with what comes in, and no faster: every reader of foreign octets.

Each is given something of its worst kind, and eight times as much of it: what grows
with the square would take 64 times as long. A test fails at 32 times, in the best of
some tries, and is not measured at all where it takes next to no time.
"""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from time import thread_time
from typing import TYPE_CHECKING, Final

import pytest

from budstikke.carriers.simulator.web import mms as simulator_mms
from budstikke.dialects.form import read_form
from budstikke.domain.refusal import Refusal
from budstikke.domain.text import decode_labelled
from budstikke.mm7 import Refused, read_answer, read_request
from budstikke.mm7.envelope import LARGEST
from budstikke.mm7.headers import decode_words
from budstikke.mm7.multipart import Malformed, leaves, split
from budstikke.mm7.transfer import NotBase64, decoded

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES: Final = 8
MOST: Final = 32
SOON: Final = 0.05
"""Seconds of a processor: nothing that anybody waits for, in the longer one, too."""

ANYTHING = (Refused, Malformed, NotBase64, Refusal, ValueError)
TYPE = "multipart/form-data; boundary=b"
XML = "text/xml"

READERS: dict[str, Callable[[bytes], object]] = {
    "request": lambda octets: read_request(XML, octets),
    "request in parts": lambda octets: read_request(TYPE, octets),
    "request of any type": lambda octets: read_request(octets.decode("latin-1"), b""),
    "answer": lambda octets: read_answer(XML, octets),
    "answer in parts": lambda octets: read_answer(TYPE, octets),
    "answer of any type": lambda octets: read_answer(octets.decode("latin-1"), b"x"),
    "parts": lambda octets: leaves(split(TYPE, octets)),
    "parts with a boundary that is looked for": lambda octets: split("", octets),
    "parts of any type": lambda octets: split(octets.decode("latin-1"), octets),
    "words": lambda octets: decode_words(octets.decode("latin-1")),
    "base64": lambda octets: decoded(octets, "base64"),
    "quoted-printable": lambda octets: decoded(octets, "quoted-printable"),
    "text": lambda octets: decode_labelled(octets, "gb2312", "iso-2022-jp"),
    "form": lambda octets: read_form(octets, TYPE),
    "form of any type": lambda octets: read_form(
        b"", "multipart/form-data;" + octets.decode("latin-1")
    ),
    "simulator's form": lambda octets: simulator_mms.read_form(TYPE, octets),
}

SEEDS = [
    b";", b'";', b'";x="', b"a=b;", b'\\"', b"x*0*=a;", b"boundary=", b'boundary="',
    b"--b", b"--b\r\n", b"--b\r\n\r\n", b"\r\n--b ", b"--b--", b"\n-", b"\n", b"\r\n ",
    b"--", b"\n--x", b" ", b"\t", b"a:", b"a:\r\n", b"=", b"A=", b"=\r\n", b"=3D",
    b"=?", b"=?a?b?", b"=?a?b?QUJD?= ", b"=?a?q?a?= x ", b"?=", b"<", b"<a>", b"<a/>",
    b"<a:b ", b"&", b"&#", b"&#1;", b"&a;", b"&amp;", b"<!--", b"<![CDATA[", b"<?",
    b"<StatusCode ", b"<StatusCode>", b"<StatusCode>1<", b"xmlns:a='b' ", b"\0", b"\0<",
    b"\xff", b"\xe5", b"\xc3\xa5", b"\x1b$B", b"~{", b"content-disposition: x; name=",
    b'\r\n--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx', b"\xef\xbb\xbf",
]  # fmt: skip

ENVELOPE = (
    (
        b"<Envelope><Header><TransactionID>t</TransactionID></Header><Body><DeliverReq>"
        b"<Sender>1</Sender><Recipients><To>"
    ),
    b"</To></Recipients></DeliverReq></Body></Envelope>",
)

AROUND: dict[str, tuple[bytes, bytes]] = {
    "bare": (b"", b""),
    "in a part": (b"--b\r\n", b"\r\n--b--"),
    "in a body": (b"--b\r\nContent-Type: text/plain\r\n\r\n", b"\r\n--b--"),
    "in a tag": (b"<a ", b""),
    "in an envelope": ENVELOPE,
}


def took(read: Callable[[bytes], object], octets: bytes) -> float:
    begin = thread_time()
    with suppress(*ANYTHING):
        read(octets)
    return thread_time() - begin


def grows(read: Callable[[bytes], object], make: Callable[[int], bytes]) -> float:
    """Say how many times longer the longer one takes; 0: neither takes any time."""
    growth = 0.0
    for _ in range(4):
        longer = took(read, make(TIMES))
        if longer < SOON:
            return 0.0
        growth = longer / max(took(read, make(1)), 1e-6)
        if growth < MOST:
            return growth
    return growth


SIZE = 20_000
"""Octets of the shorter one; the longer one has 160 kB."""


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("reader", READERS)
def test_time_grows_with_length_alone(reader: str, around: str) -> None:
    before, after = AROUND[around]
    for seed in SEEDS:

        def make(times: int, seed: bytes = seed) -> bytes:
            return before + seed * (SIZE * times // len(seed)) + after

        assert grows(READERS[reader], make) < MOST, seed


@pytest.mark.parametrize("reader", READERS)
def test_half_of_one_thing_and_half_of_another(reader: str) -> None:
    for first, second in zip(SEEDS, SEEDS[7:] + SEEDS[:7], strict=True):

        def make(times: int, one: bytes = first, two: bytes = second) -> bytes:
            half = SIZE * times // 2
            return one * (half // len(one)) + two * (half // len(two))

        assert grows(READERS[reader], make) < MOST, (first, second)


TIMES_ITS_SIZE: Final = 8
MENDED: Final = 8 * 1024 * 1024
"""Octets that mending an envelope of the largest size may take."""


@pytest.mark.parametrize("around", ["in a body", "in an envelope"])
def test_memory_is_a_few_times_what_came(around: str) -> None:
    before, after = AROUND[around]
    for seed in SEEDS:
        octets = before + seed * (2_000_000 // len(seed)) + after
        kind = XML if around == "in an envelope" else TYPE
        for size in (len(octets), LARGEST):
            tracemalloc.start()
            took(lambda octets: read_request(kind, octets), octets[:size])  # noqa: B023 - at once
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert most < TIMES_ITS_SIZE * size + MENDED, seed
