"""By what a user chooses faces: photos of people, or a list of faces. Light: no torch."""

from __future__ import annotations

from pathlib import Path

from privacy_faces.config.run import RunOptions
from privacy_faces.datasets.folder import LabeledPhoto, content_hash
from privacy_faces.datasets.signatures import begins_as_photo
from privacy_faces.pipeline.inputs import PHOTO_SUFFIXES
from privacy_faces.pipeline.listing import digest_of


class PeopleError(ValueError):
    """Photos of people to choose that are not there, or do not show one face."""


def contents_of(run: RunOptions) -> dict[str, str]:
    """Option by which faces are chosen -> digest of what lies at its path.

    Raises:
        PeopleError: when several options choose, or one names no photos of people.
        FacesError: when --faces names no list of faces.
    """
    named = {name: place for name in ("keep", "only", "faces") if (place := getattr(run, name)) is not None}
    if len(named) > 1:
        given = " and ".join(f"--{name}" for name in named)
        raise PeopleError(
            f"Expected one option that says which faces are changed, found {given}. Leave out all but one."
        )
    return {
        name: digest_of(place) if name == "faces" else content_hash(photos_of_people(place, name))
        for name, place in named.items()
    }


def photos_of_people(place: Path, option: str) -> list[LabeledPhoto]:
    """The photos of one person (a file, or a folder of photos), or of several (a folder with a sub-folder for each),
    in order of person.

    Raises:
        PeopleError: naming the place where there is none of these.
    """
    if place.is_file():
        return [LabeledPhoto(place, place.stem)]
    if not place.is_dir():
        raise PeopleError(f"--{option}: expected a photo or a folder of photos at {place}, found neither.")
    folders = sorted(folder for folder in place.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    own = _photos_in(place)
    if own and folders:
        raise PeopleError(
            f"--{option}: expected photos of one person in {place}, or a sub-folder for each person, found both "
            f"{own[0].name} and {folders[0].name}/. Put the photos into sub-folders, one for each person."
        )
    found = []
    for folder in folders or [place]:
        photos = _photos_in(folder)
        if not photos:
            raise PeopleError(f"--{option}: expected photos of a person in {folder}, found none.")
        found += [LabeledPhoto(photo, folder.resolve().name) for photo in photos]
    return found


def _photos_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and not path.name.startswith(".")
        and (path.suffix.lower() in PHOTO_SUFFIXES or begins_as_photo(path))
    )
