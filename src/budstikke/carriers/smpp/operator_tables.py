"""
Tables in the settings of an SMPP carrier: what an operator's words and numbers mean.

TOML has only texts as keys, so these functions read the keys: names, decimal and
hexadecimal numbers. They raise ValueError with the name of the setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.smpp import status
from budstikke.smpp.receipt import MessageState

if TYPE_CHECKING:
    from budstikke.carriers.smpp.settings import Settings
    from budstikke.domain.receipt import Retry


def words(settings: Settings) -> dict[str, MessageState]:
    """Read ``receipt_words``; raises ValueError."""
    states = {each.name.lower(): each for each in MessageState}
    by_word = {}
    for word, name in settings.receipt_words.items():
        if name not in states:
            raise ValueError(f"receipt_words: {name!r} is none of {', '.join(states)}")
        by_word[word.upper()] = states[name]
    return by_word


def statuses(settings: Settings) -> dict[int, Retry]:
    """Read ``statuses``: names, decimal and hexadecimal; raises ValueError."""
    known = {name: value for value, name in status.NAMES.items()}
    return {
        known.get(key) or _integer(key, "statuses"): retry
        for key, retry in settings.statuses.items()
    }


def tlvs(settings: Settings) -> tuple[tuple[int, bytes], ...]:
    """Read ``tlvs``, hexadecimal both; raises ValueError."""
    parameters = []
    for tag, value in settings.tlvs.items():
        try:
            number, octets = int(tag, 16), bytes.fromhex(value)
        except ValueError as error:
            raise ValueError(f"tlvs: {tag!r} = {value!r} is not hex") from error
        if not 0 < number <= 0xFFFF:
            raise ValueError(f"tlvs: {tag!r} is no tag")
        parameters.append((number, octets))
    return tuple(parameters)


def data_codings(settings: Settings) -> dict[int, int]:
    """Read ``inbound_data_codings``; raises ValueError."""
    return {
        _integer(key, "inbound_data_codings"): value
        for key, value in settings.inbound_data_codings.items()
    }


def _integer(text: str, where: str) -> int:
    try:
        return int(text, 0)
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} is no number") from error
