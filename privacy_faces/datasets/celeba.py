"""CelebA (Liu et al., ICCV 2015): 202,599 aligned photos of 10,177 people.

    img_align_celeba/000001.jpg
    identity_CelebA.txt          000001.jpg 2880
    list_eval_partition.txt      000001.jpg 0        (0 train, 1 valid, 2 test; may be missing)

or the same in the download's own folders Img/, Anno/ and Eval/. The official splits share no person, so that a
closed-set classifier cannot be tested on them: PrivacyPreservingDiffusion merges them, and divides the photos of each
person 80:20.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from privacy_faces.datasets.base import DataSet, find, lines_of, photos_of, some
from privacy_faces.datasets.folder import DatasetError, LabeledPhoto

_ORIGIN = (
    "CelebA comes from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: img_align_celeba.zip (unpacked), "
    "identity_CelebA.txt and list_eval_partition.txt, "
    "side by side in one folder."
)
_PHOTOS = ("img_align_celeba", "Img/img_align_celeba")
_IDENTITIES = ("identity_CelebA.txt", "Anno/identity_CelebA.txt")
_PARTITION = ("list_eval_partition.txt", "Eval/list_eval_partition.txt")
_SPLITS = {"0": "train", "1": "valid", "2": "test"}


@dataclass(frozen=True)
class Split:
    """The photos of people, divided person by person.

    Attributes:
        train, test: in order of path.
        alone: people of one photo; it is in `train`, so that nothing of them is tested.
        left_out: people with too few photos -> how many they have.
    """

    train: list[LabeledPhoto]
    test: list[LabeledPhoto]
    alone: list[str]
    left_out: dict[str, int]


def read_celeba(root: Path) -> DataSet:
    """CelebA in `root`. Parts: "all", and where the partition is there, the official "train", "valid" and "test".

    Raises:
        DatasetError: when something is missing, a list is malformed, or photos and lists do not belong together.
    """
    listed = find(root, _IDENTITIES, "the people of the photos", _ORIGIN)
    folder = find(root, _PHOTOS, "the aligned photos", _ORIGIN)
    if (folder / folder.name).is_dir():  # as some copies of the archive unpack
        folder = folder / folder.name
    identities = read_identities(listed)
    photos = photos_of(folder, "photos NNNNNN.jpg", _ORIGIN)
    _same_names(photos, identities, folder, listed)
    everyone = {name: LabeledPhoto(path, identities[name]) for name, path in photos.items()}
    parts = {"all": list(everyone.values())}
    partition = next((root / name for name in _PARTITION if (root / name).is_file()), None)
    if partition is not None:
        official = {name: split for _, name, split in _columns(partition, r"[012]", "0, 1 or 2")}
        _same_names(photos, official, folder, partition)
        parts |= {
            split: [photo for name, photo in everyone.items() if official[name] == number]
            for number, split in _SPLITS.items()
        }
    return DataSet("CelebA", parts)


def read_identities(path: Path) -> dict[str, str]:
    """Photo -> number of the person, of identity_CelebA.txt.

    Raises:
        DatasetError: for a line of another form, or a photo that is listed twice.
    """
    identities: dict[str, str] = {}
    for number, name, person in _columns(path, r"\d+", "a person's number"):
        if name in identities:
            raise DatasetError(f"Expected every photo once in {path}, found {name} again in line {number}.")
        identities[name] = person
    return identities


def split_by_identity(
    photos: Iterable[LabeledPhoto], train_fraction: float = 0.8, seed: int = 0, min_photos: int = 1
) -> Split:
    """Divide the photos of each person; everyone with two photos or more is on both sides.

    A person's photos are shuffled by a generator of their own, seeded with `seed` and their name: the outcome depends
    neither on the order of the photos nor on who else is there.

    Args:
        photos: names of files differ within a person.
        train_fraction: in (0, 1); the number of photos is rounded to the nearest.
        seed: of the shuffle.
        min_photos: people with fewer are left out.

    Raises:
        DatasetError: for a fraction out of range, or when nobody is left.
    """
    if not 0 < train_fraction < 1:
        raise DatasetError(
            "Expected a share of training photos between 0 and 1, such as --train-fraction 0.8, got "
            f"{train_fraction:g}."
        )
    people: dict[str, list[LabeledPhoto]] = defaultdict(list)
    for photo in photos:
        people[photo.identity].append(photo)
    left_out = {person: len(own) for person, own in sorted(people.items()) if len(own) < min_photos}
    kept = {person: own for person, own in sorted(people.items()) if person not in left_out}
    if not kept:
        most = max(left_out.values(), default=0)
        raise DatasetError(
            f"Expected people with at least {min_photos} photos, found {len(people)} people with at most {most}. "
            "Lower --min-photos."
        )
    train, test = [], []
    for person, own in kept.items():
        own.sort(key=lambda photo: photo.path.name)
        random.Random(f"{seed} {person}").shuffle(own)
        count = int(train_fraction * len(own) + 0.5)
        count = min(max(count, 1), len(own) - 1) if len(own) > 1 else 1
        train += own[:count]
        test += own[count:]
    return Split(
        sorted(train, key=lambda photo: photo.path),
        sorted(test, key=lambda photo: photo.path),
        [p for p, own in kept.items() if len(own) == 1],
        left_out,
    )


def report_of(data: DataSet, split: Split) -> dict[str, object]:
    """Numbers of a split, for the user: how many photos and people on each side, who is on one side only, what was
    merged."""
    official = {name: len(photos) for name, photos in data.parts.items() if name != "all"}
    return {
        "people": len({photo.identity for photo in split.train}),
        "photos": len(split.train) + len(split.test),
        "train": len(split.train),
        "test": len(split.test),
        "people_with_one_photo": len(split.alone),
        "people_left_out": len(split.left_out),
        "photos_left_out": sum(split.left_out.values()),
        "merged": official,
    }


def _columns(path: Path, pattern: str, what: str) -> Iterable[tuple[int, str, str]]:
    """Line number, photo and value of each line "NAME VALUE"."""
    lines = lines_of(path)
    if not lines:
        raise DatasetError(f"Expected lines such as '000001.jpg 2880' in {path}, found an empty file. {_ORIGIN}")
    for number, line in lines:
        match = re.fullmatch(rf"(\S+)\s+({pattern})", line)
        if match is None:
            raise DatasetError(f"Expected a photo and {what} in line {number} of {path}, found {line!r}.")
        yield number, match[1], match[2]


def _same_names(photos: Iterable[str], listed: Iterable[str], folder: Path, path: Path) -> None:
    """Raises DatasetError unless the list names the photos of the folder, and no others."""
    there, told = set(photos), set(listed)
    if missing := sorted(told - there):
        raise DatasetError(
            f"Expected the {len(told)} photos that {path} names in {folder}, found {len(missing)} missing: "
            f"{some(missing)}. "
            f"Unpack img_align_celeba.zip again, all of it. {_ORIGIN}"
        )
    if unknown := sorted(there - told):
        raise DatasetError(
            f"Expected every photo of {folder} in {path}, found {len(unknown)} that are not: {some(unknown)}. Take "
            f"the whole list. {_ORIGIN}"
        )
