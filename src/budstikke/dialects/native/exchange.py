"""One request on its way through the REST API, and what it is worked with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.domain.directory import Access
    from budstikke.domain.queries import Answer, Ask
    from budstikke.flow.bulk import BulkAcceptor
    from budstikke.flow.queries import Asker
    from budstikke.flow.quote import Quoter

Kind = TypeVar("Kind", bound="Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What does the work: the steps of the path, and the clock (Unix seconds)."""

    acceptor: BulkAcceptor
    asker: Asker
    quoter: Quoter
    clock: Callable[[], float]


class PathValues(NamedTuple):
    """What the path names; of each operation, those that its path has."""

    id: int = 0
    number: str = ""
    name: str = ""
    media: str = ""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """
    A request that was read.

    Attributes:
        parts: What does the work.
        access: Who asks.
        headers: Lower-case names.
        path: What the path names.
        query: The operation's query struct, or ``None``.
        body: The operation's body struct, or ``None``.

    """

    parts: Parts
    access: Access
    headers: Mapping[str, str]
    path: PathValues
    query: Any = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What is answered: a struct to be written as JSON, or ``None`` (204).

    With a ``media_type`` it is octets of that type.
    """

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = ""


async def ask(exchange: Exchange, asked: Ask, kind: type[Kind]) -> Kind:
    """Ask on behalf of who asks; raises Refusal and StoreUnavailable."""
    answer = await exchange.parts.asker.answer(asked, exchange.access)
    assert isinstance(answer, kind)  # noqa: S101 - each ask has one kind of answer
    return answer
