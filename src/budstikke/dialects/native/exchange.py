"""A request of the REST API, and how handlers answer it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from budstikke.dialects.contract import Step, StepAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from budstikke.dialects.contract import AccessView
    from budstikke.dialects.native.settings import Settings
    from budstikke.domain.message import Accepted
    from budstikke.domain.queries import Answer

T = TypeVar("T")
Kind = TypeVar("Kind", bound="Answer | Accepted")

Work: TypeAlias = Generator[Step, StepAnswer, T]
"""A handler: it yields steps for the gateway, and returns a ``T``."""

_encode = msgspec.json.Encoder().encode

PIECE = 20
"""Items of a long list to work before other requests may run."""


class PathValues(NamedTuple):
    """The values of a path; an operation has those of its own path."""

    id: int = 0
    number: str = ""
    name: str = ""
    media: str = ""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """
    A request that was read.

    Attributes:
        access: The caller's.
        now: When the request was read, Unix seconds.
        headers: By name in lower case.
        path: The path's values.
        query: The operation's query struct, or ``None``.
        body: The operation's body struct, or ``None``.

    """

    access: AccessView[Settings]
    now: float
    headers: Mapping[str, str]
    path: PathValues
    query: Any = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """
    An answer: a struct to write as JSON, or ``None`` (204).

    With a ``media_type`` it is octets of that type.
    """

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = ""


def ask(asked: Step, kind: type[Kind]) -> Work[Kind]:
    """Ask the gateway for a step of the caller's; raises Refusal."""
    answer = yield asked
    assert isinstance(answer, kind)  # noqa: S101 - each step has one kind of answer
    return answer


def in_pieces(count: int, work: Callable[[slice], Iterable[T]]) -> Work[list[T]]:
    """
    Work a list of ``count`` items piece by piece, and join the results.

    Other requests may run between the pieces.
    """
    found: list[T] = []
    for start in range(0, count, PIECE):
        found += work(slice(start, start + PIECE))
        if start + PIECE < count:
            yield None
    return found


def written_in_pieces(
    count: int, work: Callable[[slice], Iterable[object]]
) -> Work[list[bytes]]:
    """
    Write the results of each piece as JSON, unbracketed; see ``in_pieces``.

    Writing all of them in the end would hold the event loop, as would freeing them: 45
    ms for 70,000 recipients.
    """
    return in_pieces(count, lambda some: [_encode([*work(some)])[1:-1]])


def array(written: Iterable[bytes]) -> Any:
    """Join the results of ``written_in_pieces``, as a struct's list."""
    return msgspec.Raw(b"[%b]" % b",".join(written))
