"""What a command costs: shared by the benchmarks."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

#: This project's command.
OURS = [sys.executable, "-m", "privacy_faces"]


@dataclass(frozen=True)
class Spent:
    """Of one run: seconds of the wall clock and of processors, and the most memory of its processes at a time, in
    GiB."""

    wall: float
    processor: float
    peak: float


def spent(command: Sequence[str | Path]) -> Spent:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: where it fails.
    """
    # As users have it: modules are compiled the first time that they are imported, not every time.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started, peak = time.perf_counter(), 0
    busy: dict[int, float] = {}  # of each process that was seen: workers may be children of somebody else by now
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family))
            busy |= {member.pid: sum(member.cpu_times()[:2]) for member in family}
        except psutil.Error:  # one of them has just ended
            pass
        time.sleep(0.05)
    wall = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Spent(wall, sum(busy.values()), peak / 2**30)


def medians(runs: Sequence[Spent]) -> Spent:
    """Each of the three by itself."""
    columns = zip(*((run.wall, run.processor, run.peak) for run in runs), strict=True)
    return Spent(*map(statistics.median, columns))


def peer(*packages: str) -> list[str]:
    """The beginning of a command in an environment of its own, which holds these packages."""
    flags = [flag for package in packages for flag in ("--with", package)]
    return ["uv", "run", "--isolated", "--no-project", *flags]
