"""What is in MMS, row by row: octets are blobs, and no JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.inbound import MediaPart
from budstikke.domain.message import MmsContent
from budstikke.store.verbs.json_text import within_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from budstikke.store.contract import MediaRow

INSERT_MEDIA = """
INSERT INTO media (id, message_id, place, name, type, size, data)
VALUES (?, ?, ?, ?, ?, ?, ?)"""

PART = "SELECT name, type, data FROM media WHERE id = ?1"

CONTENT = "SELECT subject, text, files FROM mms WHERE message_id = ?1"

_files = msgspec.json.Decoder(tuple[tuple[str, str, bytes], ...]).decode


def store_media(
    connection: sqlite3.Connection, message_id: int, media: Iterable[MediaRow]
) -> None:
    """Store the parts of an MMS."""
    rows = [
        (row.id, message_id, row.place, row.name, row.type, len(row.data), row.data)
        for row in media
    ]
    connection.executemany(INSERT_MEDIA, rows)


def parts(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, MediaPart]:
    """Read parts of MMS."""
    found: dict[str, MediaPart] = {}
    for id_ in ids:
        row = connection.execute(PART, (id_,)).fetchone()
        if row is not None:
            found[id_] = MediaPart(*row)
    return found


def contents(
    connection: sqlite3.Connection, message_ids: Sequence[int]
) -> dict[int, MmsContent]:
    """Read what is in MMS that go out."""
    found: dict[int, MmsContent] = {}
    for message_id in message_ids:
        row = connection.execute(CONTENT, (within_id(message_id),)).fetchone()
        if row is not None:
            found[message_id] = MmsContent(row[0], row[1], _files(row[2]))
    return found
