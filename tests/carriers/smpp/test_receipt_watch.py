"""A sample of responses and delivery reports tells how an operator writes ids."""

from __future__ import annotations

from budstikke.carriers.smpp.receipt_watch import EVERY, SAMPLE, ReceiptWatch
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.smpp.ids import ENOUGH


def phone(number: int) -> str:
    return f"+47{90000000 + number}"


def receipt(number: int, smsc_id: str) -> Receipt:
    done = ReceiptState.DELIVERED
    return Receipt(smsc_id, None, done, Reason.NONE, "DELIVRD", 0.0, phone(number))


def hexadecimal(watch: ReceiptWatch, first: int, count: int, now: float) -> bool:
    """Report parts whose ids are hexadecimal in responses, decimal in reports."""
    numbers = range(first, first + count)
    for number in numbers:
        watch.sent(phone(number), f"{number + 500:x}", now - 2)
    reports = [receipt(number, str(number + 500)) for number in numbers]
    return watch.reported(reports, now)


def test_it_learns_from_enough_pairs_and_measures_the_delay() -> None:
    watch = ReceiptWatch()
    assert not hexadecimal(watch, 0, ENOUGH - 1, 100.0)
    assert hexadecimal(watch, 50, 1, 100.0)
    assert watch.rule == "hex_dec"
    assert watch.delay == 2.0


def test_it_looks_once_in_a_while_and_then_sees_a_change() -> None:
    watch = ReceiptWatch()
    assert hexadecimal(watch, 0, ENOUGH, 100.0)
    for now in (100.0, 100.0 + EVERY / 2, 100.0 + EVERY):
        for number in range(20):
            watch.sent(phone(number), f"A{number}-{now}", now)
        same = [receipt(number, f"A{number}-{now}") for number in range(20)]
        assert watch.reported(same, now) is (now == 100.0 + EVERY)
    assert watch.rule == "as_written"


def test_a_phone_with_two_messages_teaches_nothing() -> None:
    watch = ReceiptWatch()
    for number in range(ENOUGH):
        watch.sent(phone(number), f"{number:x}f", 100.0)
        watch.sent(phone(number), f"{number:x}e", 100.0)
    reports = [receipt(number, str(number * 16 + 15)) for number in range(ENOUGH)]
    assert not watch.reported(reports, 101.0)


def test_it_remembers_a_sample_alone() -> None:
    watch = ReceiptWatch()
    for number in range(SAMPLE + 1):
        watch.sent(phone(number), f"{number:x}", 100.0)
    assert len(watch._waiting) == SAMPLE
