"""Which interpreter the benchmark runs on, and why."""

import sys

import pytest
from bench import interpreter
from bench.interpreter import Candidate, choose, evidence, measured

SWITCH = "CONFIG_ARGS has --enable-optimizations"


def candidate(path: str, *seconds: float, said: str = "") -> Candidate:
    return Candidate(path, said, seconds)


@pytest.mark.parametrize(
    ("args", "flags", "expected"),
    [
        ("'--enable-shared' '--enable-optimizations'", {}, SWITCH),
        (
            "",
            {"PY_CORE_CFLAGS": "-O2 -fprofile-use"},
            "PY_CORE_CFLAGS has -fprofile-use",
        ),
        ("'--enable-shared'", {"PY_CORE_CFLAGS": "-O2"}, ""),  # Debian's, and pyenv's
    ],
)
def test_what_a_build_says_of_itself(
    args: str, flags: dict[str, str], expected: str
) -> None:
    assert expected == evidence(args, flags)


def test_a_build_that_says_so_comes_before_a_quicker_try() -> None:
    known = candidate("known", 0.2, said=SWITCH)
    chosen, why = choose([candidate("other", 0.1), known])
    assert known == chosen
    assert why.startswith(f"its build is optimised: {SWITCH} (medians of 1 rounds")
    assert "other 0.100 s, known 0.200 s" in why


def test_of_two_that_say_so_the_quicker_one() -> None:
    slow, quick = (candidate(n, s, said=SWITCH) for n, s in (("a", 0.2), ("b", 0.1)))
    chosen, why = choose([slow, quick])
    assert quick == chosen
    assert "the quickest optimised one" in why


def test_else_the_quicker_one_if_it_is_so_by_the_margin() -> None:
    # One round that is disturbed does not count: the median does.
    first, second = (
        candidate("first", 0.2, 0.2, 0.1),
        candidate("second", 0.1, 0.1, 0.9),
    )
    chosen, why = choose([first, second])
    assert second == chosen
    assert why.startswith("quicker by more than 10%")


def test_within_the_margin_the_one_that_is_named_first() -> None:
    first, second = candidate("first", 0.109), candidate("second", 0.1)
    chosen, why = choose([first, second])
    assert first == chosen
    assert why.startswith("named first; none is quicker by more than 10%")


def test_interpreters_are_asked_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "ROUNDS", 1)
    found = measured([sys.executable, sys.executable, "/nothing/here"])
    (own,) = found  # named twice, it is one
    assert own.path.startswith(sys.base_exec_prefix)
    assert 1 == len(own.seconds)
    assert own.median > 0
