"""Settings of the number directory."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Directory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where names and addresses of subscribers are looked up."""

    kind: Annotated[
        Literal["", "table", "http"],
        Meta(
            description="`table`: what `budstikke directory import` wrote; `http`: a "
            "URL is asked. Empty: numbers are not looked up."
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(
            description="For `http`: in it `{number}` stands for the number with `+` "
            "and country code (escaped), `{digits}` for the same without `+`."
        ),
    ] = ""
    header: Annotated[
        str, Meta(description="Header that a key is sent in. Empty: there is none.")
    ] = ""
    key: Annotated[
        str, Meta(description="A secret: give it as `BUDSTIKKE_DIRECTORY__KEY`.")
    ] = ""
    name: Annotated[
        str,
        Meta(
            min_length=1,
            description="Key of the name in the answer, which is JSON; points lead "
            "into it: `hits.0.name`.",
        ),
    ] = "name"
    address: Annotated[
        str, Meta(min_length=1, description="Key of the address, likewise.")
    ] = "address"
    timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=4,
            description="Longest wait, seconds; then a push goes out without.",
        ),
    ] = 2.0
    keep_seconds: Annotated[
        float, Meta(ge=0, description="How long an answer is remembered, seconds.")
    ] = 3600.0
    keep_numbers: Annotated[
        int, Meta(ge=1, le=10_000_000, description="How many answers are remembered.")
    ] = 100_000

    def __post_init__(self) -> None:
        """Refuse a URL that says no number, and half a key."""
        if self.kind == "http":
            if not self.url.startswith(("https://", "http://")):
                raise ValueError("url: must begin with https:// or http://")
            if "{number}" not in self.url and "{digits}" not in self.url:
                raise ValueError("url: has neither {number} nor {digits}")
        if bool(self.header) != bool(self.key):
            raise ValueError("header and key are given together or not at all")

    @property
    def headers(self) -> dict[str, str]:
        """What each request has."""
        return {self.header: self.key} if self.header else {}
