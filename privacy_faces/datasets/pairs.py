"""Which protected photo belongs to which original: folders of one tree, PrivacyPreservingDiffusion's names, or a table
of pairs."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from privacy_faces.datasets.folder import LabelledPhoto, metadata_of, photos_below

# The names that PrivacyPreservingDiffusion writes into original/ and results/: image id and class id.
_PPD_ORIGINAL = re.compile(r"(?P<image>.+)-img-label-(?P<label>.+)\.\w+")
_PPD_RESULT = re.compile(r"(?P<image>.+)-generated-label-(?P<label>.+)\.\w+")
# What `anonymize` leaves beside its results.
_MASKS = "masks"
_COLUMNS = ("original", "protected")


class PairsError(ValueError):
    """Folders or a table in which no pair, or not every pair, can be found."""


@dataclass(frozen=True)
class Pair:
    """An original and its protected version.

    Attributes:
        name: for the reader; no two pairs that are judged together have the same.
        person: who is in it.
        original: the unprotected photo.
        protected: the protected one; None where there is none.
        groups: column -> value of the metadata.
        target: name of the person whom it is to resemble, if any.
    """

    name: str
    person: str
    original: Path
    protected: Path | None
    groups: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None


def find_pairs(originals: Path, protected: Path, table: Path | None = None) -> list[Pair]:
    """Every original with its protected version.

    - With `table`, a CSV file with the columns original and protected (paths below the two folders), and if wanted
      person, target and groups. A photo may be the original of several rows.
    - Where `originals` holds PrivacyPreservingDiffusion's `original/` and `protected` its `results/` (or they are these
      folders): by image and class id.
    - Otherwise by the path below the folders, whatever the file's ending. A person is a folder, or a file where all lie
      in one folder; a metadata.csv beside the originals (ImageFolder's convention) may name the person in a column
      identity, and groups.

    Raises:
        PairsError: when no original has a protected version, or the table is malformed.
        DatasetError: for a folder without photos.
    """
    if table is not None:
        pairs = _from_table(table, originals, protected)
    else:
        ours, theirs = (
            folder / sub if (folder / sub).is_dir() else folder
            for folder, sub in ((originals, "original"), (protected, "results"))
        )
        before, after = photos_below(ours), photos_below(theirs)
        named = [_PPD_ORIGINAL.fullmatch(photo.path.name) for photo in before]
        pairs = _of_ppd(before, after) if all(named) else _by_path(ours, before, theirs, after)
    if not any(pair.protected for pair in pairs):
        raise PairsError(
            f"Expected protected photos in {protected} with the paths of those in {originals} (the ending may "
            "differ), or the names IMAGE-img-label-CLASS and "
            f"IMAGE-generated-label-CLASS, found no pair among {len(pairs)} originals. Name them in a table: --pairs "
            "FILE with the columns original,protected."
        )
    return pairs


def _by_path(
    root: Path, before: Sequence[LabelledPhoto], protected_root: Path, after: Sequence[LabelledPhoto]
) -> list[Pair]:
    results = {
        _stem(photo.path, protected_root): photo.path
        for photo in after
        if _MASKS not in photo.path.relative_to(protected_root).parts
    }
    metadata = metadata_of(root)
    pairs = []
    for photo in before:
        groups = dict(metadata.get(photo.path, {}))
        person = groups.pop("identity", photo.identity)
        pairs.append(
            Pair(str(photo.path.relative_to(root)), person, photo.path, results.get(_stem(photo.path, root)), groups)
        )
    return pairs


def _of_ppd(before: Sequence[LabelledPhoto], after: Sequence[LabelledPhoto]) -> list[Pair]:
    results = {
        (match["image"], match["label"]): photo.path
        for photo in after
        if (match := _PPD_RESULT.fullmatch(photo.path.name))
    }
    matches = [(photo.path, match) for photo in before if (match := _PPD_ORIGINAL.fullmatch(photo.path.name))]
    return [
        Pair(path.name, match["label"], path, results.get((match["image"], match["label"]))) for path, match in matches
    ]


def _from_table(table: Path, originals: Path, protected: Path) -> list[Pair]:
    if not table.is_file():
        raise PairsError(f"Expected a CSV file with the columns {', '.join(_COLUMNS)} at {table}, found none.")
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(_COLUMNS) <= rows[0].keys():
        raise PairsError(
            f"Expected rows with the columns {', '.join(_COLUMNS)} in {table}, found "
            f"{', '.join(rows[0]) if rows else 'none'}."
        )
    pairs = []
    often = Counter(row["original"] for row in rows)
    for number, row in enumerate(rows, 2):
        repeated = f", line {number}" if often[row["original"]] > 1 else ""
        original, made = (
            _inside(folder, row.pop(column), table, number)
            for folder, column in zip((originals, protected), _COLUMNS, strict=True)
        )
        person, target = row.pop("person", None), row.pop("target", None)
        name = original.relative_to(originals)
        groups = {column: value for column, value in row.items() if column and value}
        pairs.append(
            Pair(
                f"{name}{repeated}",
                person or str(name.parent if name.parent.name else name.stem),
                original,
                made,
                groups,
                target or None,
            )
        )
    return pairs


def _inside(folder: Path, name: str | None, table: Path, number: int) -> Path:
    path = folder / (name or "")
    if not name or not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise PairsError(f"Expected a file below {folder} in line {number} of {table}, found {name!r}.")
    return path


def _stem(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()
