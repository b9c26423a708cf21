"""
SMPP for customers: programs that bind to this gateway as to an operator.

``request`` makes an order of a submit_sm and its kind, ``operations`` reads and answers
the others, ``statuses`` has the command_status of each refusal, ``submission`` is what
a delivery report needs of its message, and ``settings`` are those of one system_id.
``servers.smpp`` has the connections.
"""

from __future__ import annotations

from typing import Final

from budstikke.dialects.smpp.settings import Settings

NAME: Final = "smpp"


class Smpp:
    """The SMPP dialect; see docs/dialects/smpp.md."""

    name: str = NAME
    settings: type[Settings] = Settings
