"""Settings of the number directory."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Directory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway looks up names and addresses of subscribers."""

    kind: Annotated[
        Literal["", "table", "http"],
        Meta(
            description="Where to look up the name and address of a phone's owner. "
            "`table`: in what `budstikke directory import` imported; `http`: at a "
            "URL. Empty: nowhere."
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(
            description="The URL for `http`. `{number}` in it stands for the phone "
            "number with `+` and country code (percent-encoded), `{digits}` for the "
            "same without `+`."
        ),
    ] = ""
    header: Annotated[
        str,
        Meta(
            description="Name of the HTTP header for an API key. Empty: the gateway "
            "sends no key."
        ),
    ] = ""
    key: Annotated[
        str,
        Meta(
            description="The API key. Set it in the environment, as "
            "`BUDSTIKKE_DIRECTORY__KEY`."
        ),
    ] = ""
    name: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where the name is in the answer, which is JSON: keys and "
            "positions, separated by dots, such as `hits.0.name`.",
        ),
    ] = "name"
    address: Annotated[
        str,
        Meta(min_length=1, description="Where the address is, in the same form."),
    ] = "address"
    timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=4,
            description="Seconds to wait for an answer. Then the gateway sends the "
            "callback without name and address.",
        ),
    ] = 2.0
    keep_seconds: Annotated[
        float,
        Meta(ge=0, description="Seconds for which the gateway remembers an answer."),
    ] = 3600.0
    keep_numbers: Annotated[
        int,
        Meta(ge=1, le=10_000_000, description="Answers that the gateway remembers."),
    ] = 100_000

    def __post_init__(self) -> None:
        """Refuse a URL without a number in it, and a header or key alone."""
        if self.kind == "http":
            if not self.url.startswith(("https://", "http://")):
                raise ValueError("url: must begin with https:// or http://")
            if "{number}" not in self.url and "{digits}" not in self.url:
                raise ValueError("url: has neither {number} nor {digits}")
        if bool(self.header) != bool(self.key):
            raise ValueError("header and key are given together or not at all")

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request."""
        return {self.header: self.key} if self.header else {}
