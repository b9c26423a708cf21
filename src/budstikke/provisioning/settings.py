"""The settings of accesses and carriers: those of their dialect, or kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from budstikke.provisioning.resource import ALL
from budstikke.provisioning.words import closest, in_words, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from budstikke.provisioning.resource import Said


def kind_faults(
    key: str, kind: str, kinds: Mapping[str, type[Struct]]
) -> Iterator[str]:
    """Refuse a dialect, or a kind of carrier, that there is not."""
    if kind not in kinds:
        known = ", ".join(sorted(kinds))
        yield f"{key}: there is no {kind!r}, only {known}{closest(kind, kinds)}"


def given_faults(
    settings: Mapping[str, Any], kind: type[Struct] | None
) -> Iterator[str]:
    """Look at each setting by itself: what is left out may be there already."""
    if kind is None:
        return
    fields = {field.encode_name: field for field in structs.fields(kind)}
    for key, value in settings.items():
        if key not in fields:
            yield f"settings: {unknown(key, fields)}"
            continue
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            place, what = in_words(error, fields[key].type, value)
            yield f"settings: {key}: {place}{': ' if place else ''}{what}"


def whole_faults(
    settings: Mapping[str, Any], kind: type[Struct] | None
) -> Iterator[str]:
    """Refuse settings that do not go together, or lack one."""
    if kind is None:
        return
    try:
        msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        place, what = in_words(error, kind)
        yield f"settings: {place}{': ' if place else ''}{what}"


def merged(there: Mapping[str, Any], given: Mapping[str, Any], said: Said) -> Any:
    """Put what is given over what is there, but for what is reset; as JSON has it."""
    kept = {
        key: value
        for key, value in there.items()
        if ALL not in said.reset and key not in said.reset
    }
    # TOML has dates
    return msgspec.json.decode(msgspec.json.encode({**kept, **given}))
