"""The faces that an evaluation asks about: every face of every photo, found once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from privacy_faces.judge.observations import Embeddings, Observer
from privacy_faces.judge.views import view_of
from privacy_faces.photos.faces import Face, NoFaceError, same_face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.transparency import shown


@dataclass(frozen=True)
class Probe:
    """A photo of somebody, or one face of it.

    Attributes:
        name: of the photo, for the reader.
        person: who it is.
        photo: the unprotected file.
        groups: column -> value of the data's metadata.
        face: number of the face in the photo, largest first.
    """

    name: str
    person: str
    photo: Path
    groups: Mapping[str, str] = field(default_factory=dict)
    face: int = 0

    @property
    def labeled(self) -> bool:
        """Whether the data says who it is: it names one person a photo, the one whose face is largest."""
        return self.face == 0

    @property
    def label(self) -> str:
        """The photo's name, with the number of the face but for the first."""
        return self.name if self.labeled else f"{self.name}#{self.face + 1}"


def find_probes(photos: Iterable[Probe], observer: Observer) -> tuple[list[Probe], list[Face], dict[str, str]]:
    """Every face of the photos as a probe, side by side with the faces themselves, and name -> reason of the photos
    without any.

    The faces but for the largest of a photo are people of their own, of whom no other photo is known.
    """
    probes: list[Probe] = []
    faces: list[Face] = []
    unusable = {}
    for photo in photos:
        try:
            picture, *behind = shown(read_photo(photo.photo))
            found = observer.faces(picture)
        except ValueError as error:
            unusable[photo.name] = str(error).replace(str(photo.photo), photo.name)
            continue
        if any(same_face(face, found) is None for shade in behind for face in observer.faces(shade)):
            unusable[photo.name] = (
                "its transparency shows a face that its colors do not; save the original without transparency first"
            )
            continue
        if not found:
            unusable[photo.name] = f"no face found (detector {observer.finder.detector.name})"
        others = [replace(photo, face=number) for number in range(1, len(found))]
        probes += [photo, *(replace(other, person=other.label) for other in others)][: len(found)]
        faces += found
    return probes, faces, unusable


def by_photo(probes: Sequence[Probe]) -> list[tuple[Probe, list[int]]]:
    """The photos, each as its first probe, with the places of its faces among the probes."""
    parts = groupby(range(len(probes)), key=lambda row: probes[row].name)
    rows = [list(part) for _, part in parts]
    return [(probes[part[0]], part) for part in rows]


def originals(probes: Sequence[Probe], faces: Sequence[Face], observer: Observer) -> Embeddings:
    """Name -> embeddings (N, D) of the unprotected faces."""
    return observer.embed(view_of(read_photo(probe.photo).rgb, face) for probe, face in zip(probes, faces, strict=True))


def seen_in(image: Path, observer: Observer) -> Embeddings:
    """Name -> embedding (D,) of the largest face of an image.

    Raises:
        PhotoError, NoFaceError: for an image that cannot be read, or has no face.
    """
    rgb = read_photo(image).rgb
    faces = observer.faces(rgb)
    if not faces:
        raise NoFaceError(f"no face found in {image} (detector {observer.finder.detector.name})")
    return {name: rows[0] for name, rows in observer.embed([view_of(rgb, faces[0])]).items()}


def copy_of(path: Path) -> Photo:
    """An unprotected photo as it reads back when it is written as protected ones are: the clean baseline."""
    photo = read_photo(path)
    return read_photo(encode_photo(photo)) if photo.lossy else photo
