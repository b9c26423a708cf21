"""What the figures were taken on."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import calibration
from bench.budstikke import command

if TYPE_CHECKING:
    from collections.abc import Iterator


def _fields(file: str, separator: str) -> Iterator[tuple[str, str]]:
    """Read the lines "name separator value" of a system file."""
    for line in Path(file).read_text().splitlines():
        name, found, value = line.partition(separator)
        if found:
            yield name.strip(), value.strip().strip('"')


def _mount(folder: Path) -> str:
    """Name the file system that holds a folder."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _device, point, name, *_ = line.split()
        if folder.is_relative_to(point) and len(point) > len(best):
            best, kind = point, name
    return kind


def sync_milliseconds(folder: Path, count: int = 200) -> float:
    """Measure the median of a 4 KiB append with fdatasync: what a commit waits for."""
    file = folder / "sync.probe"
    took = []
    with file.open("wb", buffering=0) as probe:
        for _ in range(count):
            began = time.perf_counter()
            probe.write(bytes(4096))
            os.fdatasync(probe.fileno())
            took.append(time.perf_counter() - began)
    file.unlink()
    return statistics.median(took) * 1e3


def _python() -> str:
    """Tell which interpreter Budstikke is measured with, and how it was built."""
    python = Path(command()[0]).with_name("python")
    said = subprocess.run(
        [python, "-c", "import sys; print(sys.version)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def calibrate() -> dict[str, float]:
    """Time the fixed pieces of work with the interpreter that Budstikke is run by."""
    python = Path(command()[0]).with_name("python")
    said = subprocess.run(
        [python, calibration.__file__], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(said.stdout)
    return found


def why_python(folder: Path) -> str:
    """Read why that interpreter was chosen; install.sh has written it."""
    file = folder / "python.why"
    return file.read_text().strip() if file.exists() else "not known"


def describe(folder: Path) -> dict[str, str]:
    """Describe processor, memory, system and disk."""
    processors = [v for n, v in _fields("/proc/cpuinfo", ":") if n == "model name"]
    memory = dict(_fields("/proc/meminfo", ":"))["MemTotal"].split()[0]
    system = dict(_fields("/etc/os-release", "="))
    return {
        "processor": f"{os.cpu_count()} x {processors[0] if processors else '?'}",
        "memory": f"{int(memory) / 2**20:.0f} GiB",
        "system": f"{system.get('PRETTY_NAME', '?')}, Linux {platform.release()}",
        "disk": f"{_mount(folder.resolve())}, "
        f"4 KiB append + fdatasync {sync_milliseconds(folder):.2f} ms (median)",
        "python": _python(),
        "chosen because": why_python(folder),
        "sqlite": sqlite3.sqlite_version,
    }
