"""All that this project measures of its speed, in one run.

    uv run python benchmarks/everything.py [--only startup,search]

Writes what each benchmark prints, and on what machine, to `benchmarks/results.md`. Peers are installed in environments
of their own (uv). It takes some twenty minutes; do nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil
import torch

# Name -> what is measured.
BENCHMARKS = {
    "startup": "From the key press",
    "folder": "A folder of photos",
    "search": "A search among a million",
}
_HERE = Path(__file__).parent


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
    chosen = parser.parse_args().only.split(",")
    if unknown := [name for name in chosen if name not in BENCHMARKS]:
        parser.error(f"expected names among {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    parts = ["# Measured by `benchmarks/everything.py`\n", f"{machine()}\n"]
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        run = subprocess.run([sys.executable, _HERE / f"{name}.py"], check=True, capture_output=True, text=True)
        parts.append(f"## {BENCHMARKS[name]}\n\n{run.stdout}")
    (_HERE / "results.md").write_text("\n".join(parts), encoding="utf-8")
    print(f"written to {_HERE / 'results.md'}")


if __name__ == "__main__":
    main()
