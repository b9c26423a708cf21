"""The entries of ``budstikke apply``'s file about numbers that phones write to."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from budstikke.provisioning.apply_values import (
    NOTHING,
    SAID,
    Digits,
    Name,
    Remove,
    Said,
    Url,
)

AccessName = Annotated[
    Name | None,
    Meta(
        description="Which of the account's accesses gets the messages: its dialect, "
        "or `dialect:id`; without: the only one."
    ),
]
Place = Annotated[
    Url, Meta(description="Where they are told; empty: where the access's are.")
]
Word = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z")]


class NumberEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[number]]``: a number that is no single account's."""

    said: Said = field(default=NOTHING, name=SAID)
    value: Annotated[
        Digits, Meta(description="Digits, or `+` and digits; of a series its first.")
    ]
    kind: Annotated[
        Literal["shared", "owned", "series"],
        Meta(
            description="`shared`: many accounts have keywords on it. `owned`, "
            "`series`: kept in stock until an account gets it."
        ),
    ] = "shared"
    remove: Annotated[
        bool, Meta(description="Take it away, with the keywords on it.")
    ] = False

    @property
    def key(self) -> str:
        """Digits."""
        return self.value.removeprefix("+")


class OwnNumberEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.number]]``: a number whose messages are all the account's."""

    said: Said = field(default=NOTHING, name=SAID)
    value: Annotated[Digits, Meta(description="Digits, or `+` and digits.")]
    access: AccessName = None
    url: Place = ""
    remove: Remove = False

    @property
    def key(self) -> str:
        """Digits."""
        return self.value.removeprefix("+")


class SeriesEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.series]]``: numbers of 14 digits that begin alike."""

    said: Said = field(default=NOTHING, name=SAID)
    prefix: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{5,13}\Z")],
        Meta(description="What they begin with: `26114123`."),
    ]
    access: AccessName = None
    url: Place = ""
    remove: Remove = False

    @property
    def key(self) -> str:
        """Digits."""
        return self.prefix


class KeywordEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """``[[account.keyword]]``: a word on a shared number."""

    said: Said = field(default=NOTHING, name=SAID)
    number: Annotated[Digits, Meta(description="The shared number.")]
    word: Annotated[
        Word,
        Meta(
            description="As it is reported: one or more words. Empty: what no other "
            "keyword takes."
        ),
    ]
    aliases: Annotated[
        list[Annotated[Word, Meta(min_length=1)]],
        Meta(description="Other spellings; capitals make no difference anyway."),
    ] = []
    access: AccessName = None
    url: Place = ""
    receipt: Annotated[
        Annotated[str, Meta(max_length=1530)],
        Meta(
            description="What is sent back. `%HTTP_PUSH_RESPONSE%` in it stands for "
            "what your server answers. Empty: nothing."
        ),
    ] = ""
    remove: Remove = False

    @property
    def key(self) -> tuple[str, str]:
        """Digits of its number, and the word."""
        return self.number.removeprefix("+"), " ".join(self.word.split())


def number_label(value: str) -> str:
    """Name a number in messages."""
    return f"number {value}"


def keyword_label(key: tuple[str, str]) -> str:
    """Name a keyword in messages."""
    return f"keyword {key[1] or '(default)'} on {key[0]}"
