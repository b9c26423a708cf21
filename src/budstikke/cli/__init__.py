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
from budstikke.cli.clock import Clock
from budstikke.cli.directory import DirectoryCommand
from budstikke.cli.inbound import Inbound
from budstikke.cli.money import Money
from budstikke.cli.move import Move

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from msgspec import Struct

    Command = Callable[[argparse.Namespace], int]

USAGE = 2
"""Exit code for what the person at the keyboard can mend: usage, settings, files."""

FAILED = 1
"""Exit code for what stands in the way otherwise, and for ``doctor``'s findings."""


BROKEN_PIPE = 141
"""Exit code when nobody reads any more: what a shell says of SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = parser().parse_args(arguments)
    command: Command = args.command
    try:
        code = command(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        found = _exit_code(error)
        if found is None:
            raise
        code = found
        lines = str(error).splitlines() or [type(error).__name__]
        for line in lines if code == USAGE else lines[:1]:
            print(f"budstikke: {line}", file=sys.stderr)
    return code


def _exit_code(error: Exception) -> int | None:
    """Tell faults to report from bugs (``None``)."""
    from sqlalchemy.exc import SQLAlchemyError

    from budstikke.provisioning.accounts import AccountError
    from budstikke.provisioning.values import ApplyError
    from budstikke.store.contract import StoreUnavailable
    from budstikke.store.migrate import SchemaError
    from budstikke.store.move import MoveError

    if isinstance(error, config.ConfigError | ApplyError | AccountError):
        return USAGE
    in_the_way = SchemaError | MoveError | StoreUnavailable | SQLAlchemyError | OSError
    if isinstance(error, in_the_way):
        return FAILED
    return None


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    top = argparse.ArgumentParser(prog="budstikke", description="An SMS gateway.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Command, what: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=what, description=what)
        found.set_defaults(command=command)
        return found

    _add_demo(add("demo", _demo, "Run a gateway with a simulator and demo accounts."))
    serve = add("serve", _serve, "Run a gateway.")
    serve.add_argument(
        "--roles", type=_roles, metavar="ROLE,…", help="http, send, notify, schedule"
    )
    file = add("apply", _apply, "Make the database say what a TOML file says.")
    file.add_argument("file", type=Path, metavar="FILE")
    file.add_argument("--dry-run", action="store_true", help="only show what changes")
    migrate = add("migrate", _migrate, "Bring the database to this program's schema.")
    doctor = _add_doctor(add("doctor", _doctor, "Say what is wrong."))
    money = Money(_settings, _actor).add(add)
    subscribers = DirectoryCommand(_settings).add(add)
    inbound = Inbound(_settings, _actor).add(add)
    move = Move(_settings).add(add)
    served = (serve, file, migrate, doctor, Clock(_settings).add(add))
    for settled in (*served, *money, *inbound, *move, subscribers):
        settled.add_argument("--config", type=Path, metavar="FILE", help=CONFIG_HELP)

    lone = add("simulator", _simulator, "Run the simulated operator alone.")
    for option, needed, what in (
        ("--listen", True, "where it takes SMPP binds"),
        ("--http", False, "where its phones are shown"),
    ):
        lone.add_argument(
            option, type=_address, metavar="HOST:PORT", required=needed, help=what
        )
    add("secret", _secret, "Print a new API secret of 256 random bits.")
    return top


def _add_doctor(doctor: argparse.ArgumentParser) -> argparse.ArgumentParser:
    what = "only connect to operators, do not log in"
    doctor.add_argument("--no-bind", dest="bind", action="store_false", help=what)
    return doctor


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--port", type=_port, help="HTTP port (8080); 0: any free one")
    demo.add_argument("--smpp-port", type=_port, help="SMPP port (2775)")
    demo.add_argument("--data", type=Path, metavar="DIR", help="keep what is stored")
    demo.add_argument(
        "--callbacks",
        type=_url,
        default="",
        metavar="URL",
        help="tell URL/DIALECT/status, …/inbound and …/reply what happens",
    )


CONFIG_HELP = (
    "settings in TOML (else the file that BUDSTIKKE_CONFIG names, else "
    "budstikke.toml here if there is one)"
)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"no such port: {text}")
    return number


def _address(text: str) -> str:
    try:
        config.host_port(text)
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


def _settings(
    args: argparse.Namespace, roles: Sequence[str] | None = None
) -> config.Settings:
    named = args.config or os.environ.get("BUDSTIKKE_CONFIG")
    usual = Path("budstikke.toml")
    file = Path(named) if named else usual if usual.exists() else None
    environ = dict(os.environ)
    if roles is not None:
        environ[config.variable(("roles",))] = ",".join(roles)
    return config.load(file, environ)


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
    settings = _settings(args, args.roles)
    from budstikke import app

    return app.serve(settings)


def _simulator(args: argparse.Namespace) -> int:
    from budstikke import app

    log.configure("warning")
    return app.simulator(listen=args.listen, http=args.http)


def _migrate(args: argparse.Namespace) -> int:
    settings = _settings(args)
    from budstikke.store.migrate import migrate

    done = migrate(settings.database_url)
    print(f"{settings.database_name}: {', '.join(done) or 'nothing to do'}")
    return 0


def _secret(_args: argparse.Namespace) -> int:
    from budstikke.servers.auth import new_secret

    print(new_secret())
    return 0


def _apply(args: argparse.Namespace) -> int:
    settings = _settings(args)
    from budstikke.dialects import IDENTIFY
    from budstikke.provisioning.apply import ApplyError, Secrets, apply, read_file
    from budstikke.servers.auth import hash_secret, verify_secret
    from budstikke.store.admin import open_engine
    from budstikke.store.migrate import check

    check(settings.database_url)
    engine = open_engine(settings.database_url)
    try:
        dialects, carriers = _kinds()
        text = _text(args.file)
        file = read_file(text, dialects, carriers, os.environ, IDENTIFY)
        plan = apply(
            engine,
            file,
            Secrets(hash_secret, verify_secret, IDENTIFY),
            actor=f"apply by {_actor()}",
            now=time.time(),
            dry_run=args.dry_run,
        )
    except ApplyError as error:
        faults = [f"{args.file}: {line}" for line in str(error).splitlines()]
        raise ApplyError("\n".join(faults)) from error
    finally:
        engine.dispose()
    print("\n".join(plan.lines()))
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise config.ConfigError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise config.ConfigError(f"{file}: {error}") from error


def _actor() -> str:
    """Name who is at the keyboard, for the audit."""
    name = os.environ.get("SUDO_USER") or os.environ.get("USER")
    return name or f"uid {os.getuid()}"


def _kinds() -> tuple[dict[str, type[Struct]], dict[str, type[Struct]]]:
    """List the settings of each dialect, and of each kind of carrier."""
    from budstikke.carriers import KINDS
    from budstikke.dialects import DIALECTS

    return (
        {name: dialect.settings for name, dialect in DIALECTS.items()},
        {name: kind.settings for name, kind in KINDS.items()},
    )


def _doctor(args: argparse.Namespace) -> int:
    settings = _settings(args)
    from budstikke.cli.doctor import examine
    from budstikke.cli.doctor.finding import Level

    wrong = False
    for finding in examine(settings, *_kinds(), bind=args.bind):
        print(finding)
        wrong = wrong or finding.level is Level.WRONG
    return FAILED if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
