"""The settings of accesses and carriers, by their dialect or kind."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, structs

from budstikke.provisioning.resource import ALL
from budstikke.provisioning.words import closest, in_words, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from budstikke.provisioning.resource import Given


def kind_faults(
    key: str, kind: str, kinds: Mapping[str, type[Struct]]
) -> Iterator[str]:
    """Refuse an unknown dialect or kind of carrier."""
    if kind not in kinds:
        known = ", ".join(sorted(kinds))
        yield f"{key}: there is no {kind!r}, only {known}{closest(kind, kinds)}"


FROM_ENVIRONMENT = "_env"
"""End of a key whose value names the variable, or variables, with a setting."""


def fill_from_environment(
    settings: dict[str, Any],
    kind: type[Struct] | None,
    environ: Mapping[str, str],
) -> Iterator[str]:
    """
    Replace ``NAME_env`` by the setting ``NAME`` from the environment.

    Its value is the name of a variable, or a list of names for a list of texts. If the
    dialect or kind has no setting ``NAME``, the key stays, and is refused as unknown.
    """
    fields = None if kind is None else _types(kind)
    for key in [key for key in settings if key.endswith(FROM_ENVIRONMENT)]:
        name = key.removesuffix(FROM_ENVIRONMENT)
        if fields is not None and name not in fields:
            continue
        given = settings.pop(key)
        names = given if isinstance(given, list) else [given]
        if name in settings:
            yield f"settings: give {name} or {key}, not both"
        elif not all(isinstance(each, str) for each in names):
            yield f"settings: {key}: expected the name of a variable, or a list of them"
        elif missing := [each for each in names if not environ.get(each)]:
            verb = "is" if len(missing) == 1 else "are"
            yield f"settings: {key}: {', '.join(missing)} {verb} not set"
        else:
            values = [environ[each] for each in names]
            settings[name] = values if isinstance(given, list) else values[0]


@cache
def _types(kind: type[Struct]) -> Mapping[str, Any]:
    return {field.encode_name: field.type for field in structs.fields(kind)}


def given_faults(
    settings: Mapping[str, Any], kind: type[Struct] | None
) -> Iterator[str]:
    """Check each setting alone: the stored ones may complete them."""
    if kind is None:
        return
    types = _types(kind)
    for key, value in settings.items():
        if key not in types:
            yield f"settings: {unknown(key, types)}"
            continue
        try:
            msgspec.convert(value, types[key])
        except msgspec.ValidationError as error:
            place, what = in_words(error, types[key], value)
            yield f"settings: {key}: {place}{': ' if place else ''}{what}"


def whole_faults(
    settings: Mapping[str, Any], kind: type[Struct] | None
) -> Iterator[str]:
    """Check settings together: contradictions, and missing ones."""
    if kind is None:
        return
    try:
        msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        place, what = in_words(error, kind)
        yield f"settings: {place}{': ' if place else ''}{what}"


def merged(
    stored: Mapping[str, object], settings: Mapping[str, object], given: Given
) -> dict[str, object]:
    """Merge an entry's settings into the stored ones, without those that it resets."""
    kept = {
        key: value
        for key, value in stored.items()
        if ALL not in given.reset and key not in given.reset
    }
    # JSON has no dates, as TOML has.
    encoded = msgspec.json.encode({**kept, **settings})
    return msgspec.json.decode(encoded, type=dict[str, object])
