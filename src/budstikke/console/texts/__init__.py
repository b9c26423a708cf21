"""
The words of the pages, in three languages: a TOML file for each.

A text may have ``{name}`` for a value, which the page escapes. Translators need no
tool: the gateway reads the files when it renders its first page.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from budstikke.domain.user import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = {"nb": "Norsk", "sv": "Svenska", "en": "English"}
"""Languages, each in its own."""


@cache
def texts(language: str) -> Mapping[str, str]:
    """Read the texts of a language, by ``section.key``."""
    file = resources.files(__name__).joinpath(f"{language}.toml")
    sections = tomllib.loads(file.read_text("utf-8"))
    return {
        f"{section}.{key}": text
        for section, lines in sections.items()
        for key, text in lines.items()
    }


def choose_language(wanted: str, accepted: str) -> str:
    """
    Choose a language.

    Args:
        wanted: What the visitor chose; empty: nothing.
        accepted: The header Accept-Language, whose order counts.

    """
    if wanted in LANGUAGES:
        return wanted
    for item in accepted.split(","):
        code = item.partition(";")[0].strip().lower().partition("-")[0]
        code = "nb" if code in ("no", "nn") else code
        if code in LANGUAGES:
            return code
    return "en"
