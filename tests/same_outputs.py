"""Do two checkouts make the same files? Ten photos, every method that both have, one thread, compared byte for byte.

    python tests/same_outputs.py ../before . --work /tmp/same-outputs

Each checkout runs in its own environment (`uv run`). What the first one made is kept in --work and used again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

FACES = Path(__file__).parent.parent / "assets" / "faces"
_COLUMNS = ("similarity_before", "similarity", "matched")


def make_photos(folder: Path) -> None:
    """Ten photos: sizes, formats, depths, two faces in one, and faces in a corner."""
    folder.mkdir(parents=True, exist_ok=True)

    def face(number: int, side: int) -> Image.Image:
        return Image.open(FACES / f"{number:03d}.png").convert("RGB").resize((side, side), Image.Resampling.LANCZOS)

    def on_gray(width: int, height: int, *placed: tuple[Image.Image, int, int]) -> Image.Image:
        photo = Image.new("RGB", (width, height), (118, 122, 128))
        for picture, x, y in placed:
            photo.paste(picture, (x, y))
        return photo

    Image.fromarray(astronaut()).save(folder / "a-png.png")
    Image.fromarray(astronaut()).save(folder / "b-jpeg.jpg", quality=92)
    face(1, 300).save(folder / "c-face.png")
    face(2, 640).save(folder / "d-face.jpg", quality=95)
    face(3, 256).save(folder / "e-face.webp", quality=90)
    face(4, 300).convert("L").save(folder / "f-gray.png")
    on_gray(900, 420, (face(5, 320), 60, 50), (face(6, 280), 520, 70)).save(folder / "g-two.png")
    on_gray(800, 600, (face(7, 256), 500, 300)).save(folder / "h-corner.jpg", quality=90)
    Image.fromarray(np.asarray(face(8, 400))[:, ::-1]).save(folder / "i-mirrored.bmp")
    face(9, 512).save(folder / "j-face.tif")


def methods(checkout: Path) -> list[str]:
    """The names of the installed methods."""
    listed = _run(checkout, "methods", "--json")
    return [row["name"] for row in json.loads(listed)["methods"] if row["installed"]]


def _run(checkout: Path, *arguments: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        ["uv", "run", "--quiet", "privacy-faces", *arguments],
        cwd=checkout,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode == 2:
        raise SystemExit(f"{checkout}: privacy-faces {' '.join(arguments)} failed")
    return done.stdout


def _receipts(folder: Path, photo: Path) -> list[tuple[object, ...]]:
    content = json.loads((folder / f"{photo.stem}.receipt.json").read_text(encoding="utf-8"))
    return [
        (name, *(row[column] for column in _COLUMNS))
        for face in content["faces"]
        for name, row in face["recognizers"].items()
    ]


def main() -> None:
    """Print one line per method and photo that differ, then the counts; exit with 1 when a file differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--work", type=Path, default=Path("outputs/same-outputs"))
    parser.add_argument("--methods", help="names, separated by commas; default: all that both have")
    given = parser.parse_args()
    work = given.work.resolve()
    make_photos(work / "photos")
    both = given.methods.split(",") if given.methods else sorted(set(methods(given.before)) & set(methods(given.after)))
    # Older checkouts know full receipts only.
    full = {
        name: ["--receipts", "full"]
        if "--receipts" in _run(checkout, "anonymize", "--method", both[0], "--help")
        else []
        for checkout, name in ((given.before, "before"), (given.after, "after"))
    }
    same = differing = 0
    for method in both:
        for checkout, name in ((given.before, "before"), (given.after, "after")):
            again = ["--overwrite"] if name == "after" else []
            _run(
                checkout,
                "anonymize",
                str(work / "photos"),
                "--method",
                method,
                "--output",
                str(work / name / method),
                "--device",
                "cpu",
                *full[name],
                *again,
            )
        for photo in sorted((work / "photos").iterdir()):
            old, new = (work / name / method for name in ("before", "after"))
            if not (old / photo.name).exists() and not (new / photo.name).exists():
                continue
            if (old / photo.name).read_bytes() == (new / photo.name).read_bytes():
                same += 1
            else:
                differing += 1
                print(f"{method} {photo.name}: the files differ")
            if _receipts(old, photo) != _receipts(new, photo):
                print(
                    f"{method} {photo.name}: the receipts differ: {_receipts(old, photo)} before, "
                    f"{_receipts(new, photo)} after"
                )
    print(f"{len(both)} methods: {same} files are the same, {differing} differ")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
