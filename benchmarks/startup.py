"""How long somebody waits: for help and lists, and for one photo, beside what importing torch alone takes.

    uv run python benchmarks/startup.py [--rounds 5]

Every command runs in a process of its own, all of them in turn, round after round, so that what else the machine does
meets all alike. Printed are medians: of the wall clock, of processor time, and of their ratio to `import torch`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_TORCH = "import torch"
_COMMAND = [sys.executable, "-m", "privacy_faces"]


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured; the photo is the sample that ships."""
    photo = ["anonymize", "--overwrite", "--output", str(folder)]
    return {
        _TORCH: [sys.executable, "-c", _TORCH],
        "--help": [*_COMMAND, "--help"],
        "methods": [*_COMMAND, "methods"],
        "weights list": [*_COMMAND, "weights", "list"],
        "anonymize --method blur, the sample photo": [*_COMMAND, *photo, "--method", "blur"],
        "anonymize --method inpaint-gradcam, the sample photo": [*_COMMAND, *photo, "--method", "inpaint-gradcam"],
    }


def spent(command: list[str]) -> tuple[float, float]:
    """Seconds of the wall clock and of processors, until it ends."""
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    return wall, sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs")
    rounds = parser.parse_args().rounds
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, command in commands(Path(folder)).items():
                found.setdefault(name, []).append(spent(command))
    print(f"{rounds} rounds, {os.cpu_count()} processors, Python {sys.version.split()[0]}\n")
    print("| command | seconds | processor seconds | times `import torch` |\n|---|---|---|---|")
    for name, times in found.items():
        wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(mine[1] / theirs[1] for mine, theirs in zip(times, found[_TORCH], strict=True))
        print(f"| {name} | {wall:.2f} | {processor:.2f} | {ratio:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"\nLargest memory of a process: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
