"""Faults of the simulated SMPP operator that somebody switches on and off."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class Faults(Struct, kw_only=True, forbid_unknown_fields=True):
    """The faults; all are off at the start. They concern binds, no single number."""

    no_receipts: Annotated[
        bool, Meta(description="It delivers, but sends no delivery reports.")
    ] = False
    duplicates: Annotated[
        bool, Meta(description="It sends each delivery report twice.")
    ] = False
    throttle: Annotated[
        bool, Meta(description="It throttles every submit_sm (`ESME_RTHROTTLED`).")
    ] = False
    answer_delay: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds until it answers a submit_sm."),
    ] = 0.0
    receipt_id: Annotated[
        Literal["", "decimal", "hex", "padded"],
        Meta(description="Form of ids in delivery reports; empty: the setting's."),
    ] = ""
    half_open: Annotated[
        bool,
        Meta(
            description="Connections stay open, but nothing is read or written: a "
            "link that looks alive."
        ),
    ] = False
