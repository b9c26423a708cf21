"""Results as a run would have them, with figures that mean nothing."""

from bench.measures import Result
from bench.processes import Busy

QUIET = Busy(1.0, {"gateway": 1.0}, {"gateway": 0.9}, 0.0, 0.0)


def result(measure: str, gateway: str, turn: int = 1, **figures: float) -> Result:
    return Result(measure, gateway, turn, figures, QUIET)


def rounds(measure: str, gateway: str, figure: str, *values: float) -> list[Result]:
    """A figure over several rounds."""
    return [
        result(measure, gateway, turn, **{figure: value})
        for turn, value in enumerate(values, 1)
    ]
