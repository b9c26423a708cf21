"""``budstikke trace`` and ``orphans``: what happened to messages, and lost reports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from budstikke.cli.context import carrier_kinds, dialect_settings, read_settings
from budstikke.cli.inbound import row_id

if TYPE_CHECKING:
    import argparse

    from budstikke.cli.context import Add
    from budstikke.domain.directory import Directory
    from budstikke.domain.orphan import Candidate, Orphan
    from budstikke.domain.timeline import Timeline
    from budstikke.domain.trace import Trace

MESSAGES = 5
"""Messages that ``trace`` shows by default."""

ORPHANS = 50
"""Orphans that ``orphans`` shows by default."""


def add_commands(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the commands; returns them."""
    trace = add("trace", _trace, "Show everything that happened to a message.")
    trace.add_argument("id", type=row_id, nargs="?", metavar="ID", help="its id")
    trace.add_argument(
        "--ref", metavar="REF", help="messages with this reference; needs --account"
    )
    trace.add_argument(
        "--to", metavar="NUMBER", help="messages to this phone, newest first"
    )
    trace.add_argument(
        "--account", default="", metavar="NAME", help="only messages of this account"
    )
    trace.add_argument(
        "--show-text",
        action="store_true",
        help="show the texts of accounts whose privacy is full",
    )
    orphans = add(
        "orphans",
        _orphans,
        "Show delivery reports that match no message, newest first.",
    )
    for command, count in ((trace, MESSAGES), (orphans, ORPHANS)):
        what = f"show at most N ({count})"
        command.add_argument("--limit", type=int, default=count, metavar="N", help=what)
        command.add_argument("--json", action="store_true", help="print JSON lines")
    return trace, orphans


def _trace(args: argparse.Namespace) -> int:
    """Show the timelines of messages; exit code 1: there is none."""
    from budstikke.domain.trace import for_administrator
    from budstikke.store.directory import directory_of
    from budstikke.store.one_read import read_once
    from budstikke.store.schema_check import check
    from budstikke.store.verbs.trace import read_trace

    url = read_settings(args).database_url
    check(url)
    directory = directory_of(url, dialect_settings())
    shown = 0
    for message_id in _ids(args, url):
        trace = read_once(url, read_trace, message_id, None)
        if trace is None:
            continue
        trace = for_administrator(_with_rule(trace, directory))
        if not args.json and shown:
            print()
        _print(trace, args)
        shown += 1
    if not shown:
        print("no such message", file=sys.stderr)
    return 0 if shown else 1


def _ids(args: argparse.Namespace, url: str) -> tuple[int, ...]:
    """Find the messages that the options name; raises AdminError."""
    from budstikke.domain.number import international
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.one_read import read_once
    from budstikke.store.verbs.trace_search import find_by_recipient, find_by_ref

    if sum(each is not None for each in (args.id, args.ref, args.to)) != 1:
        raise AdminError("give one of ID, --ref and --to")
    if args.id is not None:
        return (args.id,)
    limit = _limit(args)
    if args.ref is not None:
        if not args.account:
            raise AdminError("--ref needs --account: references are an account's own")
        found = read_once(url, find_by_ref, args.account, args.ref, limit)
    else:
        number = international(args.to, "NO")
        if number is None:
            raise AdminError(f"not a phone number: {args.to}")
        found = read_once(url, find_by_recipient, args.account, number, limit)
    if found is None:
        raise AdminError(f"there is no account {args.account}")
    if found.before is not None and len(found.ids) < limit:
        print(
            f"messages from before {_time(found.before)} were not searched",
            file=sys.stderr,
        )
    return found.ids


def _limit(args: argparse.Namespace) -> int:
    limit: int = args.limit
    return min(max(limit, 1), 10_000)


def _with_rule(trace: Trace, directory: Directory) -> Trace:
    """Add the route that the message takes by the rules as they are now."""
    import msgspec

    from budstikke.domain.directory import sorted_by_kind
    from budstikke.domain.queries import RouteTest
    from budstikke.domain.refusal import Refusal
    from budstikke.flow.route_dry_run import dry_run

    message = trace.message
    accounts = {a.account.id: a.account for a in directory.accesses.values()}
    account = accounts.get(message.account_id)
    if account is None or not message.recipient:
        return trace
    due = message.accepted_at if message.send_at is None else message.send_at
    query = RouteTest(message.recipient, message.originator, message.kind, due)
    try:
        found = dry_run(query, account, sorted_by_kind(directory, carrier_kinds()), due)
    except Refusal:
        return trace
    return msgspec.structs.replace(trace, rule=found.rule, carriers=found.carriers)


def _print(trace: Trace, args: argparse.Namespace) -> None:
    from budstikke.domain.timeline import timeline

    line = timeline(trace)
    if args.json:
        _print_json(trace, line, text=args.show_text)
        return
    message = trace.message
    text = message.text if args.show_text else None
    head = (
        f"message {message.id}",
        message.account,
        f"{message.originator} -> {message.recipient or '(deleted)'}",
        message.state.value,
        _plain(text) if text else "",
    )
    print("  ".join(filter(None, head)))
    width = max(len(entry.kind) for entry in line.entries)
    for entry in line.entries:
        print(f"  {_time(entry.at)}  {entry.kind:<{width}}  {_plain(entry.what)}")
    if line.omitted:
        print(f"  ({line.omitted} entries in the middle are left out)")


def _print_json(trace: Trace, line: Timeline, *, text: bool) -> None:
    import msgspec

    message = trace.message
    shown: dict[str, object] = {
        "id": message.id,
        "account": message.account,
        "state": message.state.value,
        "entries": msgspec.to_builtins(line.entries),
        "omitted": line.omitted,
    }
    if text and message.text is not None:
        shown["text"] = message.text
    print(msgspec.json.encode(shown).decode())


def _orphans(args: argparse.Namespace) -> int:
    """Show orphans, newest first, each with its probable message."""
    from budstikke.domain.orphan import likeliest
    from budstikke.store.one_read import read_once
    from budstikke.store.schema_check import check
    from budstikke.store.verbs.trace_search import list_orphans

    url = read_settings(args).database_url
    check(url)
    orphans, candidates = read_once(url, list_orphans, _limit(args))
    for orphan in orphans:
        _print_orphan(orphan, likeliest(orphan, candidates), as_json=args.json)
    return 0


def _print_orphan(orphan: Orphan, likely: Candidate | None, *, as_json: bool) -> None:
    import msgspec

    from budstikke.domain.trace import masked_number

    if likely is None or likely.privacy != "full":
        recipient = masked_number(orphan.recipient)
        orphan = msgspec.structs.replace(orphan, recipient=recipient)
    if as_json:
        shown = msgspec.to_builtins(orphan)
        shown["message"] = None if likely is None else likely.message_id
        print(msgspec.json.encode(shown).decode())
        return
    about = "no likely message"
    if likely is not None:
        about = f"probably message {likely.message_id} of {likely.account}"
        about += f" ({likely.state}, id {likely.smsc_id or 'none'})"
    words = f"{orphan.state} ({orphan.raw})" if orphan.raw else orphan.state
    way = f"{orphan.carrier} id {orphan.smsc_id}  {orphan.recipient}"
    print(_plain(f"{_time(orphan.came_at)}  {way}  {words}  {about}"))


def _time(at: float) -> str:
    from budstikke.domain.cet import to_zone

    when = to_zone(at)
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03} {when:%Z}"


def _plain(text: str) -> str:
    """Remove control characters: operators and customers wrote it."""
    return "".join(c if c.isprintable() else " " for c in text)
