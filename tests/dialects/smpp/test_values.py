"""Ranges, ids, and what a report must know of its submit_sm."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.dialects.smpp.address_range import is_range, serves
from budstikke.dialects.smpp.ids import MOST, WRITE, IdForm, read_id, write_id
from budstikke.dialects.smpp.submission import Address, Submission, read, wants, written


@pytest.mark.parametrize(
    ("address_range", "yes", "no"),
    [
        ("", ["2229", "Acme"], []),
        ("*", ["2229"], []),
        ("22", ["2229", "+2229"], ["2129"]),
        ("^2229$", ["2229"], ["22290", "2228"]),
        ("^22[0-4]*9", ["2229", "2209"], ["2259"]),
        ("2229|1963", ["2229", "1963"], ["2065"]),
        ("^[^1].+", ["2229"], ["1963"]),
    ],
)
def test_address_ranges(address_range: str, yes: list[str], no: list[str]) -> None:
    assert is_range(address_range)
    assert all(serves(address_range, address) for address in yes)
    assert not any(serves(address_range, address) for address in no)


@pytest.mark.parametrize(
    "bad", ["(a*)*b", "a**b*c*d*", "[", "\\", "x" * 41, "a{9}", "**"]
)
def test_ranges_that_cannot_be_read(bad: str) -> None:
    assert not is_range(bad)


@given(st.text("0123456789ab.*+?[]^$|()\\-", max_size=41))
def test_no_range_takes_long(address_range: str) -> None:
    if is_range(address_range):
        begun = time.thread_time()
        serves(address_range, "1" * 64)
        assert time.thread_time() - begun < 0.1


@given(st.sampled_from(sorted(WRITE)), st.integers(1, MOST))
def test_ids_come_back(form: IdForm, message_id: int) -> None:
    assert message_id == read_id(form, write_id(form, message_id, 0x34))


def test_ids_for_old_clients_have_eight_octets() -> None:
    assert "0000001001" == write_id("padded", 1001, 0x34)
    assert "3E9" == write_id("padded", 1001, 0x33)
    assert "12345678" == write_id("decimal", 12345678, 0x33)
    assert 8 >= len(write_id("decimal", MOST, 0x33))
    for bad in ("", "x", "0", "-1", "1" * 21, "99999999999999999999"):
        assert read_id("decimal", bad) is None


def test_a_submission_is_kept_as_a_reference() -> None:
    given = Submission(17, Address(5, 0, 'A"c'), Address(1, 1, "47"), 1.5, "0011")
    assert given == read(written(given))
    for other in (None, "", "ref", "[1]", "{}", "\ud800"):
        assert read(other) is None


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        (0x00, ""),
        (0x01, "delivered failed"),
        (0x02, "failed"),
        (0x03, "delivered"),
        (0x10, "interim"),
        (0x11, "delivered failed interim"),
        (0x0C, ""),
    ],
)
def test_registered_delivery_bit_for_bit(asked: int, reported: str) -> None:
    said = {
        "delivered": wants(asked, final=True, delivered=True),
        "failed": wants(asked, final=True, delivered=False),
        "interim": wants(asked, final=False, delivered=False),
    }
    assert reported.split() == [state for state, its in said.items() if its]
