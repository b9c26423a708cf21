"""What crosses between the gateway and its workers, beside plain calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from budstikke.flow.stage import StagedOrder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.config import Http
    from budstikke.domain.directory import Directory
    from budstikke.domain.staging import TextProfile


class CrossingOrder(msgspec.Struct, array_like=True):
    """
    An order that a worker has staged: its ids count from 0.

    ``lone``: it is for one recipient, so that its message has the order's id.
    """

    lone: bool
    staged: StagedOrder


encode_orders = msgspec.msgpack.Encoder().encode
decode_orders = msgspec.msgpack.Decoder(list[CrossingOrder]).decode


class Known(NamedTuple):
    """What a worker knows of the directory; ``profiles``: how carriers take texts."""

    directory: Directory
    profiles: Mapping[int, TextProfile]


def without_secrets(directory: Directory) -> Directory:
    """Leave out what no worker needs: how operators are logged in to."""
    carriers = {
        key: replace(entry, settings={}) for key, entry in directory.carriers.items()
    }
    return replace(directory, carriers=carriers)


class Begin(NamedTuple):
    """
    What a worker begins with.

    Attributes:
        http: Where and how requests are taken.
        log_level: Of log lines.
        node: This node's name, in log lines.
        known_only: Dialects whose look-ups are for known addresses alone.
        known: A pickle of ``Known``.
        offset: What is added to the counting clock to have Unix seconds.
        key: Of the shared counts.

    """

    http: Http
    log_level: str
    node: str
    known_only: frozenset[str]
    known: bytes
    offset: float
    key: bytes


class Place(NamedTuple):
    """
    A worker's place among the workers, given to it when it is started.

    Attributes:
        counts: Descriptor of the shared counts.
        rows: Workers that share them.
        row: Its own number, from 0.
        listeners: Descriptors of the sockets that it accepts from.

    """

    counts: int
    rows: int
    row: int
    listeners: tuple[int, ...]


encode_place = msgspec.json.Encoder().encode
decode_place = msgspec.json.Decoder(Place).decode


class Committed(NamedTuple):
    """What became of an order that crossed: its ids, and the store's verdict."""

    order_id: int
    first_id: int
    duplicates: list[int]
    no_credit: bool
    taken: bool
