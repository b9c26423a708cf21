"""Renders templates: texts, times, and what every page has."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from budstikke.console.texts import NAMES, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2

MONTHS = tuple(
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - it reads better
)


@cache
def environment() -> jinja2.Environment:
    """Make the environment; values are escaped, and a missing one is an error."""
    # A gateway whose console nobody opens starts without it.
    import jinja2  # noqa: PLC0415 - see above

    return jinja2.Environment(
        loader=jinja2.PackageLoader("budstikke.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def render(template: str, language: str, zone: str, values: dict[str, Any]) -> str:
    """Render a page in a language, with times of a zone."""
    return (
        environment()
        .get_template(template)
        .render(
            t=translator(language),
            when=lambda at: time_text(at, language, zone),
            language=language,
            languages=NAMES,
            zone=zone,
            **values,
        )
    )


def translator(language: str) -> Callable[..., str]:
    """
    Return the function that templates call for a text.

    It returns markup: our own texts, with values that it escapes.
    """
    from jinja2.filters import do_mark_safe  # noqa: PLC0415 - as above

    known = texts(language)

    def translate(key: str, **values: object) -> str:
        """Find a text, and put escaped values into it; raises KeyError."""
        return do_mark_safe(known[key]).format(**values)

    return translate


def plain_text(language: str, key: str, **values: object) -> str:
    """Find a text for a mail, which is not HTML."""
    return texts(language)[key].format(**values)


def time_text(at: float, language: str, zone: str) -> str:
    """Write a time as the language does; ``at``: Unix seconds."""
    time = datetime.fromtimestamp(at, zone_of(zone))
    if language == "nb":
        return f"{time:%d.%m.%Y kl. %H.%M.%S}"
    if language == "sv":
        return f"{time:%Y-%m-%d %H:%M:%S}"
    return f"{time.day} {MONTHS[time.month - 1]} {time:%Y, %H:%M:%S}"


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; UTC if the machine no longer knows it."""
    return ZoneInfo(name if name in zones() else "UTC")


@cache
def zones() -> tuple[str, ...]:
    """List the time zones that people choose from."""
    return (*sorted(name for name in available_timezones() if "/" in name), "UTC")
