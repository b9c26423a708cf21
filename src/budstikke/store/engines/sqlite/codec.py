"""
How the verbs of the message path cross the socket of the writer's process.

What they take and return in numbers is encoded as JSON, once, by its types: a pickle of
so many structs would cost both sides several times as much. ``CODECS`` lists these
verbs; all others cross as pickles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.receipt import Receipt
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.store.contract import CallbackResult, CallbackRow, Draft, Verdict
from budstikke.store.verbs.accept import store_drafts
from budstikke.store.verbs.callbacks import record_callbacks
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.settlement import record_outcomes, settle_receipts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.store.verbs.connection import Connection


class Codec(msgspec.Struct, frozen=True):
    """
    How a verb crosses.

    Attributes:
        index: Which of the verb's arguments after the connection is its batch.
        batch: Decodes the batch.
        result: Decodes what the verb returns.

    """

    index: int
    batch: Callable[[str], Any]
    result: Callable[[bytes], Any]


_encode = msgspec.json.Encoder().encode


def _codec(batch: Any, result: Any, index: int = 0) -> Codec:
    """Make a codec from the types of a verb's batch and of its result."""
    decoder = msgspec.json.Decoder
    return Codec(index, decoder(batch).decode, decoder(result).decode)


CODECS: Mapping[Callable[..., Any], Codec] = {
    store_drafts: _codec(list[Draft], list[Verdict]),
    record_outcomes: _codec(list[tuple[Concerned, PartUpdate]], list[CallbackRow]),
    settle_receipts: _codec(list[Receipt], list[CallbackRow], index=1),
    record_callbacks: _codec(list[CallbackResult], None),
}


def encoded(
    verb: Callable[..., Any], args: Sequence[Any]
) -> tuple[tuple[Any, ...], Callable[[Any], Any] | None]:
    """Encode a verb and its arguments as a job; returns how to decode its result."""
    codec = CODECS.get(verb)
    if codec is None:
        return (verb, *args), None
    values = list(args)
    values[codec.index] = text(values[codec.index])
    return (run_decoded, verb, *values), codec.result


async def run_decoded(
    connection: Connection, verb: Callable[..., Any], *args: Any
) -> bytes:
    """Run a verb in the writer's process: its batch and its result are JSON."""
    codec = CODECS[verb]
    values = list(args)
    values[codec.index] = codec.batch(values[codec.index])
    return _encode(await verb(connection, *values))
