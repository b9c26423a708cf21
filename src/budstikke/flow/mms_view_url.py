"""
Links to MMS, for phones that cannot show them.

A link is a medium of its message whose octets are the message's id; who knows the
medium's id may see the MMS as long as it is kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from budstikke.store.contract import MediaRow

if TYPE_CHECKING:
    from random import Random

    from budstikke.domain.message import MmsContent
    from budstikke.store.contract import Store

LINK = "{link}"
"""Stands in a fallback text for the link."""

LINK_TYPE = "application/vnd.budstikke.mms"

PAGES = "/m/"
"""What the path of a link begins with."""

TOKEN_DIGITS = 20

_is_token = re.compile(f"[0-9]{{{TOKEN_DIGITS}}}").fullmatch


def link_medium(message_id: int, random: Random) -> MediaRow:
    """Make a link to an MMS; ``random`` must be one that nobody can guess."""
    token = f"{random.randrange(10**TOKEN_DIGITS):0{TOKEN_DIGITS}}"
    return MediaRow(token, 1, "", LINK_TYPE, str(message_id).encode())


def path_of(medium: MediaRow) -> str:
    """Tell the path of a link."""
    return PAGES + medium.id


async def linked(token: str, store: Store) -> MmsContent | None:
    """Find the MMS that a link leads to; ``None``: none, or not any more."""
    if not _is_token(token):
        return None
    medium = (await store.media_parts([token])).get(token)
    if medium is None or medium.type != LINK_TYPE:
        return None
    message_id = int(medium.data)
    return (await store.mms_contents([message_id])).get(message_id)
