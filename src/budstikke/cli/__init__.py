"""The command line: what each command needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from budstikke import __version__, config, log
from budstikke.cli import (
    carriers,
    clock,
    directory,
    inbound,
    money,
    move,
    route,
    trace,
    user,
)
from budstikke.cli.context import (
    actor,
    carrier_settings,
    dialect_settings,
    open_database,
    read_settings,
)
from budstikke.config.addresses import host_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.cli.context import Add

    Command = Callable[[argparse.Namespace], int]

USAGE = 2
"""Exit code for wrong usage, settings or input files."""

FAILED = 1
"""Exit code for every other failure, and for faults that ``doctor`` finds."""

WAIT = 30.0
"""Seconds that ``doctor --to`` waits for the delivery report."""

BROKEN_PIPE = 141
"""Exit code when the reader of our output has gone, as a shell reports SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = parser().parse_args(arguments)
    command: Command = args.command
    try:
        code = command(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        exit_code = _exit_code(error)
        if exit_code is None:
            raise
        code = exit_code
        lines = str(error).splitlines() or [type(error).__name__]
        for line in lines if code == USAGE else lines[:1]:
            print(f"budstikke: {line}", file=sys.stderr)
    return code


def _exit_code(error: Exception) -> int | None:
    """Choose the exit code for a failure; ``None``: it is a bug, show a traceback."""
    from sqlalchemy.exc import SQLAlchemyError

    from budstikke.provisioning.acts import AdminError
    from budstikke.provisioning.values import ApplyError
    from budstikke.store.contract import StoreUnavailable
    from budstikke.store.move import MoveError
    from budstikke.store.schema_check import SchemaError

    if isinstance(error, config.ConfigError | ApplyError | AdminError):
        return USAGE
    in_the_way = SchemaError | MoveError | StoreUnavailable | SQLAlchemyError | OSError
    if isinstance(error, in_the_way):
        return FAILED
    return None


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    top = argparse.ArgumentParser(
        prog="budstikke", description="An SMS and MMS gateway."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command, what: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what)
        added.set_defaults(command=command)
        return added

    _add_demo(add("demo", _demo, "Run a gateway with a simulator and demo accounts."))
    serve = add("serve", _serve, "Run a gateway.")
    serve.add_argument(
        "--roles",
        type=_roles,
        metavar="ROLE,…",
        help="http, send, notify, schedule (default: the setting roles)",
    )
    file = add("apply", _apply, "Change the database to what a TOML file says.")
    file.add_argument("file", type=Path, metavar="FILE")
    file.add_argument("--dry-run", action="store_true", help="only show the changes")
    migrate = add("migrate", _migrate, "Create the database, or upgrade its schema.")
    doctor = _add_doctor(
        add("doctor", _doctor, "Check the whole installation, and show what is wrong.")
    )
    with_settings = (serve, file, migrate, doctor, *_add_others(add))
    for each in with_settings:
        each.add_argument("--config", type=Path, metavar="FILE", help=CONFIG_HELP)

    _add_simulator(add("simulator", _simulator, "Run the simulated operator alone."))
    add("secret", _secret, "Print a new API secret of 256 random bits.")
    return top


def _add_others(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the commands of other modules; returns those that read settings."""
    return (
        *carriers.add_commands(add),
        *money.add_commands(add),
        *(directory.add_commands(add), route.add_commands(add)),
        *(*inbound.add_commands(add), *trace.add_commands(add)),
        *user.add_commands(add),
        *(*move.add_commands(add), clock.add_commands(add)),
    )


def _add_doctor(doctor: argparse.ArgumentParser) -> argparse.ArgumentParser:
    what = "connect to operators, but do not bind"
    doctor.add_argument("--no-bind", dest="bind", action="store_false", help=what)
    what = "only talk to this carrier's operator, and say what it answers"
    doctor.add_argument("--carrier", metavar="NAME", help=what)
    what = "with --carrier: send a test message to this phone (+47…)"
    doctor.add_argument("--to", metavar="NUMBER", help=what)
    what = "sender of the test message (Budstikke)"
    doctor.add_argument("--from", dest="sender", default="Budstikke", help=what)
    return doctor


def _add_simulator(simulator: argparse.ArgumentParser) -> None:
    for option, needed, what in (
        ("--listen", True, "address for SMPP binds"),
        ("--http", False, "address for the pages and the HTTP API of its phones"),
    ):
        simulator.add_argument(
            option, type=_address, metavar="HOST:PORT", required=needed, help=what
        )


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--port", type=_port, help="HTTP port (8080); 0: any free one")
    demo.add_argument("--smpp-port", type=_port, help="SMPP port (2775)")
    where = "folder for the database (default: a temporary one)"
    demo.add_argument("--data", type=Path, metavar="DIR", help=where)
    demo.add_argument(
        "--callbacks",
        type=_url,
        default="",
        metavar="URL",
        help="send callbacks to URL/DIALECT/status, …/inbound and …/reply",
    )


CONFIG_HELP = (
    "settings file (default: the file that the variable BUDSTIKKE_CONFIG names, or "
    "budstikke.toml in this folder)"
)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"no such port: {text}")
    return number


def _address(text: str) -> str:
    try:
        host_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in text.split(","))
    for role in roles:
        if role not in config.ROLES:
            known = ", ".join(config.ROLES)
            raise argparse.ArgumentTypeError(f"no role {role!r}: one of {known}")
    return roles


def _url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#]+(/[!-~]*)?", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"not an http or https URL: {text}")
    return text.rstrip("/")


def _demo(args: argparse.Namespace) -> int:
    from budstikke import app

    return app.demo(
        port=args.port,
        smpp_port=args.smpp_port,
        data=args.data,
        environ=os.environ,
        callbacks=args.callbacks,
    )


def _serve(args: argparse.Namespace) -> int:
    settings = read_settings(args, args.roles)
    from budstikke import app

    return app.serve(settings)


def _simulator(args: argparse.Namespace) -> int:
    from budstikke import app

    log.configure("warning")
    return app.simulator(listen=args.listen, http=args.http)


def _migrate(args: argparse.Namespace) -> int:
    settings = read_settings(args)
    from budstikke.store.migrate import migrate

    done = migrate(settings.database_url)
    print(f"{settings.database_name}: {', '.join(done) or 'nothing to do'}")
    return 0


def _secret(_args: argparse.Namespace) -> int:
    from budstikke.servers.auth import new_secret

    print(new_secret())
    return 0


def _apply(args: argparse.Namespace) -> int:
    settings = read_settings(args)
    from budstikke.dialects import IDENTIFY
    from budstikke.provisioning.apply import ApplyError, Secrets, apply, read_file
    from budstikke.servers.auth import hash_secret, verify_secret

    kinds = dialect_settings(), carrier_settings()
    with open_database(settings) as engine:
        text = _text(args.file)
        try:
            file = read_file(text, *kinds, os.environ, IDENTIFY)
            plan = apply(
                engine,
                file,
                Secrets(hash_secret, verify_secret, IDENTIFY),
                actor=f"apply by {actor()}",
                now=time.time(),
                dry_run=args.dry_run,
            )
        except ApplyError as error:
            faults = [f"{args.file}: {line}" for line in str(error).splitlines()]
            raise ApplyError("\n".join(faults)) from error
    print("\n".join(plan.lines()))
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise config.ConfigError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise config.ConfigError(f"{file}: {error}") from error


def _doctor(args: argparse.Namespace) -> int:
    settings = read_settings(args)
    from budstikke.cli.doctor import examine, examine_carrier
    from budstikke.cli.doctor.finding import Level
    from budstikke.cli.doctor.trial import TrialMessage

    kinds, wrong = (dialect_settings(), carrier_settings()), False
    if args.to and not args.carrier:
        raise config.ConfigError("--to: name the carrier with --carrier")
    if args.to and not re.fullmatch(r"\+[1-9][0-9]{4,14}", args.to):
        raise config.ConfigError(f"--to: not a number like +4799999999: {args.to}")
    if args.carrier:
        message = TrialMessage(args.to, args.sender, WAIT) if args.to else None
        found = iter(examine_carrier(settings, *kinds, args.carrier, message))
    else:
        found = examine(settings, *kinds, bind=args.bind)
    for finding in found:
        print(finding)
        wrong = wrong or finding.level is Level.WRONG
    return FAILED if wrong else 0
