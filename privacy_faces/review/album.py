"""The photos that are reviewed: their faces, and small pictures of both for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.files import readable
from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.photos.faces import to_uint8
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.overlay import jpeg
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.find import face_picture, find_faces
from privacy_faces.pipeline.inputs import photos_in
from privacy_faces.pipeline.listing import FaceList

#: The longest side of a picture on the page, in pixels.
SIDE = 1280


@dataclass(frozen=True)
class Sheet:
    """One photo of the album.

    Attributes:
        path: of its file.
        name: below the folder that was searched.
        width, height: upright, in pixels.
    """

    path: Path
    name: str
    width: int
    height: int


@dataclass(frozen=True)
class Album:
    """Everything that is reviewed.

    Attributes:
        inputs: as they were named.
        sheets: the photos, in the order of the list.
        faces: the list, every face changed.
        failed: photo that could not be read -> the reason.
        pictures: folder with `photo-I.jpg` for each photo, and `face-I-J.jpg` for each of its faces.
    """

    inputs: tuple[Path, ...]
    sheets: tuple[Sheet, ...]
    faces: FaceList
    failed: dict[str, str]
    pictures: Path


def open_album(
    inputs: Sequence[Path],
    pictures: Path,
    *,
    profile: str = "embedded",
    run: Mapping[str, Any] | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Album:
    """Find the faces and tell the people apart, as `find_faces` does, and make the pictures.

    Args:
        inputs: files and folders.
        pictures: an empty folder, which nobody else may look into.
        profile, run, progress: as for `find_faces`.

    Raises:
        ValueError: as `find_faces`.
    """
    listed = find_faces(inputs, profile=profile, run=run, progress=progress)
    found, _, _ = photos_in(inputs)
    paths = [path for path, _ in found if readable(str(path)) not in listed.failed]
    sheets = []
    for place, (path, photo) in enumerate(zip(paths, listed.faces.photos, strict=True)):
        original = read_photo(path, (run or {}).get("max_memory", MAX_MEMORY))
        (pictures / f"photo-{place}.jpg").write_bytes(jpeg(shrunk(original)))
        for index, face in enumerate(photo.faces):
            (pictures / f"face-{place}-{index}.jpg").write_bytes(face_picture(original.rgb, np.array(face.box)))
        sheets.append(Sheet(path, photo.photo, original.width, original.height))
    return Album(tuple(inputs), tuple(sheets), listed.faces, listed.failed, pictures)


def shrunk(photo: Photo) -> NDArray[np.uint8]:
    """What the page shows of a photo: (H, W, 3), at most `SIDE` pixels on its longest side."""
    rgb = to_uint8(photo.rgb)
    scale = SIDE / max(photo.height, photo.width)
    if scale >= 1:
        return rgb
    size = (max(1, round(scale * photo.width)), max(1, round(scale * photo.height)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
