"""Two workers beside one: `--workers 2`, `accelerate launch` and Ray, one thread each, on the same folder of photos.

    uv run python benchmarks/workers.py [--photos 24] [--rounds 1]

Starting is paid by every worker, and shared by nobody; so each way is also run on one photo for each worker, and what
the others added is compared too ("after the start").
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from composites import portraits
from photos import put_photos
from spent import OURS, spent

from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import make_finder

_LAUNCHER = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
_QUIET = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
_LAUNCHED = [*_LAUNCHER, *_QUIET, "-m", "privacy_faces"]
#: Way -> the command before its verb, what follows the verb's other options, and its number of workers.
WAYS: dict[str, tuple[list[str], list[str], int]] = {
    "one process": (OURS, [], 1),
    "--workers 2": (OURS, ["--workers", "2"], 2),
    "accelerate launch, 2 processes": (_LAUNCHED, [], 2),
    "Ray, 1 worker": (OURS, ["--engine", "ray", "--workers", "1"], 1),
    "Ray, 2 workers": (OURS, ["--engine", "ray", "--workers", "2"], 2),
}


def seconds(way: str, folder: Path) -> float:
    """Of a run on that folder."""
    command, more, _ = WAYS[way]
    with tempfile.TemporaryDirectory() as output:
        verb = ["anonymize", str(folder), "--method", "blur", "--output", output]
        return spent([*command, *verb, *more]).wall


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    known = portraits(resource("assets/faces"), make_finder())
    whole: dict[str, list[float]] = {way: [] for way in WAYS}
    added: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = put_photos(root / "all", known, asked.photos)
        few = {count: put_photos(root / f"first-{count}", known, count) for count in (1, 2)}
        for _ in range(asked.rounds):
            for way, (_, _, workers) in WAYS.items():
                whole[way].append(seconds(way, folder))
                per_photo = (whole[way][-1] - seconds(way, few[workers])) / (asked.photos - workers)
                added[way].append(per_photo)
    print(f"{asked.photos} photos, {asked.rounds} rounds, medians; one thread for each worker.\n")
    print("| | seconds | times faster | after the start, seconds a photo | times faster |\n|---|---|---|---|---|")
    for way in WAYS:
        alone = "Ray, 1 worker" if way.startswith("Ray") else "one process"
        faster = [
            statistics.median(one / two for one, two in zip(times[alone], times[way], strict=True))
            for times in (whole, added)
        ]
        row = statistics.median(whole[way]), faster[0], statistics.median(added[way]), faster[1]
        print(f"| {way} | {row[0]:.1f} | {row[1]:.2f} | {row[2]:.2f} | {row[3]:.2f} |")


if __name__ == "__main__":
    main()
