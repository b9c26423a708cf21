"""The message that an orphan is probably about."""

from __future__ import annotations

from typing import Any

import pytest

from budstikke.domain.orphan import Candidate, Orphan, likeliest

PHONE = "+4799999999"
LOST = Orphan(1, 1, "telco", "x", "delivered", "", "", 100.0, PHONE, 100.0, 900.0)


def candidate(message_id: int, **columns: Any) -> Candidate:
    usual = {"recipient": PHONE, "carrier_id": 1, "accepted_at": 50.0, "state": "sent"}
    usual |= {"smsc_id": "y", "account": "acme", "privacy": "full"}
    return Candidate(message_id=message_id, **{**usual, **columns})


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], None),
        ([candidate(1)], 1),
        ([candidate(1, carrier_id=2)], None),
        ([candidate(1, recipient="+4799999998")], None),
        ([candidate(1, recipient="004799999999")], 1),
        ([candidate(1, accepted_at=161.0)], None),
        ([candidate(1, accepted_at=159.0)], 1),
        ([candidate(1), candidate(2, accepted_at=60.0), candidate(3)], 2),
        ([candidate(1), candidate(2)], 2),
    ],
)
def test_the_likeliest(candidates: list[Candidate], expected: int | None) -> None:
    found = likeliest(LOST, candidates)
    assert expected == (found.message_id if found else None)


def test_a_report_without_a_recipient_is_about_nobody() -> None:
    lost = Orphan(1, 1, "t", "x", "delivered", "", "", 1.0, "", 100.0, 900.0)
    assert likeliest(lost, [candidate(1), candidate(2, recipient="")]) is None
