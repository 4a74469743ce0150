"""Identification in a large gallery: our ranks beside the exact search of `faiss-cpu`, on the same embeddings.

    uv run python benchmarks/search.py [--gallery 1000000] [--probes 1000] [--rounds 2]

Embeddings are random, 128 numbers of unit length; each probe is an enrolled one and noise. `faiss` (IndexFlatIP, the
five most similar) runs in an environment of its own, alternately with ours, and says who is among the first five. A
person is one photo here.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from spent import peer

_D, _FIRST = 128, 5


def embeddings(gallery: int, probes: int) -> tuple[np.ndarray, np.ndarray]:
    """Probes (N, 128) and gallery (M, 128); probe i shows who stands in row i."""
    random = np.random.default_rng(0)
    enrolled = random.standard_normal((gallery, _D), np.float32)
    asked = enrolled[:probes] + 2.2 * random.standard_normal((probes, _D), np.float32)
    return tuple(rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (asked, enrolled))  # type: ignore[return-value]


def found_by_us(probes: np.ndarray, gallery: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds, and who is among the first five (N,)."""
    from privacy_faces.evaluation.identification import ranks

    people = np.arange(len(gallery))
    started = time.perf_counter()
    found = ranks(probes, gallery, people, people[: len(probes)]) <= _FIRST
    return time.perf_counter() - started, found


def found_by_faiss(probes: np.ndarray, gallery: np.ndarray) -> tuple[float, np.ndarray]:
    """As `found_by_us`."""
    import faiss  # type: ignore[import-not-found]

    started = time.perf_counter()
    index = faiss.IndexFlatIP(_D)
    index.add(gallery)
    _, rows = index.search(probes, _FIRST)
    return time.perf_counter() - started, (rows == np.arange(len(probes))[:, None]).any(1)


def main() -> None:
    """Measure and print a table in Markdown; with --who, be one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gallery", type=int, default=1_000_000)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--who", choices=["ours", "faiss"], help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.who:
        search = {"ours": found_by_us, "faiss": found_by_faiss}[asked.who]
        seconds, found = search(*embeddings(asked.gallery, asked.probes))
        np.savez(asked.answer, seconds=seconds, found=found)
        return
    python = {"ours": [sys.executable], "faiss": [*peer("faiss-cpu", "numpy", "psutil"), "python"]}
    seconds: dict[str, list[float]] = {who: [] for who in python}
    answers = []
    sizes = ["--gallery", str(asked.gallery), "--probes", str(asked.probes)]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            for who, start in python.items():
                answer = Path(folder) / f"{who}.npz"
                subprocess.run([*start, __file__, *sizes, "--who", who, "--answer", str(answer)], check=True)
                with np.load(answer) as file:
                    seconds[who].append(float(file["seconds"]))
                    answers.append(file["found"])
    agree = all((answer == answers[0]).all() for answer in answers)
    ratio = statistics.median(mine / theirs for mine, theirs in zip(*seconds.values(), strict=True))
    print(f"{asked.probes} probes in {asked.gallery} embeddings, {asked.rounds} rounds, medians.")
    print(f"The same answers: {'yes' if agree else 'no'}.\n")
    print("| | seconds | times faiss |\n|---|---|---|")
    for who, times in (("ours", ratio), ("faiss", 1.0)):
        print(f"| {who} | {statistics.median(seconds[who]):.2f} | {times:.2f} |")


if __name__ == "__main__":
    main()
