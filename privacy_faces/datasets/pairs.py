"""Pairs of an original and its protected version, and the table that names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from privacy_faces.datasets.tables import read_rows

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


def read_table(table: Path, originals: Path, protected: Path) -> list[Pair]:
    """The pairs of a CSV file, with paths below two folders; `find_pairs` says which columns it has.

    Raises:
        PairsError: when it is missing or malformed, or names a file that is not there.
    """
    if not table.is_file():
        raise PairsError(f"Expected a CSV file with the columns {', '.join(_COLUMNS)} at {table}, found none.")
    rows = read_rows(table, PairsError)
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
    if not name or "\0" in name or not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise PairsError(f"Expected a file below {folder} in line {number} of {table}, found {name!r}.")
    return path
