"""The fixed pieces of work by which machines are compared."""

import json

import pytest
from bench import calibration


def test_the_line_says_how_much_work_took_how_long() -> None:
    text = calibration.line({"python": 0.25, "syscalls": 0.1})
    assert "0.250 s for 500,000 steps of Python" in text
    assert "0.100 s for 200,000 system calls" in text


def test_a_machine_that_takes_twice_as_long_for_both() -> None:
    here, there = {"python": 0.4, "syscalls": 0.2}, {"python": 0.2, "syscalls": 0.1}
    assert 2.0 == pytest.approx(calibration.ratio(here, there))
    assert 0.5 == pytest.approx(calibration.ratio(there, here))
    here["syscalls"] = 0.1
    assert 2**0.5 == pytest.approx(calibration.ratio(here, there))


def test_it_is_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "TRIES", 1)
    assert 0 == calibration.main()
    found = json.loads(capsys.readouterr().out)
    assert {"python", "syscalls"} == found.keys()
    assert all(seconds > 0 for seconds in found.values())
