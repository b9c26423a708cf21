"""Contents of MMS, row by row: octets are blobs, which JSON cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.inbound import MediaPart
from budstikke.domain.message import MmsContent
from budstikke.store.verbs.json_text import within_id
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.store.contract import MediaRow
    from budstikke.store.verbs.connection import Connection

INSERT_MEDIA = statement("""
INSERT INTO media (id, message_id, place, name, type, size, data)
VALUES ($1, $2, $3, $4, $5, $6, $7)""")

PART = statement("SELECT name, type, data FROM media WHERE id = $1")

CONTENT = statement("SELECT subject, text, files FROM mms WHERE message_id = $1")

_files = msgspec.json.Decoder(tuple[tuple[str, str, bytes], ...]).decode


async def store_media(
    connection: Connection, message_id: int, media: Iterable[MediaRow]
) -> None:
    """Store the files of an MMS."""
    for row in media:
        values = (row.id, message_id, row.place, row.name, row.type)
        await connection.execute(INSERT_MEDIA, *values, len(row.data), row.data)


async def read_parts(
    connection: Connection, ids: Sequence[str]
) -> dict[str, MediaPart]:
    """Read files of MMS, except those that were deleted."""
    parts: dict[str, MediaPart] = {}
    for id_ in ids:
        row = await connection.row(PART, id_)
        if row is not None:
            parts[id_] = MediaPart(*row)
    return parts


async def read_contents(
    connection: Connection, message_ids: Sequence[int]
) -> dict[int, MmsContent]:
    """Read contents of outbound MMS, except those that were deleted."""
    contents: dict[int, MmsContent] = {}
    for message_id in message_ids:
        row = await connection.row(CONTENT, within_id(message_id))
        if row is not None:
            contents[message_id] = MmsContent(row[0], row[1], _files(row[2]))
    return contents
