"""faces.json: every face of some photos, who they are, and what is to become of each. Written by `privacy-faces faces`,
edited by hand or by a program, and applied by `anonymize --faces`. Light: no torch."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from privacy_faces.config.files import sha256_of

#: Bytes of a file that is read: some fifty thousand faces with their landmarks.
LARGEST = 64 * 2**20


class FacesError(ValueError):
    """A file that is no list of faces, or not one of the photo at hand."""


def _upright(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"expected left, top, right, bottom, found {list(box)}")
    return box


def _known_count(points: list[tuple[float, float]] | None) -> list[tuple[float, float]] | None:
    if points is not None and len(points) not in (5, 68):
        raise ValueError(f"expected 68 landmarks, or 5 (eyes, nose tip, corners of the mouth), found {len(points)}")
    return points


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ListedFace(_Part):
    """One face.

    Attributes:
        person: number of the person, from 1; None where nobody compared it.
        decision: what is to become of it.
        box: left, top, right, bottom, in pixels of the upright photo.
        score: the detector's; None for a face that no detector found.
        thumbnail: path of its picture below the folder of thumbnails.
        landmarks: 68 (iBUG) or 5 points (x, y), as shares of the box, so that they move with it; None: the face stands
            upright, and its landmarks are placed when the list is applied.
    """

    person: Annotated[int, Field(ge=1)] | None = None
    decision: Literal["change", "keep"] = "change"
    box: Annotated[tuple[float, float, float, float], AfterValidator(_upright)]
    score: float | None = None
    thumbnail: str | None = None
    landmarks: Annotated[list[tuple[float, float]] | None, AfterValidator(_known_count)] = None


class ListedPhoto(_Part):
    """One photo: its name below the folder that was searched, the sha256 of the file, and its faces."""

    photo: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    faces: list[ListedFace]


class FaceList(_Part):
    """The whole file. The recognizers told the people apart, at this false accept rate."""

    schema_version: Literal[1] = Field(alias="schema")
    recognizers: list[str] = []
    far: float | None = None
    photos: list[ListedPhoto]

    @classmethod
    def read(cls, path: Path) -> FaceList:
        """The list in a file.

        Raises:
            FacesError: naming the file, and what is wrong with it.
        """
        if not path.is_file():
            raise FacesError(f"--faces: expected a file at {path}, found none. Make one: {_COMMAND}")
        if (size := path.stat().st_size) > LARGEST:
            raise FacesError(f"--faces: expected at most {LARGEST >> 20} MiB in {path}, found {size / 2**20:.0f} MiB.")
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise FacesError(f"--faces: cannot read {path}: {error}") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise FacesError(
                f"--faces: expected a list of faces of version 1 in {path}, found another file: "
                f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}. Make one: {_COMMAND}"
            ) from None

    def dump(self) -> bytes:
        """The content of the file, a line for each face."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"photos"}, exclude_none=True)
        head = ",\n".join(f'  "{name}": {_json(value)}' for name, value in content.items())
        photos = ",\n".join(map(_photo, self.photos))
        return f'{{\n{head},\n  "photos": [\n{photos}\n  ]\n}}\n'.encode()

    def faces_of(self, name: str, sha256: str) -> list[ListedFace] | None:
        """The faces of a photo; None for one that is not listed.

        Args:
            name: as the user named it.
            sha256: of the file.

        Raises:
            FacesError: when another photo of that name is listed, or several of this content, with other decisions.
        """
        same = [photo for photo in self.photos if photo.sha256 == sha256]
        named = [photo for photo in same or self.photos if _ends_with(name, photo.photo)]
        if not same and named:
            raise FacesError(
                f"expected the photo whose faces are listed as {named[0].photo} (sha256 {named[0].sha256[:12]}...), "
                f"found another one (sha256 {sha256[:12]}...). List its faces again: {_COMMAND}"
            )
        found = [photo.faces for photo in (named or same)]
        if any(faces != found[0] for faces in found):
            raise FacesError(
                f"expected one list of faces for this photo, found {len(found)} that differ, as "
                f"{' and '.join(photo.photo for photo in (named or same)[:2])}"
            )
        return found[0] if found else None


_COMMAND = "privacy-faces faces PHOTOS --output faces.json"


def digest_of(path: Path) -> str:
    """By which a later run knows that the list is the same.

    Raises:
        FacesError: when it is none.
    """
    FaceList.read(path)
    return sha256_of(path)


def _ends_with(name: str, listed: str) -> bool:
    parts = PurePath(listed).parts
    return bool(parts) and PurePath(name).parts[-len(parts) :] == parts


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _photo(photo: ListedPhoto) -> str:
    faces = ",\n".join(f"      {_json(face.model_dump(mode='json', exclude_none=True))}" for face in photo.faces)
    listed = f"[\n{faces}\n    ]" if faces else "[]"
    return f'    {{"photo": {_json(photo.photo)}, "sha256": {_json(photo.sha256)}, "faces": {listed}}}'
