"""All that this project measures of its speed, in one run.

    uv run python benchmarks/everything.py [--only startup,search] [--to results.md]

Writes what each benchmark prints, and on what machine, to `benchmarks/results.md`. Peers are installed in environments
of their own (uv). It takes some twenty minutes on two cores; do nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

_HERE = Path(__file__).parent
_MAKEUP = _HERE.parent / "plugins/makeup/benchmarks"


@dataclass(frozen=True)
class Benchmark:
    """What is measured, and the program with its options."""

    title: str
    program: Path
    options: tuple[str, ...] = ()


BENCHMARKS = {
    "startup": Benchmark("From the key press", _HERE / "startup.py"),
    "photo": Benchmark("One large photo", _HERE / "photo.py"),
    "folder": Benchmark("A folder of photos", _HERE / "folder.py"),
    "networks": Benchmark("Networks beside matrix products", _HERE / "networks.py"),
    "search": Benchmark("A search among a million", _HERE / "search.py"),
    "growth": Benchmark(
        "What one face costs as there are more",
        _HERE / "growth.py",
        ("--plot", str(_HERE.parent / "docs/growth.svg")),
    ),
    "workers": Benchmark("Two workers beside one", _HERE / "workers.py"),
    "iteration": Benchmark(
        "An iteration of fine-tuning",
        _MAKEUP / "iteration.py",
        ("--variants", "plain,adapter"),
    ),
    "inversion": Benchmark("Inversion and generation of one photo", _MAKEUP / "inversion.py"),
}


def machine() -> str:
    """One line about it."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads."
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(BENCHMARKS), help="names, separated by commas")
    parser.add_argument("--to", type=Path, default=_HERE / "results.md", help="the file that is written")
    asked = parser.parse_args()
    chosen = asked.only.split(",")
    if unknown := [name for name in chosen if name not in BENCHMARKS]:
        parser.error(f"expected names among {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    parts = ["# Measured by `benchmarks/everything.py`\n", f"{machine()}\n"]
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        benchmark = BENCHMARKS[name]
        command = [sys.executable, benchmark.program, *benchmark.options]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        parts.append(f"## {benchmark.title}\n\n{run.stdout.strip()}\n")
        asked.to.write_text("\n".join(parts), encoding="utf-8")
    print(f"written to {asked.to}")


if __name__ == "__main__":
    main()
