"""
``budstikke apply``: write accounts, carriers, routes and prices from a file.

The plan is made from a state that was read without a lock, since hashing passwords
takes long. One transaction carries it out if the state has not changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.provisioning.changes import Plan
from budstikke.provisioning.plan import Secrets, make_plan
from budstikke.provisioning.present import read_state
from budstikke.provisioning.resources import RESOURCES
from budstikke.provisioning.resources.accesses import find_by_keys
from budstikke.provisioning.source import read_file
from budstikke.provisioning.values import ApplyError
from budstikke.provisioning.write import write
from budstikke.store.admin import immediate, read_revision

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from budstikke.provisioning.resources import File

__all__ = ["ApplyError", "Plan", "Secrets", "apply", "read_file"]

ATTEMPTS = 3
"""Plans to make at most, if somebody else changes the state meanwhile."""


def apply(
    engine: Engine,
    file: File,
    secrets: Secrets,
    *,
    actor: str,
    now: float,
    dry_run: bool = False,
) -> Plan:
    """
    Change the database to what a file says, all of it or nothing.

    Args:
        engine: From ``store.admin.open_engine``.
        file: From ``read_file``.
        secrets: How passwords are stored.
        actor: Who does it, for the audit.
        now: Unix seconds.
        dry_run: Plan only.

    Returns:
        The plan.

    Raises:
        ApplyError: The file does not fit the database.

    """
    for _ in range(ATTEMPTS):
        with engine.connect() as connection:
            find_by_keys(connection, file, secrets.alone)
            state = read_state(connection, file, RESOURCES)
        plan = make_plan(file, state, secrets, now)
        if dry_run or not plan.effective:
            return plan
        with immediate(engine) as connection:
            if read_revision(connection) == plan.revision:
                write(connection, plan, state, RESOURCES, actor=actor, now=now)
                return plan
    raise ApplyError("somebody else keeps changing the same entries: try again")
