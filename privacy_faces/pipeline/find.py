"""Every face of some photos, and who they are: the list that a user edits before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.files import beside, readable, sha256_of, write_atomic
from privacy_faces.config.plan import make_plan
from privacy_faces.judge.clusters import people_in
from privacy_faces.judge.observations import make_observer
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import load_thresholds, threshold_for
from privacy_faces.judge.views import view_of
from privacy_faces.photos.faces import Face, to_uint8
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.overlay import jpeg
from privacy_faces.pipeline.faces import faces_shown
from privacy_faces.pipeline.inputs import photos_in
from privacy_faces.pipeline.judges import settled
from privacy_faces.pipeline.listing import FaceList, ListedFace, ListedPhoto
from privacy_faces.weights.places import require

# Side of a thumbnail, in pixels, and by how much of the box it is wider.
_THUMBNAIL, _AROUND = 160, 0.25


@dataclass(frozen=True)
class Listed:
    """What `find_faces` returns.

    Attributes:
        faces: the list.
        failed: photo that could not be read -> the reason.
    """

    faces: FaceList
    failed: dict[str, str]


@dataclass(frozen=True)
class _Seen:
    """A photo with its faces, and their embeddings: recognizer -> (F, D)."""

    name: str
    sha256: str
    faces: list[Face]
    thumbnails: list[str | None]
    embeddings: Mapping[str, NDArray[np.float32]]


def find_faces(
    photos: Sequence[str | Path],
    *,
    thumbnails: str | Path | None = None,
    profile: str = "embedded",
    run: Mapping[str, Any] | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Listed:
    """Every face of photos and folders of photos, with a number for each person.

    Two faces have one number where every recognizer of the run matches them at its false accept rate, and with them all
    others of that number. Two faces of one photo are two people.

    Args:
        photos: files and folders.
        thumbnails: folder for a picture of each face; None: none is written.
        profile: "embedded" or "full"; it names the recognizers.
        run: options of the run that say how faces are found and compared: recognizers, far, thresholds, detector,
            min_face, device, max_memory.
        progress: wrapped around the photos.

    Raises:
        ValueError: always a named subclass: InputError, OptionError, MissingWeightError, ThresholdError, ...

    Example:
        >>> find_faces(["holiday/"]).faces.photos[0].faces[0].person
    """
    # The method plays no part.
    plan = settled(make_plan("fill", profile=profile, run=run))
    options = plan.run
    require(plan.weights())
    thresholds = load_thresholds(options.thresholds)
    found, _, _ = photos_in([Path(photo) for photo in photos])
    observer = make_observer(options, Store())
    seen, failed = list[_Seen](), dict[str, str]()
    for path, relative in progress(found):
        name = readable(relative.as_posix())
        try:
            photo, faces, _ = faces_shown(read_photo(path, options.max_memory), observer.finder.find)
            digest = sha256_of(path)
        except (ValueError, OSError) as error:
            failed[readable(str(path))] = readable(str(error))
            continue
        pictures: list[str | None] = [None for _ in faces]
        if thumbnails is not None:
            pictures = [
                _thumbnail(photo.rgb, face, Path(thumbnails), relative, number) for number, face in enumerate(faces, 1)
            ]
        seen.append(_Seen(name, digest, faces, pictures, observer.embed(view_of(photo.rgb, face) for face in faces)))
    numbers = iter(
        people_in(
            {name: np.concatenate([item.embeddings[name] for item in seen]) for name in observer.ensemble.names}
            if seen
            else {},
            [index for index, item in enumerate(seen) for _ in item.faces],
            {name: threshold_for(thresholds, name, options.far) for name in observer.ensemble.names},
        )
    )
    listed = [
        ListedPhoto(
            photo=item.name,
            sha256=item.sha256,
            faces=[
                _listed(face, next(numbers), picture) for face, picture in zip(item.faces, item.thumbnails, strict=True)
            ],
        )
        for item in seen
    ]
    return Listed(FaceList(schema=1, recognizers=list(observer.ensemble.names), far=options.far, photos=listed), failed)


def _listed(face: Face, person: int, thumbnail: str | None) -> ListedFace:
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box)
    shares = (face.landmarks - [x0, y0]) / [x1 - x0, y1 - y0]
    return ListedFace(
        person=person,
        box=(x0, y0, x1, y1),
        score=round(face.score, 4),
        thumbnail=thumbnail,
        landmarks=[(round(float(x), 4), round(float(y), 4)) for x, y in shares],
    )


def face_picture(rgb: NDArray[Any], box: NDArray[np.float64]) -> bytes:
    """A JPEG file that shows a face to somebody who says who it is.

    Args:
        rgb: (H, W, 3), the photo, 8 or 16 bit.
        box: left, top, right, bottom in its pixels.
    """
    border = _AROUND * (box[2:] - box[:2])
    height, width = rgb.shape[:2]
    x0, y0 = np.clip(np.floor(box[:2] - border), 0, [width - 1, height - 1]).astype(int)
    x1, y1 = np.clip(np.ceil(box[2:] + border), [x0 + 1, y0 + 1], [width, height]).astype(int)
    part = to_uint8(rgb[y0:y1, x0:x1])
    scale = _THUMBNAIL / max(part.shape[:2])
    size = (max(1, round(scale * part.shape[1])), max(1, round(scale * part.shape[0])))
    return jpeg(cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _thumbnail(rgb: NDArray[Any], face: Face, folder: Path, photo: Path, number: int) -> str:
    """Write a picture of a face into the photo's place below a folder, and return its path there."""
    file = folder / photo.with_name(beside(photo.name, f".{number}.jpg"))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, face_picture(rgb, face.box))
    return readable(file.relative_to(folder).as_posix())
