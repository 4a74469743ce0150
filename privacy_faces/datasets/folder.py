"""One folder per person, photos inside: the layout of ImageFolder, LFW, and most face data sets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


class DatasetError(ValueError):
    """A folder that is not laid out as expected."""


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo and the person in it."""

    path: Path
    identity: str


def identity_folders(root: Path) -> list[LabelledPhoto]:
    """Every photo of `root`/IDENTITY/FILE, in order of path.

    Raises:
        DatasetError: when there is no such folder, or no photo in it.
    """
    if not root.is_dir():
        raise DatasetError(f"Expected a folder with one sub-folder per person, found none at {root}.")
    photos = [
        LabelledPhoto(path, folder.name)
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]
    if not photos:
        raise DatasetError(f"Expected photos in {root}/PERSON/, found none with the endings {', '.join(sorted(_SUFFIXES))}.")
    return photos


def photos_below(root: Path) -> list[LabelledPhoto]:
    """Every photo in `root` and the folders below it, in order of path; the person is told by the folder, or by the file's name directly in `root`.

    Raises:
        DatasetError: when there is no such folder, or no photo in it.
    """
    if not root.is_dir():
        raise DatasetError(f"Expected a folder of photos, found none at {root}.")
    photos = sorted(path for path in root.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not photos:
        raise DatasetError(f"Expected photos in {root}, found none with the endings {', '.join(sorted(_SUFFIXES))}.")
    return [LabelledPhoto(path, path.stem if path.parent == root else str(path.parent.relative_to(root))) for path in photos]


def content_hash(photos: list[LabelledPhoto]) -> str:
    """The sha256 over identities and bytes of all photos: which data a number was measured on."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(f"{photo.identity}/{photo.path.name}\0".encode())
        digest.update(hashlib.sha256(photo.path.read_bytes()).digest())
    return digest.hexdigest()
