"""Posted forms, in both of their forms."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.dialects.form import read_form

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


def test_a_hostile_body_costs_no_more_than_a_good_one() -> None:
    """Eight megabytes, the most that the server reads, in a moment."""
    size = 8 * 1024 * 1024
    for unit in (b"\r\n--x", b"content-disposition: ", b"\r\n\r\n", b"\r\n--x\r\n a"):
        started = perf_counter()
        read_form(b"--x" + unit * (size // len(unit)), "multipart/form-data;boundary=x")
        assert perf_counter() - started < 5
