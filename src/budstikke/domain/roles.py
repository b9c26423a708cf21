"""
What users of the console may do: one table of roles and permissions.

A role counts within one account, but ``operator``, which has every permission in all
accounts and runs the installation.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(StrEnum):
    """What a user is in an account."""

    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    DEVELOPER = "developer"
    SENDER = "sender"
    READER = "reader"


class Permission(StrEnum):
    """Something that a page shows or does."""

    OWN_PROFILE = "own_profile"
    """See and change one's own profile, password and sessions."""
    READ_MESSAGES = "read_messages"
    """See messages with their texts and phone numbers."""
    SEND_MESSAGES = "send_messages"
    """Send, cancel and delete messages."""
    SET_UP_API = "set_up_api"
    """See and change accesses, callbacks and secrets."""
    MANAGE_MEMBERS = "manage_members"
    """Invite and remove members, and change their roles."""
    RUN_INSTALLATION = "run_installation"
    """See and change what belongs to no account: carriers, routes, all accounts."""


_READER = frozenset({Permission.OWN_PROFILE, Permission.READ_MESSAGES})
_SENDER = _READER | {Permission.SEND_MESSAGES}
_DEVELOPER = _SENDER | {Permission.SET_UP_API}
_ADMINISTRATOR = _DEVELOPER | {Permission.MANAGE_MEMBERS}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.READER: _READER,
    Role.SENDER: _SENDER,
    Role.DEVELOPER: _DEVELOPER,
    Role.ADMINISTRATOR: _ADMINISTRATOR,
    Role.OPERATOR: frozenset(Permission),
}

WITHOUT_ROLE = frozenset({Permission.OWN_PROFILE})
"""What a user may do who has no role in the account."""

INSTALLATION = 0
"""Stands for the account where a role counts for the whole installation."""

ACCOUNT_ROLES = (Role.ADMINISTRATOR, Role.DEVELOPER, Role.SENDER, Role.READER)
"""Roles that an administrator can give; the one with most permissions first."""


def permissions(roles: Mapping[int, Role], account_id: int) -> frozenset[Permission]:
    """
    Return what a user may do in an account.

    Args:
        roles: The user's roles by account id; ``INSTALLATION`` is the operator's.
        account_id: The account that the request is about.

    """
    if roles.get(INSTALLATION) is Role.OPERATOR:
        return PERMISSIONS[Role.OPERATOR]
    role = roles.get(account_id)
    if role is None or role is Role.OPERATOR:  # an operator of one account: not one
        return WITHOUT_ROLE
    return PERMISSIONS[role]
