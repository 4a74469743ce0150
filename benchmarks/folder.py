"""A folder of photos: seconds and memory of `anonymize --method blur` beside `deface`, and their growth.

    uv run python benchmarks/folder.py [--photos 40] [--rounds 3] [--growth 10,100]

The photos, 1600 x 1200 pixels with two faces of nobody each, are the same for both, which run alternately; `deface`
(CenterFace on ONNX Runtime) is installed in an environment of its own, and measured once that is there. It blurs and
writes; this project also reads every written file back, seeks its faces again and judges them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from composites import Portrait, Spot, compose, ground, portraits
from PIL import Image
from spent import OURS, Spent, medians, peer, spent

from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import make_finder

_SIDES = (1600, 1200)


def put_photos(folder: Path, known: Sequence[Portrait], count: int) -> Path:
    """So many photos in a new folder, by number the same in every run."""
    folder.mkdir()
    for number in range(count):
        random = np.random.default_rng(number)
        first, second = random.choice(len(known), 2, replace=False)
        sizes, y = random.uniform(120, 300, 2), random.uniform(450, 750)
        spots = [Spot(known[first], (450, y), sizes[0]), Spot(known[second], (1150, y), sizes[1])]
        rgb, _ = compose(ground(*_SIDES, random), spots)
        Image.fromarray(rgb).save(folder / f"{number:05d}.jpg", quality=92)
    return folder


def ours(folder: Path, output: Path) -> Spent:
    """This project's run."""
    return spent([*OURS, "anonymize", folder, "--method", "blur", "--output", output, "--overwrite"])


def beside_deface(folder: Path, output: Path, rounds: int) -> None:
    """A table of both."""
    theirs = [*peer("deface", "onnx", "onnxruntime"), "deface", "--backend", "onnxrt"]
    files = sorted(folder.iterdir())
    copies = [output / file.name for file in files]
    output.mkdir()
    for file, copy in zip(files, copies, strict=True):
        copy.hardlink_to(file)
    spent([*theirs, "--version"])
    runs = [(ours(folder, output.with_name("ours")), spent([*theirs, *copies])) for _ in range(rounds)]
    print(f"{len(files)} photos, {rounds} rounds, medians.\n")
    print("| | seconds | photos a second | processor seconds | GiB | times deface |\n|---|---|---|---|---|---|")
    ratio = statistics.median(mine.wall / other.wall for mine, other in runs)
    for name, column, times in (("privacy-faces", 0, ratio), ("deface", 1, 1.0)):
        usual = medians([run[column] for run in runs])
        rate = len(files) / usual.wall
        print(f"| {name} | {usual.wall:.1f} | {rate:.2f} | {usual.processor:.1f} | {usual.peak:.2f} | {times:.2f} |")


def growth(root: Path, known: Sequence[Portrait], counts: Sequence[int]) -> None:
    """A table of seconds a photo and memory by the number of photos."""
    print("\n| photos | seconds a photo | GiB |\n|---|---|---|")
    for count in counts:
        run = ours(put_photos(root / f"in-{count}", known, count), root / f"out-{count}")
        print(f"| {count} | {run.wall / count:.2f} | {run.peak:.2f} |", flush=True)


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", default="10,100", help="numbers of photos, separated by commas")
    asked = parser.parse_args()
    known = portraits(resource("assets/faces"), make_finder())
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        beside_deface(put_photos(root / "in", known, asked.photos), root / "deface", asked.rounds)
        growth(root, known, [int(count) for count in asked.growth.split(",")])


if __name__ == "__main__":
    main()
