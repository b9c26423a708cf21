"""
``kill -9`` of a node, of PostgreSQL, and of a primary that has a replica, under load.

Nothing that was answered with yes is lost, whatever ends in the middle of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from chaos.cluster import DATABASE, WINDOW, Cluster, Recovery, kill, so_many
from journeys.processes import wait_until
from store.postgres_server import DURABLE, Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chaos.cluster import Truth
    from journeys.load import Load

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

MESSAGES = 12_000
FAIL_OVER_MESSAGES = 8_000
LONG = 300.0
"""Seconds that the whole load may take."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = serving(DURABLE)
    try:
        server.execute(f"CREATE DATABASE {DATABASE}")
        yield server
    finally:
        server.close()


@pytest.fixture
def replica(server: Server) -> Iterator[Server]:
    """A replica that has what was committed before its commit is answered."""
    replica = Server((*DURABLE, "hot_standby=on"))
    try:
        replica.copy_of(server)
        replica.start()
        server.execute(
            "ALTER SYSTEM SET synchronous_standby_names = 'replica'",
            "SELECT pg_reload_conf()",
        )
        yield replica
    finally:
        replica.close()


def test_a_node_and_then_postgresql_are_killed(
    tmp_path: Path, server: Server, own: Own, figures: Callable[..., None]
) -> None:
    site = Cluster(tmp_path, own, server.url(DATABASE))
    with site.loads(MESSAGES) as loads:
        wait_until("so many", so_many(loads, MESSAGES // 4), LONG)
        site.nodes[0].kill()
        other, same = Recovery(loads[1:]), Recovery(loads[:1])
        other_accepts = other.seconds()
        site.nodes[0].start()
        node_is_back = same.seconds()

        wait_until("so many", so_many(loads, MESSAGES // 2), LONG)
        kill(server)
        both = Recovery(loads)
        server.start()
        database_is_back = both.seconds()
        finish(loads)
    truth = site.truth(loads)
    figures(
        other_node_accepts_after=other_accepts,
        killed_node_is_back_after=node_is_back,
        after_the_database_both_accept_after=database_is_back,
        **truth.figures(),
    )
    check(truth, kills=2)


def test_a_primary_is_killed_and_its_replica_promoted(
    tmp_path: Path,
    server: Server,
    replica: Server,
    own: Own,
    figures: Callable[..., None],
) -> None:
    hosts = quote(f"{server.folder},{replica.folder}", safe=",")
    where = f"{DATABASE}?host={hosts}&target_session_attrs=read-write"
    site = Cluster(tmp_path, own, f"postgresql://budstikke@/{where}")
    with site.loads(FAIL_OVER_MESSAGES) as loads:
        wait_until("so many", so_many(loads, FAIL_OVER_MESSAGES // 2), LONG)
        kill(server)
        both = Recovery(loads)
        replica.promote()
        both_accept = both.seconds()
        finish(loads)
    truth = site.truth(loads)
    figures(after_the_fail_over_both_accept_after=both_accept, **truth.figures())
    check(truth, kills=1)


def finish(loads: list[Load]) -> None:
    for load in loads:
        load.finish(LONG)


def check(truth: Truth, kills: int) -> None:
    """Nothing is lost, doubles are few, and what was delivered is told."""
    assert set() == truth.missing
    assert set() == truth.lost
    assert truth.doubles <= 2 * WINDOW * kills
    states = {state for state, _ in truth.parts.values()}
    assert states <= {"delivered", "unsure"}
    got = {key for key, to in truth.messages.items() if to in truth.submits}
    assert got == truth.told.keys()
    assert {"4"} == {status for found in truth.told.values() for status in found}
