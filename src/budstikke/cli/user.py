"""The command for users of the console."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
import time
from typing import TYPE_CHECKING

from budstikke.cli.context import actor, read_settings
from budstikke.domain.roles import ACCOUNT_ROLES, INSTALLATION, Role
from budstikke.domain.user import (
    LANGUAGES,
    LIFETIMES,
    TokenKind,
    UserState,
    normal_mail,
    normal_name,
    password_fault,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.cli.context import Add
    from budstikke.config import Settings
    from budstikke.store.contract.users import Act

    Acts = Mapping[str, Callable[[argparse.Namespace, Settings], None]]

NO_ROLE = "none"
"""Stands for taking a role away."""


def add_commands(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the command; returns those that read settings."""
    user = add(
        "user", _user, "Create, invite, list and disable the users of the console."
    )
    user.add_argument("act", choices=sorted(ACTS), help="what to do")
    user.add_argument("mail", nargs="?", type=_mail, metavar="MAIL")
    user.add_argument("--name", type=_name, metavar="NAME", help="add: the user's name")
    user.add_argument(
        "--language", choices=LANGUAGES, default="en", help="add: of the pages (en)"
    )
    user.add_argument("--account", metavar="NAME", help="the account of the role")
    user.add_argument(
        "--role",
        choices=[*ACCOUNT_ROLES, Role.OPERATOR, NO_ROLE],
        type=str,
        metavar="ROLE",
        help="administrator, developer, sender or reader of the account; operator of "
        "the installation; none: take the role",
    )
    return (user,)


def _user(args: argparse.Namespace) -> int:
    """Do what the command says."""
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.schema_check import check

    settings = read_settings(args)
    check(settings.database_url)
    if args.act != "list" and not args.mail:
        raise AdminError(f"user {args.act}: give the user's mail address")
    ACTS[args.act](args, settings)
    return 0


def _add(args: argparse.Namespace, settings: Settings) -> None:
    """Create a user with a password from the terminal or standard input."""
    from budstikke.provisioning.acts import AdminError
    from budstikke.servers.auth import hash_secret
    from budstikke.store.contract.users import NewUser
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.users import create_user

    account_id = _account_id(args, settings) if args.role else INSTALLATION
    password = _read_password()
    fault = password_fault(password, args.mail)
    if fault is not None:
        raise AdminError(f"password: {PASSWORD_FAULTS[fault]}")
    name = args.name or args.mail.partition("@")[0]
    zone = "Europe/Oslo"
    user = NewUser(args.mail, name, hash_secret(password), args.language, zone)
    url = settings.database_url
    if run_verb(url, create_user, user, _act()) is None:
        raise AdminError(f"there is a user {args.mail} already")
    if args.role:
        _give(args, settings, account_id)


PASSWORD_FAULTS = {
    "short": "use at least 10 characters",
    "long": "use at most 200 characters",
    "common": "this is one of the first that anybody would try; choose another",
    "mail": "it must not be the mail address",
}


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")


def _list(args: argparse.Namespace, settings: Settings) -> None:
    """Print every user with roles."""
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.users import users

    for user in run_verb(settings.database_url, users):
        if args.mail and args.mail != user.mail:
            continue
        roles = [
            f"{each.role} of {each.account}" if each.account_id else each.role.value
            for each in user.roles
        ]
        second = "two steps" if user.second_step else ""
        state = "" if user.state is UserState.ACTIVE else user.state.value
        line = (user.mail, user.name, ", ".join(roles), second, state)
        print("  ".join(filter(None, line)))


def _invite(args: argparse.Namespace, settings: Settings) -> None:
    """Make an invitation, and print its link."""
    from budstikke.flow.one_time_links import INVITATION_PATH, digest
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.contract.users import NewToken
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.user_tokens import make_token

    if args.role in (None, NO_ROLE):
        raise AdminError(
            "user invite: give --role, and --account unless it is operator"
        )
    account_id = _account_id(args, settings)
    token = secrets.token_urlsafe(32)
    kind, by = TokenKind.INVITATION, _act()
    row = NewToken(digest(token), kind, args.mail, by.actor, account_id, args.role)
    url = settings.database_url
    run_verb(url, make_token, row, by, by.at + LIFETIMES[kind])
    print(f"{settings.http.base_url}{INVITATION_PATH}{token}")


def _reset(args: argparse.Namespace, settings: Settings) -> None:
    """Make a link for a new password, and print it."""
    from budstikke.flow.one_time_links import PASSWORD_PATH, digest
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.contract.users import NewToken
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.user_tokens import make_token
    from budstikke.store.verbs.users import user_by_mail

    url, by, kind = settings.database_url, _act(), TokenKind.PASSWORD
    if run_verb(url, user_by_mail, args.mail) is None:
        raise AdminError(f"there is no user {args.mail}")
    token = secrets.token_urlsafe(32)
    row = NewToken(digest(token), kind, args.mail, by.actor)
    run_verb(url, make_token, row, by, by.at + LIFETIMES[kind])
    print(f"{settings.http.base_url}{PASSWORD_PATH}{token}")


def _disable(args: argparse.Namespace, settings: Settings) -> None:
    _set_state(args, settings, UserState.DISABLED)


def _enable(args: argparse.Namespace, settings: Settings) -> None:
    _set_state(args, settings, UserState.ACTIVE)


def _set_state(args: argparse.Namespace, settings: Settings, state: UserState) -> None:
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.users import set_user_state

    url = settings.database_url
    if not run_verb(url, set_user_state, args.mail, state, _act()):
        raise AdminError(f"there is no user {args.mail}")


def _role(args: argparse.Namespace, settings: Settings) -> None:
    """Give a user a role, or take it."""
    from budstikke.provisioning.acts import AdminError

    if args.role is None:
        raise AdminError("user role: give --role, and --account unless it is operator")
    _give(args, settings, _account_id(args, settings))


def _give(args: argparse.Namespace, settings: Settings, account_id: int) -> None:
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.users import set_role

    role = "" if args.role == NO_ROLE else args.role
    url = settings.database_url
    fault = run_verb(url, set_role, args.mail, account_id, role, _act())
    if fault:
        faults = {
            "user": f"there is no user {args.mail}",
            "account": f"there is no account {args.account}",
            "last": f"{args.mail} is the last administrator of {args.account}: give "
            "another user the role first",
        }
        raise AdminError(faults[fault])


def _act() -> Act:
    from budstikke.store.contract.users import Act

    return Act(actor(), time.time())


def _account_id(args: argparse.Namespace, settings: Settings) -> int:
    """Find the account of a role; raises AdminError."""
    from budstikke.provisioning.acts import AdminError
    from budstikke.store.run_verb import run_verb
    from budstikke.store.verbs.users import all_accounts

    if args.account is None:
        if args.role in (Role.OPERATOR, NO_ROLE):
            return INSTALLATION
        raise AdminError(f"role {args.role}: give --account")
    if args.role == Role.OPERATOR:
        raise AdminError(
            "an operator has the role in all accounts: leave --account out"
        )
    for account_id, name in run_verb(settings.database_url, all_accounts):
        if name == args.account:
            return account_id
    raise AdminError(f"there is no account {args.account}")


def _mail(text: str) -> str:
    try:
        return normal_mail(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    try:
        return normal_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


ACTS: Acts = {
    "add": _add,
    "disable": _disable,
    "enable": _enable,
    "invite": _invite,
    "list": _list,
    "reset": _reset,
    "role": _role,
}
