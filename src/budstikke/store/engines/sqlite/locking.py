"""The files of a database: whose they are, and which process serves them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from types import TracebackType

TRIES, PAUSE = 50, 0.1
"""How often the lock is tried, and seconds between."""

OTHERS = 0o007
"""What everybody on the machine may do, in a file's mode."""

BESIDE = ("", "-wal", "-shm", ".lock")
"""What is added to the database's name for its files."""


class FileLock:
    """
    What says that a process serves a database; children may inherit it.

    It is held on the file beside the database and on the database itself, so that it
    is one lock by whatever name the database is known: a symbolic link, a hard link or
    another mount lead to the same device and inode. It ends with the last process that
    has the descriptors.
    """

    def __init__(self) -> None:
        self._files: list[int] = []

    def add(self, file: int) -> None:
        """Lock one more file; raises BlockingIOError when somebody has it."""
        self._files.append(file)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def filenos(self) -> tuple[int, ...]:
        """Give the descriptors, for a process that is to hold the lock, too."""
        return tuple(self._files)

    def close(self) -> None:
        """Let it go."""
        while self._files:
            os.close(self._files.pop())

    def __enter__(self) -> Self:
        """Hold it for a block."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Let it go."""
        self.close()


def take_lock(path: Path) -> FileLock:
    """Lock a database for this process; raises StoreUnavailable when it is taken."""
    path = path.resolve()
    lock = FileLock()
    try:
        # In this order: who closes a file of SQLite's lets go of all that the process
        # has locked in it, so that only who has the first touches the second.
        lock.add(os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT, 0o600))
        if path.exists():
            lock.add(os.open(path, os.O_RDONLY))
    except BlockingIOError as error:
        lock.close()
        raise StoreUnavailable(f"another process serves {path}") from error
    except BaseException:
        lock.close()
        raise
    make_private(path)
    return lock


async def wait_for_lock(path: Path) -> FileLock:
    """
    Lock the file as ``take_lock`` does, within some seconds.

    A gateway that was killed leaves its writer, which finishes what it has begun.
    """
    for _ in range(TRIES):
        with contextlib.suppress(StoreUnavailable):
            return take_lock(path)
        await asyncio.sleep(PAUSE)
    return take_lock(path)


def create(path: Path) -> None:
    """Make an empty file for its owner only, if there is none: SQLite goes by it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def make_private(path: Path) -> None:
    """
    Remove the rights of other users of the machine from a database's files.

    Rights of the group stay. Another user's file stays as it is.
    """
    for file in (Path(f"{path}{name}") for name in BESIDE):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & OTHERS:
                file.chmod(mode & ~OTHERS)
