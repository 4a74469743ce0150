"""Labeled Faces in the Wild (Huang et al., 2007): 13,233 photos of 5,749 people, and lists of pairs to verify.

    lfw/NAME/NAME_0001.jpg      or lfw_funneled/, lfw-funneled/, lfw-deepfunneled/
    pairs.txt                   "10 300": ten sets of 300 matched and 300 mismatched pairs
    pairsDevTrain.txt, ...      "1100": one set

with rows "NAME i j" and "NAME i OTHER j", separated by tabs. The folder of photos is in imagefolder form, which every
verb reads as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from privacy_faces.datasets.base import DataSet, find, lines_of, some
from privacy_faces.datasets.folder import DatasetError, identity_folders
from privacy_faces.datasets.pairs import Pair

#: The values of the group "pair".
SAME, DIFFERENT = "same person", "different people"

_ORIGIN = (
    "LFW comes with scikit-learn: python -c 'from sklearn.datasets import fetch_lfw_pairs; fetch_lfw_pairs()' puts it "
    "into ~/scikit_learn_data/lfw_home."
)
_FOLDERS = ("lfw", "lfw_funneled", "lfw-funneled", "lfw-deepfunneled")


def read_lfw(root: Path, folder: str | None = None) -> DataSet:
    """The photos of LFW in `root`, as the part "all".

    Args:
        root: holds the folder of photos.
        folder: its name; None takes the only one that is there.

    Raises:
        DatasetError: when it is missing or empty, or more than one is there.
    """
    return DataSet("LFW", {"all": identity_folders(photo_folder(root, folder))})


def photo_folder(root: Path, folder: str | None = None) -> Path:
    """Where the photos of `read_lfw` lie; the same arguments and errors."""
    if folder is None:
        present = [name for name in _FOLDERS if (root / name).is_dir()]
        if len(present) > 1:
            raise DatasetError(
                f"Expected one folder of photos in {root}, found {some(present)}. Choose one: --folder {present[0]}"
            )
    return find(root, [folder] if folder else _FOLDERS, "one folder per person", _ORIGIN)


def read_pairs(root: Path, name: str = "pairs.txt", folder: str | None = None) -> list[Pair]:
    """The pairs of a list, in its order, as `datasets.pairs` has them: the second photo stands where a protected
    version would.

    Judged with `evaluate`, pairs of the same person that no longer match are false rejects of unprotected photos, and
    pairs of different people that match are false accepts. The groups are "pair" (`SAME` or `DIFFERENT`) and "set" (1,
    2, ...).

    Args:
        root: holds the list and the folder of photos.
        name: of the list.
        folder: of the photos, as for `read_lfw`.

    Raises:
        DatasetError: for a malformed line, a photo that is not there, or another number of pairs than the first line
            says.
    """
    path = find(root, [name], "the list of pairs", _ORIGIN)
    photos = photo_folder(root, folder)
    there = {photo.path.stem: photo.path for photo in identity_folders(photos)}
    lines = lines_of(path)
    sets, count = _counts(path, lines[0][1] if lines else "")
    rows = lines[1:]
    if len(rows) != 2 * sets * count:
        raise DatasetError(
            f"Expected {2 * sets * count} pairs after the line {lines[0][1]!r} of {path}, found {len(rows)}. {_ORIGIN}"
        )
    pairs = []
    for place, (number, line) in enumerate(rows):
        matched = place // count % 2 == 0
        columns = line.split()
        if len(columns) != (3 if matched else 4):
            form = "a matched pair, NAME i j," if matched else "a mismatched pair, NAME i OTHER j,"
            raise DatasetError(f"Expected {form} in line {number} of {path}, found {line!r}.")
        person, first, other, second = (columns[0], columns[1], columns[0], columns[2]) if matched else columns
        groups = {"pair": SAME if matched else DIFFERENT, "set": str(place // (2 * count) + 1)}
        before, after = (_photo(there, who, index, number, path) for who, index in ((person, first), (other, second)))
        pairs.append(Pair(f"{before.relative_to(photos).as_posix()}, line {number}", person, before, after, groups))
    return pairs


def pairs_table(pairs: Sequence[Pair], photos: Path) -> str:
    """The table of pairs that `datasets.pairs.read_table` reads, with paths below the folder of photos."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["original", "protected", "person", *pairs[0].groups])
    for pair in pairs:
        assert pair.protected is not None  # every pair of LFW has two photos
        writer.writerow(
            [
                *(path.relative_to(photos).as_posix() for path in (pair.original, pair.protected)),
                pair.person,
                *pair.groups.values(),
            ]
        )
    return text.getvalue()


def _counts(path: Path, header: str) -> tuple[int, int]:
    """Sets, and pairs of each kind per set."""
    numbers = header.split()
    if not 1 <= len(numbers) <= 2 or not all(number.isdigit() and int(number) > 0 for number in numbers):
        raise DatasetError(
            "Expected the numbers of sets and of pairs, such as '10 300', or of pairs alone in the first line of "
            f"{path}, found {header!r}."
        )
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else (1, int(numbers[0]))


def _photo(there: Mapping[str, Path], person: str, index: str, number: int, path: Path) -> Path:
    name = f"{person}_{index.zfill(4)}"
    if not index.isdigit() or name not in there:
        raise DatasetError(
            f"Expected a person and the number of a photo in line {number} of {path}, found {person!r} and {index!r}: "
            f"there is no {name}.jpg."
        )
    return there[name]
