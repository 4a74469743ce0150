"""How long somebody waits: for help and lists, and for one photo, beside what importing torch alone takes.

    uv run python benchmarks/startup.py [--rounds 3]

Every command runs in a process of its own, all of them in turn, round after round, so that what else the machine does
meets all alike. Printed are medians: of the wall clock, of processor time, and of their ratio to `import torch`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from spent import OURS, Spent, medians, spent

_TORCH = "import torch"


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured; the photo is the sample that ships."""
    photo = ["anonymize", "--overwrite", "--output", str(folder)]
    return {
        _TORCH: [sys.executable, "-c", _TORCH],
        "--help": [*OURS, "--help"],
        "methods": [*OURS, "methods"],
        "weights list": [*OURS, "weights", "list"],
        "anonymize --method blur, the sample photo": [*OURS, *photo, "--method", "blur"],
        "anonymize --method inpaint-gradcam, the sample photo": [*OURS, *photo, "--method", "inpaint-gradcam"],
    }


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each command runs")
    rounds = parser.parse_args().rounds
    found: dict[str, list[Spent]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, command in commands(Path(folder)).items():
                found.setdefault(name, []).append(spent(command))
    print(f"{rounds} rounds. Memory is that of the processes of one command at a time.\n")
    print("| command | seconds | processor seconds | GiB | times `import torch` |\n|---|---|---|---|---|")
    for name, runs in found.items():
        usual = medians(runs)
        ratio = statistics.median(mine.wall / theirs.wall for mine, theirs in zip(runs, found[_TORCH], strict=True))
        print(f"| {name} | {usual.wall:.2f} | {usual.processor:.2f} | {usual.peak:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
