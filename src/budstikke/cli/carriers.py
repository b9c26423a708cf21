"""``budstikke carriers`` and ``budstikke carrier``: show and switch carriers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from budstikke.cli.context import actor, open_database, read_settings

if TYPE_CHECKING:
    import argparse

    from budstikke.cli.context import Add
    from budstikke.provisioning.carrier_switch import Shown

VERBS = {"pause": "paused", "resume": "on", "drain": "drained"}

HEADINGS = (
    *("carrier", "kind", "node", "state", "binds", "submits", "answers", "refused"),
    *("throttled", "unsure", "receipts", "per submit", "answer s", "receipt s", "ids"),
)


def add_commands(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the commands; returns those that read settings."""
    listing = add("carriers", _list, "Show how the carriers are, on each node.")
    switch = add("carrier", _switch, "Pause, resume or drain a carrier on all nodes.")
    switch.add_argument("verb", choices=tuple(VERBS), help="what to do")
    switch.add_argument("name", metavar="NAME", help="the carrier")
    return listing, switch


def _switch(args: argparse.Namespace) -> int:
    """Switch a carrier."""
    from budstikke.domain.directory import Switch
    from budstikke.provisioning.carrier_switch import switch_carrier

    switch = Switch(VERBS[args.verb])
    with open_database(read_settings(args)) as engine:
        changed = switch_carrier(
            engine, args.name, switch, actor=actor(), now=time.time()
        )
    print(f"{args.name}: {switch.value}{'' if changed else ' already'}")
    return 0


def _list(args: argparse.Namespace) -> int:
    """Show all carriers, and below them their alarms."""
    from budstikke.provisioning.carrier_switch import list_carriers

    with open_database(read_settings(args)) as engine:
        carriers = list_carriers(engine, time.time())
    rows = [HEADINGS, *map(_row, carriers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    for each in carriers:
        if each.status.get("alarm"):
            print(f"{each.name}: {each.status['alarm']}")
    return 0


def _row(carrier: Shown) -> tuple[str, ...]:
    """Write a row of the table."""
    said = carrier.status
    state = carrier.switch if carrier.switch != "on" else "no node"
    first = (carrier.name, carrier.kind, carrier.node or "-")
    if carrier.kind != "smpp" or not said:
        return (*first, str(said.get("state", state)), *("-",) * (len(HEADINGS) - 4))
    submits, receipts = int(said.get("submits", 0)), int(said.get("receipts", 0))
    counts = ("binds", "submits", "answers", "refused", "throttled", "unsure")
    return (
        *first,
        str(said["state"]),
        *(str(said.get(name, 0)) for name in counts),
        str(receipts),
        f"{receipts / submits:.0%}" if submits else "-",
        *(str(said.get(name, "-")) for name in ("answer_delay", "receipt_delay")),
        str(said.get("ids", "-")),
    )
