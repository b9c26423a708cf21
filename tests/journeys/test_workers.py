"""HTTP workers as processes: they die, follow the directory, and end."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.servers.auth import GUESSES
from journeys.gateway import LOGIN, MESSAGE, Gateway, account, simulator_carrier
from journeys.load import Load
from journeys.processes import wait_until
from journeys.web import front_query

if TYPE_CHECKING:
    from collections.abc import Callable

    Own = Callable[[Any], Any]

WORKERS = 2


@pytest.fixture
def gateway(tmp_path: Path, own: Own, empty_database: str) -> Gateway:
    settings = {"http": {"workers": WORKERS}, "simulator": {"enabled": True}}
    carrier = simulator_carrier()
    gateway: Gateway = own(
        Gateway(tmp_path, carrier, settings=settings, database=empty_database)
    )
    gateway.start()
    return gateway


def workers(gateway: Gateway) -> list[int]:
    return gateway.children(b"workers.child")


def serving(gateway: Gateway) -> int:
    metrics = gateway.ask("GET", "/metrics").body.decode()
    found = re.search(r"^budstikke_http_workers (\d)", metrics, re.MULTILINE)
    assert found is not None
    return int(found[1])


def replaced(gateway: Gateway, times: int) -> bool:
    lines = [line["step"] for line in gateway.log("error")]
    ended = [line for line in lines if line.startswith("an HTTP worker ended")]
    return len(ended) == times and len(workers(gateway)) == WORKERS


def counted(gateway: Gateway, result: str) -> int:
    metrics = gateway.ask("GET", "/metrics").body.decode()
    name = f'budstikke_requests_total{{dialect="front",result="{result}"}} '
    return sum(
        int(float(line.removeprefix(name)))
        for line in metrics.splitlines()
        if line.startswith(name)
    )


def test_a_worker_that_dies_is_replaced_and_the_others_go_on(
    gateway: Gateway,
) -> None:
    assert WORKERS == serving(gateway)
    with Load(gateway.port, 1_200, MESSAGE) as load:
        for kills, moment in enumerate((300, 600), 1):
            wait_until("so many are accepted", load.has_accepted(moment))
            victim = workers(gateway)[0]
            os.kill(victim, signal.SIGKILL)
            wait_until("it is replaced", lambda: replaced(gateway, kills))  # noqa: B023
            assert victim not in workers(gateway)
        load.finish(120)
        assert not load.refused
        accepted = dict(load.accepted)
    wait_until("all serve again", lambda: WORKERS == serving(gateway))
    stored = dict(gateway.query("SELECT id, recipient FROM message"))
    assert accepted.items() <= stored.items()
    # What the dead had counted in their last second is lost; the others' is not.
    before = counted(gateway, "accepted")
    for last in range(10):
        gateway.push(f"+479000000{last}", "Hei")
    assert before + 10 == counted(gateway, "accepted")


def test_workers_end_with_their_gateway(gateway: Gateway) -> None:
    pids = workers(gateway)
    gateway.kill()
    wait_until("they end", lambda: not any(map(alive, pids)))
    gateway.start()
    pids = workers(gateway)
    assert WORKERS == len(pids)
    gateway.stop()
    assert not any(map(alive, pids))


def alive(pid: int) -> bool:
    try:
        state = (
            Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        )
    except OSError:
        return False
    return state != "Z"


def test_a_new_directory_reaches_all_workers(gateway: Gateway) -> None:
    query = front_query(**{**MESSAGE, "serviceid": "2000", "phoneno": "+4790000100"})

    def answers() -> set[bytes]:
        return {gateway.ask("GET", query).body for _ in range(4 * WORKERS)}

    assert all(b"ErrorCode=7" in each for each in answers())
    both = [account(), account("other", service="2000")]
    gateway.apply(simulator_carrier(), both)
    wait_until("all know it", lambda: all(b"ErrorCode=0" in each for each in answers()))


def test_wrong_passwords_count_together_in_all_workers(gateway: Gateway) -> None:
    said = []
    for turn in range(GUESSES + 3):
        login = {**LOGIN, "password": f"wrong {turn}"}
        query = front_query(**{**MESSAGE, **login, "phoneno": "+4790000100"})
        said.append(gateway.ask("GET", query).body)
    assert GUESSES == len([each for each in said if b"ErrorCode=13" in each])
    assert said[GUESSES] == said[-1] != said[0]
    lines = [each for each in gateway.log("info") if each["step"] == "login failed"]
    assert 2 >= len(lines) > 0


def test_all_other_paths_are_the_gateways(gateway: Gateway) -> None:
    gateway.push("+4790000100", "Hei")
    wait_until("it came", lambda: gateway.phone("+4790000100"))
    assert 200 == gateway.ask("GET", "/healthz").status
    assert gateway.ask("GET", "/readyz").json["ready"]
    assert 404 == gateway.ask("GET", "/nothing").status
    assert 404 == gateway.ask("POST", "/mm7/nobody", {}).status
