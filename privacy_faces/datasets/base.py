"""What every reader of a data set gives, and how it finds its files.

A reader is a function `read_NAME(root)` that returns a `DataSet` or raises `DatasetError`. Names that a list of the
data set gives are looked up among the files of its folders, and never opened as they stand, so that none of them leads
out of the root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from privacy_faces.datasets.folder import DatasetError, LabeledPhoto, photos_in

# Photos that a message names, of many.
_NAMED = 5
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz")


@dataclass(frozen=True)
class DataSet:
    """Photos, and who is in them.

    Attributes:
        name: as people call it.
        parts: name -> photos, in order of name; a part may lie within another, such as "train" within "all".
        notes: what the reader noticed, for the user.
    """

    name: str
    parts: Mapping[str, Sequence[LabeledPhoto]]
    notes: Sequence[str] = ()


def find(root: Path, names: Sequence[str], what: str, origin: str) -> Path:
    """The first of `names` that is there below `root`.

    Args:
        root: of the data set.
        names: where it may lie, the usual place first.
        what: it is, for the message.
        origin: where to get the data set, for the message.

    Raises:
        DatasetError: when none is.
    """
    if not root.is_dir():
        raise DatasetError(f"Expected a folder with {what}, found no folder at {root}. {origin}")
    for name in names:
        if (root / name).exists():
            return root / name
    there = sorted(path.name for path in root.iterdir())
    packed = [name for name in there if name.lower().endswith(_ARCHIVES)]
    unpack = f" Unpack {', '.join(packed)} first." if packed else ""
    raise DatasetError(f"Expected {what} at {root / names[0]}, found {some(there)} in {root}.{unpack} {origin}")


def photos_of(folder: Path, what: str, origin: str) -> dict[str, Path]:
    """Name -> path of the photos directly in a folder, in order of name.

    Raises:
        DatasetError: when there is none.
    """
    photos = {path.name: path for path in photos_in(folder)} if folder.is_dir() else {}
    if not photos:
        raise DatasetError(f"Expected {what} in the folder {folder}, found none. {origin}")
    return photos


def lines_of(path: Path) -> list[tuple[int, str]]:
    """Number and text of every line of a list that is not empty.

    Raises:
        DatasetError: when the file is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(f"Expected a text file at {path}, found other bytes. Copy or download it again.") from None
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def some(names: Sequence[str]) -> str:
    """The first few names of many, for a message."""
    if not names:
        return "nothing"
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
