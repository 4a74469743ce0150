"""One folder per person, photos inside: the layout of ImageFolder, LFW, and most face data sets."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from privacy_faces.config.files import readable
from privacy_faces.datasets.signatures import begins_as_photo
from privacy_faces.datasets.tables import read_rows
from privacy_faces.datasets.walk import walk

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".hif", ".avif"})


class DatasetError(ValueError):
    """A folder that is not laid out as expected."""


@dataclass(frozen=True)
class LabeledPhoto:
    """A photo and the person in it."""

    path: Path
    identity: str


def identity_folders(root: Path) -> list[LabeledPhoto]:
    """Every photo of `root`/IDENTITY/FILE, in order of path.

    Raises:
        DatasetError: when there is no such folder, or no photo in it.
    """
    if not root.is_dir():
        raise DatasetError(f"Expected a folder with one sub-folder per person, found none at {root}.")
    photos = [
        LabeledPhoto(path, folder.name)
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        for path in photos_in(folder)
    ]
    if not photos:
        raise DatasetError(
            f"Expected photos in {root}/PERSON/, found none with the endings {', '.join(sorted(_SUFFIXES))}."
        )
    return photos


def photos_in(folder: Path) -> list[Path]:
    """The photos directly in a folder, in order of name."""
    return sorted(path for path in folder.iterdir() if is_photo(path.name))


def is_photo(name: str) -> bool:
    """Whether a file is one, told by its ending."""
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def photos_below(root: Path) -> list[LabeledPhoto]:
    """Every photo in `root` and the folders below it, in order of path; the person is told by the folder, or by the
    file's name directly in `root`.

    Raises:
        DatasetError: when there is no such folder, or no photo in it.
    """
    if not root.is_dir():
        raise DatasetError(f"Expected a folder of photos, found none at {root}.")
    photos = [path for path in walk(root).files if (is_photo(path.name) and path.is_file()) or begins_as_photo(path)]
    if not photos:
        raise DatasetError(f"Expected photos in {root}, found none with the endings {', '.join(sorted(_SUFFIXES))}.")
    return [
        LabeledPhoto(path, readable(path.stem if path.parent == root else str(path.parent.relative_to(root))))
        for path in photos
    ]


def metadata_of(root: Path) -> dict[Path, dict[str, str]]:
    """Photo -> column -> value of `root`/metadata.csv, in the convention of ImageFolder: a column file_name, relative
    to `root`, and any others; else nothing.

    Raises:
        DatasetError: when the file has no such column, or names a photo outside of `root`.
    """
    path = root / "metadata.csv"
    if not path.is_file():
        return {}
    rows = read_rows(path, DatasetError)
    if rows and "file_name" not in rows[0]:
        raise DatasetError(f"Expected a column file_name in {path}, found {', '.join(rows[0])}.")
    found = {}
    for row in rows:
        photo = root / row.pop("file_name")
        if not photo.resolve().is_relative_to(root.resolve()):
            raise DatasetError(f"Expected photos inside {root} in {path}, found {photo}.")
        found[photo] = {column: value for column, value in row.items() if column and value}
    return found


def content_hash(photos: list[LabeledPhoto]) -> str:
    """The sha256 over identities and bytes of all photos: which data a number was measured on."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(f"{photo.identity}/{photo.path.name}\0".encode())
        digest.update(hashlib.sha256(photo.path.read_bytes()).digest())
    return digest.hexdigest()
