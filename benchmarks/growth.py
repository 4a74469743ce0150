"""What a face costs as there are more of them: seconds and memory by the number of photos, of faces in a photo, of
recognizers that judge, and of enrolled embeddings.

    uv run python benchmarks/growth.py [--photos 8,32] [--faces 1,4,16] [--gallery 10000,100000,1000000]
    uv run python benchmarks/growth.py --plot docs/growth.svg

A face's seconds are what the photos add to the same command on the smallest of them: the start is paid once. The first
two tables are of `anonymize --method blur --workers 1`; the third of the recognizers whose weights are here; the last
of `evaluation.identification.ranks`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from composites import Portrait, portraits
from networks import ready
from photos import put_photos
from search import embeddings
from spent import OURS, Spent, spent

from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import make_finder

#: What grows: its amount, seconds for each face (or comparison), and the most memory, in GiB.
Rows = list[tuple[int, float, float]]


def blurred(photos: Path, *options: str) -> Spent:
    """A run of the command on a folder."""
    with tempfile.TemporaryDirectory() as output:
        return spent([*OURS, "anonymize", photos, "--method", "blur", "--output", output, "--workers", "1", *options])


def by_photos(root: Path, known: Sequence[Portrait], counts: Sequence[int]) -> Rows:
    """Photos of two faces each."""
    start = blurred(put_photos(root / "one", known, 1))
    rows = []
    for count in counts:
        run = blurred(put_photos(root / f"photos-{count}", known, count))
        rows.append((count, (run.wall - start.wall) / (2 * (count - 1)), run.peak))
    return rows


def by_faces(root: Path, known: Sequence[Portrait], counts: Sequence[int], photos: int = 4) -> Rows:
    """Four photos of so many faces each."""
    rows = []
    for count in counts:
        folder = put_photos(root / f"faces-{count}", known, photos, count)
        first = put_photos(root / f"first-{count}", known, 1, count)
        run = blurred(folder)
        rows.append((count, (run.wall - blurred(first).wall) / (count * (photos - 1)), run.peak))
    return rows


def by_recognizers(root: Path, known: Sequence[Portrait], photos: int = 8) -> Rows:
    """Eight photos of two faces, judged by more and more of the recognizers whose weights are here."""
    names = ready()
    folder, first = put_photos(root / "judged", known, photos), put_photos(root / "judged-first", known, 1)
    rows = []
    for count in range(1, len(names) + 1):
        judges = ["--recognizers", ",".join(names[:count])]
        run = blurred(folder, *judges)
        rows.append((count, (run.wall - blurred(first, *judges).wall) / (2 * (photos - 1)), run.peak))
    return rows


def by_gallery(counts: Sequence[int], probes: int = 1000) -> Rows:
    """A thousand probes in so many embeddings; memory is that of the embeddings."""
    from privacy_faces.evaluation.identification import ranks

    rows = []
    for count in counts:
        asked, enrolled = embeddings(count, min(probes, count))
        people = np.arange(count)
        started = time.perf_counter()
        ranks(asked, enrolled, people, people[: len(asked)])
        rows.append((count, (time.perf_counter() - started) / (len(asked) * count), enrolled.nbytes / 2**30))
    return rows


def plotted(parts: dict[str, Rows], path: Path) -> None:
    """A picture of all, each as a share of its first row's seconds: flat is 1."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("svg")
    figure, axes = pyplot.subplots(1, len(parts), figsize=(3.2 * len(parts), 2.8), sharey=True, layout="constrained")
    for axis, (name, rows) in zip(axes, parts.items(), strict=True):
        counts = [count for count, _, _ in rows]
        axis.plot(counts, [seconds / rows[0][1] for _, seconds, _ in rows], marker="o", color="#2b5c8a")
        axis.set(xlabel=name, ylim=(0, 2), xticks=counts)
        if counts[-1] > 50:
            axis.set_xscale("log")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("seconds, times the first")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers: Callable[[str], list[int]] = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--photos", type=numbers, default=[8, 32], metavar="N,N,...")
    parser.add_argument("--faces", type=numbers, default=[1, 4, 16], metavar="N,N,...")
    parser.add_argument("--gallery", type=numbers, default=[10_000, 100_000, 1_000_000], metavar="N,N,...")
    parser.add_argument("--plot", type=Path, help="an .svg file to draw into")
    asked = parser.parse_args()
    known = portraits(resource("assets/faces"), make_finder())
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        parts = {
            "photos": by_photos(root, known, asked.photos),
            "faces in a photo": by_faces(root, known, asked.faces),
            "recognizers": by_recognizers(root, known),
            "embeddings in the gallery": by_gallery(asked.gallery),
        }
    for name, rows in parts.items():
        unit = "microseconds a comparison" if name.startswith("embeddings") else "milliseconds a face"
        scale = 1e6 if name.startswith("embeddings") else 1e3
        print(f"| {name} | {unit} | GiB |\n|---|---|---|")
        for count, seconds, peak in rows:
            print(f"| {count} | {scale * seconds:.4g} | {peak:.2f} |")
        print()
    if asked.plot:
        plotted(parts, asked.plot)


if __name__ == "__main__":
    main()
