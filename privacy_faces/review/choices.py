"""What somebody decides about faces: pure functions from one list of faces to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privacy_faces.pipeline.listing import FaceList

Decision = Literal["change", "keep"]


class ChoiceError(ValueError):
    """A choice about no face of the list."""


@dataclass(frozen=True)
class Person:
    """One person of the list.

    Attributes:
        number: as in the list.
        faces: (photo, face) of each of the faces, by their places in the list.
        kept: how many of them stay.
    """

    number: int
    faces: tuple[tuple[int, int], ...]
    kept: int

    @property
    def photos(self) -> int:
        """In how many photos."""
        return len({photo for photo, _ in self.faces})

    @property
    def decision(self) -> Decision | None:
        """What becomes of all the faces; None where some are changed and some stay."""
        return "keep" if self.kept == len(self.faces) else None if self.kept else "change"


def people_of(faces: FaceList) -> list[Person]:
    """Everybody, in order of number."""
    found: dict[int, list[tuple[int, int]]] = {}
    kept: dict[int, int] = {}
    for place, photo in enumerate(faces.photos):
        for index, face in enumerate(photo.faces):
            if face.person is not None:
                found.setdefault(face.person, []).append((place, index))
                kept[face.person] = kept.get(face.person, 0) + (face.decision == "keep")
    return [Person(number, tuple(places), kept[number]) for number, places in sorted(found.items())]


def decide(
    faces: FaceList, decision: Decision, *, photo: int | None = None, face: int | None = None, person: int | None = None
) -> FaceList:
    """The list with a decision about some faces: those that all of these fit.

    Args:
        faces: the list.
        decision: what is to become of them.
        photo, face: places in the list, from 0; None: any.
        person: its number; None: anybody.

    Raises:
        ChoiceError: when no face fits.
    """
    fitting = 0
    photos = []
    for place, listed in enumerate(faces.photos):
        row = []
        for index, one in enumerate(listed.faces):
            fits = photo in (None, place) and face in (None, index) and person in (None, one.person)
            fitting += fits
            row.append(one.model_copy(update={"decision": decision}) if fits else one)
        photos.append(listed.model_copy(update={"faces": row}))
    if not fitting:
        wanted = {"photo": photo, "face": face, "person": person}
        named = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
        raise ChoiceError(f"Expected a face of the list, found none of {named or 'anybody'}. Load the page again.")
    return faces.model_copy(update={"photos": photos})


def kept_and_changed(faces: FaceList) -> tuple[int, int]:
    """How many faces stay, and how many are changed."""
    kept = sum(face.decision == "keep" for photo in faces.photos for face in photo.faces)
    return kept, sum(len(photo.faces) for photo in faces.photos) - kept
