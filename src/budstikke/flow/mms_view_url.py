"""
Web links to MMS, for phones that cannot show them.

A link is a media row of its message with the message's id as content; who knows the
row's id may see the MMS as long as it is stored.
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
"""The placeholder for the URL in a fallback text."""

LINK_TYPE = "application/vnd.budstikke.mms"

PAGES = "/m/"
"""The path of the page, before the id of the MMS."""

TOKEN_DIGITS = 20

_is_token = re.compile(f"[0-9]{{{TOKEN_DIGITS}}}").fullmatch


def link_medium(message_id: int, random: Random) -> MediaRow:
    """Make the row of an MMS's page; ``random`` must be cryptographically secure."""
    token = f"{random.randrange(10**TOKEN_DIGITS):0{TOKEN_DIGITS}}"
    return MediaRow(token, 1, "", LINK_TYPE, str(message_id).encode())


def path_of(medium: MediaRow) -> str:
    """Make the path of an MMS's page."""
    return PAGES + medium.id


async def linked(token: str, store: Store) -> MmsContent | None:
    """Find the MMS of a page; ``None``: it does not exist, or no longer."""
    if not _is_token(token):
        return None
    medium = (await store.media_parts([token])).get(token)
    if medium is None or medium.type != LINK_TYPE:
        return None
    message_id = int(medium.data)
    return (await store.mms_contents([message_id])).get(message_id)
