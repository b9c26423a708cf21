"""Learning how an operator writes message ids in responses and in reports."""

import pytest

from budstikke.smpp.ids import ENOUGH, RULES, Side, learn, normal_form

NUMBERS = [0x7FA3 + 4096 * n for n in range(8)]
MIXED = ["aB1z", "ac2Z", "aD3z", "aE4z", "aF5z"]


@pytest.mark.parametrize(
    ("rule", "pairs"),
    [
        ("as_written", [(f"{n}", f"{n}") for n in NUMBERS]),
        ("caseless", [(each, each.upper()) for each in MIXED]),
        ("unpadded", [(f"{n:012}", f"{n}") for n in NUMBERS]),
        ("hex_hex", [(f"0x{n:x}", f"{n:X}") for n in NUMBERS]),
        ("hex_dec", [(f"{n:X}", f"{n:010}") for n in NUMBERS]),
        ("dec_hex", [(f"{n}", f"{n:08x}") for n in NUMBERS]),
        # three reports of other messages among eight: most pairs decide
        ("hex_dec", [(f"{n:x}", f"{n + (n > NUMBERS[4])}") for n in NUMBERS]),
        # too few, none, as many wrong as right
        (None, [(f"{n:x}", f"{n}") for n in NUMBERS[: ENOUGH - 1]]),
        (None, [(f"{n:x}", f"{n + 1}") for n in NUMBERS]),
        (None, [(f"{n:x}", f"{n + i % 2}") for i, n in enumerate(NUMBERS * 2)]),
        (None, [(f"{NUMBERS[0]:x}", f"{NUMBERS[0]}")] * 20),
        # the form would make two responses' ids equal
        (None, [*((each, each.upper()) for each in MIXED), ("AB1Z", "x")]),
        (None, []),
    ],
)
def test_learn(rule: str | None, pairs: list[tuple[str, str]]) -> None:
    assert rule == learn(pairs)
    if rule not in (None, "as_written"):
        assert rule in RULES
        response, receipt = pairs[0]
        form = normal_form(str(rule), Side.RESPONSE, response)
        assert form is not None
        assert form == normal_form(str(rule), Side.RECEIPT, receipt)
