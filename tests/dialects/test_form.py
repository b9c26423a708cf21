"""Posted forms, in both of their forms."""

from __future__ import annotations

import sys
import tracemalloc
from contextlib import suppress
from itertools import takewhile
from re import search
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.dialects.bounds import MOST_PARAMETERS
from budstikke.dialects.form import read_form
from budstikke.domain.refusal import Refusal, RefusalCode

MULTIPART = "multipart/form-data; boundary=----1a2b"


def multipart(*parts: str) -> bytes:
    body = "".join(f"------1a2b\r\n{part}\r\n" for part in parts)
    return f"{body}------1a2b--\r\n".encode()


def part(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "text/x"])
def test_a_form_is_read_as_a_query_is(kind: str) -> None:
    assert {"a": b"1 2", "b": b"\xc3\xa5"} == read_form(b"a=1+2&b=%C3%A5", kind)


def test_parts_are_read_as_they_are() -> None:
    """As PHP's curl and Python's requests write them."""
    body = multipart(
        part("key", "demo"),
        part("msgtext", "Hei på deg + %20\r\n\r\n--a"),
        'content-disposition: FORM-DATA; filename="name=x"; name=ref\r\n'
        "Content-Type: text/plain\r\n\r\nabc",
        part("ref", "last"),
        part("empty", ""),
    )

    assert {
        "key": b"demo",
        "msgtext": "Hei på deg + %20\r\n\r\n--a".encode(),
        "ref": b"last",
        "empty": b"",
    } == read_form(body, MULTIPART)


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/form-data; boundary="----1a2b"',
        "Multipart/Form-Data;charset=utf-8;Boundary=----1a2b",
        " multipart/form-data ; boundary=----1a2b ",
    ],
)
def test_the_boundary_may_be_written_otherwise(kind: str) -> None:
    assert {"a": b"1"} == read_form(multipart(part("a", "1")), kind)


def test_what_comes_before_and_after_the_parts_is_left_out() -> None:
    body = b"preamble\r\n" + multipart(part("a", "1")) + multipart(part("b", "2"))

    assert {"a": b"1"} == read_form(body, MULTIPART)


def test_lines_that_end_in_a_line_feed() -> None:
    body = multipart(part("a", "1\n2"), part("b", "")).replace(b"\r\n", b"\n")

    assert {"a": b"1\n2", "b": b""} == read_form(body, MULTIPART)


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_a_last_boundary_that_is_missing(end: bytes) -> None:
    body = multipart(part("a", "1"), part("b", "2")).partition(b"\r\n------1a2b--")[0]

    assert {"a": b"1", "b": b"2"} == read_form(body + end, MULTIPART)


def test_a_form_has_not_parameters_without_end() -> None:
    for most in (MOST_PARAMETERS, MOST_PARAMETERS + 1):
        body = multipart(*(part(f"{number}", "") for number in range(most)))
        if most == MOST_PARAMETERS:
            assert most == len(read_form(body, MULTIPART))
        else:
            with pytest.raises(Refusal) as caught:
                read_form(body, MULTIPART)
            assert RefusalCode.TOO_LARGE is caught.value.code


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", MULTIPART),
        (b"a=1", MULTIPART),
        (multipart(part("a", "1")), "multipart/form-data"),
        (multipart(part("a", "1")), "multipart/form-data; boundary="),
        (multipart("Content-Type: text/plain\r\n\r\n1"), MULTIPART),
        (multipart("name=a"), MULTIPART),
        (multipart(part("", "1")), MULTIPART),
    ],
)
def test_what_is_no_form_has_no_parameters(body: bytes, kind: str) -> None:
    assert {} == read_form(body, kind)


@given(st.binary(), st.text())
def test_junk_is_read_without_complaint(body: bytes, kind: str) -> None:
    read_form(body, kind)
    read_form(body, f"multipart/form-data; boundary={kind}")
    read_form(b"--x" + body, "multipart/form-data; boundary=x")


def plainly(body: bytes, boundary: bytes) -> dict[str, bytes]:
    """Read parts with copies of everything."""
    line = b"\r\n" if b"\r" in body else b"\n"
    parts = (line + body).split(line + b"--" + boundary)[1:]
    if parts and not parts[-1].startswith(b"--"):
        parts[-1] = parts[-1].removesuffix(line)
    fields: dict[str, bytes] = {}
    for part in takewhile(lambda part: not part.startswith(b"--"), parts):
        head, _, value = part.partition(line + line)
        named = rb'(?m)^content-disposition: a; name="(\w)"'
        found = search(named, head.lstrip())
        if found:
            fields[found[1].decode()] = value
    return fields


PIECES = [
    *(b"--x", b"--", b"-", b"x", b" ", b"\n", b"\r\n", b"\r", b"\r\n\r\n", b"\r\n--x"),
    *(b"\r\n--x--\r\n", b"\n--x\n", b'content-disposition: a; name="a"'),
    *(b'\r\n--x\r\ncontent-disposition: a; name="b"\r\n\r\n', b"\n\n"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join))
def test_parts_are_where_the_boundaries_are(body: bytes) -> None:
    read = read_form(body, "multipart/form-data; boundary=x")
    assert plainly(body, b"x") == read


def test_too_many_parts_are_refused_before_all_are_looked_for() -> None:
    body = b"--x\r\n" * 20 * MOST_PARAMETERS
    looks = 0

    def note(_: object, event: str, what: object) -> None:
        nonlocal looks
        looks += event == "c_call" and getattr(what, "__name__", "") == "find"

    sys.setprofile(note)
    try:
        with suppress(Refusal):
            read_form(body, "multipart/form-data; boundary=x")
    finally:
        sys.setprofile(None)
    assert MOST_PARAMETERS < looks < MOST_PARAMETERS + 10


@pytest.mark.parametrize(
    "kind", ["", "multipart/form-data; boundary=x", "multipart/form-data; boundary=-"]
)
@pytest.mark.parametrize("piece", [b"\r\n-", b"--x\r\n", b"\n---", b"x"])
def test_what_is_no_form_is_not_copied(piece: bytes, kind: str) -> None:
    """A copy of 8 MB takes the interpreter for milliseconds, and memory besides."""
    body = piece * (2**22 // len(piece))
    tracemalloc.start()
    try:
        with suppress(Refusal):
            read_form(body, kind)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_hostile_body_costs_no_more_than_a_good_one() -> None:
    """Eight megabytes, the most that the server reads, in a moment."""
    size = 8 * 1024 * 1024
    for unit in (b"\r\n--x", b"content-disposition: ", b"\r\n\r\n", b"\r\n--x\r\n a"):
        started = perf_counter()
        with suppress(Refusal):
            kind = "multipart/form-data;boundary=x"
            read_form(b"--x" + unit * (size // len(unit)), kind)
        assert perf_counter() - started < 5
