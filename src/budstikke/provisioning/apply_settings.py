"""The settings of accesses and carriers in ``apply``'s file: those of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct, structs

from budstikke.provisioning.apply_parse import closest, meant, unknown
from budstikke.provisioning.apply_values import ALL, ApplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.provisioning.apply_values import Said

Given = TypeVar("Given")


def check_kind(
    label: str, key: str, kind: str, kinds: Mapping[str, type[Struct]]
) -> None:
    """Refuse a dialect, or a kind of carrier, that there is not."""
    if kind not in kinds:
        known = ", ".join(sorted(kinds))
        hint = closest(kind, kinds)
        raise ApplyError(f"{label}: {key}: there is no {kind!r}, only {known}{hint}")


def check_given(label: str, settings: Mapping[str, Any], kind: type[Struct]) -> None:
    """
    Look at each setting by itself: what is left out may be there already.

    Raises ApplyError with all that is wrong, a line each.
    """
    fields = {field.encode_name: field for field in structs.fields(kind)}
    faults = []
    for key, value in settings.items():
        if key not in fields:
            faults.append(f"{label}: settings: {unknown(key, fields)}")
            continue
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            what = f"{_placed(str(error))}{meant(value, fields[key].type)}"
            faults.append(f"{label}: settings: {key}: {what}")
    if faults:
        raise ApplyError("\n".join(faults))


def check_whole(label: str, settings: Mapping[str, Any], kind: type[Struct]) -> None:
    """Refuse settings that do not go together, or lack one; raises ApplyError."""
    try:
        msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise ApplyError(f"{label}: settings: {_placed(str(error))}") from error


def merged(there: Mapping[str, Any], given: Mapping[str, Any], said: Said) -> Any:
    """Put what is given over what is there, but for what is reset; as JSON has it."""
    kept = {
        key: value
        for key, value in there.items()
        if ALL not in said.reset and key not in said.reset
    }
    # TOML has dates
    return msgspec.json.decode(msgspec.json.encode({**kept, **given}))


def _placed(fault: str) -> str:
    """Write a fault of msgspec's with its place first."""
    what, _, path = fault.partition(" - at `$")
    what = what[:1].lower() + what[1:]
    where = path.removesuffix("`").removeprefix(".")
    return f"{where}: {what}" if where else what


def check_valid(label: str, read: Callable[[Given], object], value: Given) -> None:
    """Refuse what cannot be read; raises ApplyError."""
    try:
        read(value)
    except ValueError as error:
        raise ApplyError(f"{label}: {error}") from error
