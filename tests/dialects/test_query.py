"""Query strings as they are on the wire."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.dialects.query import extended, read_query, read_texts

quick = settings(deadline=None)  # the machine may be busy


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (b"", {}),
        (b"&&&", {}),
        (b"a=1&b=2", {"a": b"1", "b": b"2"}),
        (b"a=1&a=2", {"a": b"2"}),
        (b"a=1&a=", {"a": b""}),
        (b"a", {"a": b""}),
        (b"=1", {}),
        (b"a=b=c", {"a": b"b=c"}),
        (b"a=+%2B%20+", {"a": b" +  "}),
        (b"a=%E6%f8", {"a": b"\xe6\xf8"}),
        (b"a=\xe6\xf8", {"a": b"\xe6\xf8"}),
        (b"a=%zz%4%&b=%", {"a": b"%zz%4%", "b": b"%"}),
        (b"a=%u20AC", {"a": b"%u20AC"}),
        (b"%61%3D=1", {"a=": b"1"}),
        (b"a;b=1;2", {"a;b": b"1;2"}),
        (b"a=%26%3D", {"a": b"&="}),
        (b"\xe6=1", {"æ": b"1"}),
    ],
)
def test_a_query_becomes_fields(query: bytes, fields: dict[str, bytes]) -> None:
    assert fields == read_query(query)


@quick
@given(st.dictionaries(st.text("abcæ&= +%", min_size=1), st.binary()))
def test_what_is_escaped_comes_back(fields: dict[str, bytes]) -> None:
    query = "&".join(
        f"{quote_plus(name, encoding='latin-1')}={quote_plus(value)}"
        for name, value in fields.items()
    )
    assert fields == read_query(query.encode())


def test_decoding_is_as_strict_as_the_decoder() -> None:
    assert {"a": "æ"} == read_texts(b"a=%C3%A6", bytes.decode)
    with pytest.raises(UnicodeDecodeError):
        read_texts(b"a=%E6", bytes.decode)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://kunde.no/dr", "https://kunde.no/dr?a=1"),
        ("https://kunde.no/dr?", "https://kunde.no/dr?a=1"),
        ("https://kunde.no/dr?b=2", "https://kunde.no/dr?b=2&a=1"),
        ("https://kunde.no/dr?b=2&", "https://kunde.no/dr?b=2&a=1"),
        ("https://kunde.no/dr?b=2#c?", "https://kunde.no/dr?b=2&a=1"),
    ],
)
def test_a_url_keeps_its_own_query(url: str, expected: str) -> None:
    assert expected == extended(url, "a=1")
