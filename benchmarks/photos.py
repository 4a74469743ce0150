"""Folders of photos composed of faces of nobody: what the benchmarks of whole commands read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from composites import Portrait, Spot, compose, ground
from PIL import Image


def put_photos(
    folder: Path, known: Sequence[Portrait], count: int, faces: int = 2, sides: tuple[int, int] = (1600, 1200)
) -> Path:
    """So many photos in a new folder, by number the same in every run.

    Args:
        faces: of each photo, at most 24, side by side in as many rows as that takes.
        sides: width and height; the faces of the usual ones are 120 to 200 pixels wide, larger ones have larger faces.
    """
    folder.mkdir()
    across = min(faces, 6)
    down = -(-faces // across)
    for number in range(count):
        random = np.random.default_rng(number)
        people = random.choice(len(known), faces, replace=False)
        spots = []
        for place, person in enumerate(people):
            row, column = divmod(place, across)
            center = (sides[0] * (column + 0.5) / across, sides[1] * (row + 0.5) / down)
            spots.append(Spot(known[person], center, random.uniform(120, 200) * sides[0] / 1600))
        rgb, _ = compose(ground(*sides, random), spots)
        Image.fromarray(rgb).save(folder / f"{number:05d}.jpg", quality=92)
    return folder
