"""The files of a database: their rights, and the lock of the process that serves it."""

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
"""Tries for the lock, and seconds between them."""

OTHERS = 0o007
"""Rights of other users in a file's mode."""

BESIDE = ("", "-wal", "-shm", ".lock")
"""Endings of a database's files, after its name."""


class FileLock:
    """
    The lock of a process that serves a database; children may inherit it.

    It is on the file beside the database and on the database itself, so that it is one
    lock under any name: a symbolic link, a hard link and another mount lead to the same
    device and inode. It ends with the last process that has the descriptors.
    """

    def __init__(self) -> None:
        self._files: list[int] = []

    def add(self, file: int) -> None:
        """Lock one more file; raises BlockingIOError if another process has it."""
        self._files.append(file)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def filenos(self) -> tuple[int, ...]:
        """Return the descriptors, for a child that is to hold the lock, too."""
        return tuple(self._files)

    def close(self) -> None:
        """Release it."""
        while self._files:
            os.close(self._files.pop())

    def __enter__(self) -> Self:
        """Hold it during a block."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Release it."""
        self.close()


def take_lock(path: Path) -> FileLock:
    """Lock a database for this process; raises StoreUnavailable if it is locked."""
    path = path.resolve()
    lock = FileLock()
    try:
        # In this order: closing any descriptor of SQLite's file releases all locks of
        # the process in it, so that only the holder of the first lock touches the
        # second.
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

    A killed gateway leaves its writer, which finishes its transaction.
    """
    for _ in range(TRIES):
        with contextlib.suppress(StoreUnavailable):
            return take_lock(path)
        await asyncio.sleep(PAUSE)
    return take_lock(path)


def create(path: Path) -> None:
    """Make an empty file for its owner only; SQLite copies its mode."""
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
