"""A disk that is full: new messages are refused, accepted ones are not lost."""

from __future__ import annotations

import resource
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import LOGIN, Gateway, smpp_carrier
from journeys.processes import family, wait_until
from journeys.web import front_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

ROOM = 300_000
"""Octets until it is full."""


class FileLimit:
    """The gateway may write no file beyond a size (RLIMIT_FSIZE)."""

    def __init__(self, _data: Path) -> None:
        self._pids: list[int] = []

    def fill(self, gateway: Gateway) -> None:
        self._pids = family(gateway.running.pid)
        largest = max(file.stat().st_size for file in gateway.data.iterdir())
        self._limit(largest + ROOM)

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, octets: int) -> None:
        limits = (octets, resource.RLIM_INFINITY)
        for pid in self._pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

    def close(self) -> None:
        """Nothing is left behind."""


class SmallDisk:
    """The data folder is a file system of its own, and something else fills it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._filler = data / "filler"
        command = ["mount", "-t", "tmpfs", "-o", "size=16m", "budstikke", str(data)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip("file systems cannot be mounted here")

    def fill(self, _gateway: Gateway) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(file.tell() - ROOM)

    def free(self) -> None:
        self._filler.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self._data)], check=True)


@pytest.mark.parametrize("disk", [FileLimit, SmallDisk])
def test_full_and_free_again(
    tmp_path: Path, own: Own, figures: Callable[..., None], disk: Any
) -> None:
    (tmp_path / "data").mkdir()
    full = own(disk(tmp_path / "data"))
    centre = own(MessageCentre(tmp_path))
    centre.start()
    gateway = own(Gateway(tmp_path, smpp_carrier(centre.port, window=50)))
    gateway.start()
    front_id(gateway.push("+4790007000", "Hei"))
    accepted, refused = {"+4790007000"}, set()

    full.fill(gateway)
    for number in range(1, 5_000):
        recipient = f"+479001{number:04}"
        answer = gateway.push(recipient, "x" * 1000)
        if answer.status == 503:
            assert b"ErrorCode=99, ID=0" == answer.body
            refused.add(recipient)
            break
        front_id(answer)
        accepted.add(recipient)
    assert refused, "it never was full"
    check_refusals(gateway)
    full.free()

    def accepts() -> bool:
        answer = gateway.push("+4790007002", "Hei")
        return answer.status == 200 and bool(front_id(answer))

    wait_until("it accepts again", accepts)
    accepted.add("+4790007002")
    wait_until("it is ready", lambda: gateway.ask("GET", "/readyz").status == 200)
    check_the_end(gateway, centre, accepted)
    figures(accepted=len(accepted), refused=len(refused))


def check_refusals(gateway: Gateway) -> None:
    """Nothing can be stored: each way in says so in its own shape."""
    content = {**LOGIN, "fromid": "Test", "txt": "x" * 1000}
    described: dict[str, Any] = {
        "errorcode": 99,
        "description": "Temporarily unavailable, try again later",
    }
    one = gateway.ask("POST", "/psk/push.php", {**content, "phoneno": "+4790007001"})
    assert (503, {"id": 0, **described}) == (one.status, one.json)
    bulk = {**content, "phoneno": [f"+4790008{n:03}" for n in range(1000)]}
    many = gateway.ask("POST", "/psk/push_bulk.php", bulk)
    described |= {"invalidPhoneno": [], "duplicatePhoneno": []}
    assert (503, described) == (many.status, many.json)
    assert gateway.ask("GET", "/healthz").status == 200
    wait_until("it is not ready", lambda: gateway.ask("GET", "/readyz").status == 503)


def check_the_end(gateway: Gateway, centre: MessageCentre, accepted: set[str]) -> None:
    """What was accepted has come, what was refused has not."""
    wait_until("all are delivered", lambda: set(gateway.parts()) == {"delivered"})
    gateway.stop()
    assert accepted == centre.recipients().keys()
    messages = gateway.query("SELECT recipient, parts FROM message")
    assert dict(messages) == centre.recipients()
    assert [("ok",)] == gateway.query("PRAGMA integrity_check")
