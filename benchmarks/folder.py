"""A folder of photos: seconds and memory of `anonymize --method blur` beside `deface`.

    uv run python benchmarks/folder.py [--photos 24] [--rounds 2]

The photos, 1600 x 1200 pixels with two faces of nobody each, are the same for both, which run alternately; `deface`
(CenterFace on ONNX Runtime) is installed in an environment of its own, and measured once that is there. It blurs and
writes; this project also reads every written file back, seeks its faces again and judges them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from composites import portraits
from photos import put_photos
from spent import OURS, Spent, medians, peer, spent

from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import make_finder


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


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    known = portraits(resource("assets/faces"), make_finder())
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        beside_deface(put_photos(root / "in", known, asked.photos), root / "deface", asked.rounds)


if __name__ == "__main__":
    main()
