"""
A PostgreSQL server for Budstikke: Debian's, with its defaults, on loopback.

It is durable as it comes (``fsync``, ``synchronous_commit``); PostgreSQL refuses to be
run by root, so that root runs it as another user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import BenchError, free_ports, listens, start, wait_until

if TYPE_CHECKING:
    from bench.processes import Child

OWNER = "budstikke"


def programs() -> Path | None:
    """Find the folder with initdb and postgres: Debian's newest, else on the PATH."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(debian, key=lambda file: int(file.parts[-3]))
    found = str(newest[-1]) if newest else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def version() -> str:
    """Ask the server's program."""
    folder = programs()
    if folder is None:
        return "no PostgreSQL"
    command = [str(folder / "postgres"), "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip().replace("postgres (PostgreSQL)", "PostgreSQL")


def _other_user() -> list[str]:
    """Write the command that gives up root; empty for who is not root."""
    if os.geteuid():
        return []
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    # Changing the user takes the signal away that start() asked for.
    return ["setpriv", *ids, "--pdeathsig", "TERM"]


def start_postgres(folder: Path) -> tuple[Child, str]:
    """Make a cluster in the folder and start it; its process and the database's URL."""
    found = programs()
    if found is None:
        raise BenchError("PostgreSQL is not installed")
    home = folder / "postgresql"
    home.mkdir()
    other = _other_user()
    if other:
        user = int(other[1].partition("=")[2])
        os.chown(home, user, -1)
    data = ["-D", str(home / "data")]
    make = [str(found / "initdb"), *data, "-A", "trust", "-U", OWNER, "-E", "UTF8"]
    done = subprocess.run(
        [*other, *make, "--locale=C.UTF-8"], cwd=home, capture_output=True, check=False
    )
    if done.returncode:
        raise BenchError(f"initdb failed:\n{done.stderr.decode(errors='replace')}")
    (port,) = free_ports(1)
    options = [
        "listen_addresses=127.0.0.1",
        f"port={port}",
        "unix_socket_directories=",
    ]
    flags = [x for option in options for x in ("-c", option)]
    serve = [*other, str(found / "postgres"), *data, *flags]
    child = start("postgres", serve, folder)
    wait_until("PostgreSQL", lambda: listens(port), [child])
    return child, f"postgresql://{OWNER}@127.0.0.1:{port}/postgres"
