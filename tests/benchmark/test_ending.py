"""A run that is broken off ends at once, with every process that it started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench import ending

from patience import PATIENCE

ROOT = Path(__file__).parents[2]

RUN = """
import sqlite3, sys
from pathlib import Path
from bench import ending
from bench.processes import start

ending.POLITE_SECONDS = 0.1
folder = Path(sys.argv[1])
ending.on_signals(lambda: (folder / "cleaned").touch())
stubborn = '''
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    print(os.getpid(), flush=True)
else:
    print(os.getpid(), flush=True)
time.sleep(90)
'''
start("stubborn", [sys.executable, "-c", stubborn], folder)
try:
    # Python runs no handler meanwhile.
    sqlite3.connect(":memory:").execute(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
        " SELECT count(*) FROM c"
    )
finally:
    print("went on", flush=True)
"""


def lives(pid: int) -> bool:
    return ending._lives(pid)


def children(folder: Path) -> list[int]:
    """Read the ids of both processes, once they have written them."""
    end = time.monotonic() + PATIENCE
    log = folder / "stubborn.log"
    while not log.exists() or len(log.read_text().split()) < 2:
        assert time.monotonic() < end, "they did not start"
        time.sleep(0.01)
    return [int(pid) for pid in log.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_process_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    # A shell starts background commands with SIGINT ignored.
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    command = [*ignoring, sys.executable, "-c", RUN, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe) as run:
        try:
            pids = children(tmp_path)
            assert all(map(lives, pids))
            os.kill(run.pid, number)
            out, told = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
    assert 128 + number == run.returncode
    assert f"bench: {number.name}: ending" in told.decode()
    assert b"" == out
    assert not any(map(lives, pids))
    assert (tmp_path / "cleaned").exists()


def test_it_takes_less_than_two_seconds() -> None:
    assert ending.POLITE_SECONDS + ending.CLEAN_SECONDS < 2
