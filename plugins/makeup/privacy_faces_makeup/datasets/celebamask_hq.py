"""CelebAMask-HQ (Lee et al., CVPR 2020): 30,000 photos of CelebA in 1024 x 1024, with up to 18 part masks of 512 x 512
each.

    CelebA-HQ-img/N.jpg
    CelebAMask-HQ-mask-anno/K/NNNNN_PART.png     K = N // 2000; no file for a part that the photo does not show
    CelebA-HQ-to-CelebA-mapping.txt              idx orig_idx orig_file; may be missing
    identity_CelebA.txt                          of CelebA; may be missing

With the last two it is known who is in the photos; otherwise each counts as a person of their own. A mask may be there
and empty: then so is its region.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_faces.plugin import (
    DatasetError,
    LabeledPhoto,
    find_in_data_set,
    first_few,
    lines_of,
    photos_of,
    read_celeba_identities,
)
from privacy_faces_makeup.datasets.labeled import LabeledDataSet
from privacy_faces_makeup.datasets.labelings import CELEBAMASK_HQ, Labels

#: DiffAM's places in the shuffled photos, and its seed.
TRAIN, TEST, SEED = range(4000, 5000), range(15000, 16000), 1234
#: Parts without which its losses have no region to work on: it passes over such photos, without a word.
NEEDED = ("skin", "l_eye", "r_eye", "u_lip", "l_lip")

_ORIGIN = "CelebAMask-HQ comes from https://github.com/switchablenorms/CelebAMask-HQ (CelebAMask-HQ.zip, unpacked)."
_PHOTOS, _MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
_MAPPING, _IDENTITIES = "CelebA-HQ-to-CelebA-mapping.txt", ("identity_CelebA.txt", "Anno/identity_CelebA.txt")
_PER_FOLDER = 2000

# Number of the photo -> its parts.
Parts = dict[int, set[str]]


def read_celebamask_hq(root: Path) -> LabeledDataSet:
    """CelebAMask-HQ in `root`. Its part "all" is in order of the photos' numbers.

    Raises:
        DatasetError: when something is missing, lies in another folder than its number says, or a list is malformed.
    """
    folder = find_in_data_set(root, [_PHOTOS], "the photos", _ORIGIN)
    masks = find_in_data_set(root, [_MASKS], "the part masks", _ORIGIN)
    photos = {_number(path): path for path in photos_of(folder, "photos N.jpg", _ORIGIN).values()}
    parts, notes = _parts(masks)
    people, told = _people(root, photos)
    everyone = [LabeledPhoto(path, people.get(number, str(number))) for number, path in sorted(photos.items())]
    missing = {
        path: [part for part in NEEDED if part not in parts.get(number, ())] for number, path in sorted(photos.items())
    }
    return LabeledDataSet(
        "CelebAMask-HQ",
        {"all": everyone},
        labeling=CELEBAMASK_HQ,
        label_map=partial(_label_map, masks, parts),
        without_masks={
            path: "none" if len(lacking) == len(NEEDED) else f"no {', '.join(lacking)}"
            for path, lacking in missing.items()
            if lacking
        },
        notes=notes + told,
    )


def diffam_split(
    photos: Sequence[LabeledPhoto], train: range = TRAIN, test: range = TEST, seed: int = SEED
) -> tuple[list[LabeledPhoto], list[LabeledPhoto]]:
    """DiffAM's photos to train and to test with: all photos in order of number, shuffled, and cut out by place.

    Python's generator gives the same order for a seed on every machine, so that the defaults on the whole data set are
    the photos of its published code.

    Args:
        photos: N.jpg, in any order.
        train, test: places in the shuffled list.
        seed: of the shuffle.

    Raises:
        DatasetError: for places that overlap, or that there are too few photos for.
    """
    for name, places in (("train", train), ("test", test)):
        if not places or places[0] < 0 or places[-1] >= len(photos):
            raise DatasetError(
                f"Expected places within the {len(photos)} photos to {name} with, got {places.start}:{places.stop}. "
                "DiffAM's places are for all 30000 photos; "
                f"for fewer give others, such as --train 0:{len(photos) // 2} --test {len(photos) // 2}:{len(photos)}."
            )
    if set(train) & set(test):
        raise DatasetError(
            f"Expected no photo on both sides, got the places {train.start}:{train.stop} to train and "
            f"{test.start}:{test.stop} to test with."
        )
    shuffled = sorted(photos, key=lambda photo: _number(photo.path))
    random.Random(seed).shuffle(shuffled)
    return [shuffled[place] for place in train], [shuffled[place] for place in test]


def _number(path: Path) -> int:
    if not re.fullmatch(r"\d+", path.stem):
        raise DatasetError(
            f"Expected photos named by number, 0.jpg to 29999.jpg, in {path.parent}, found {path.name}. {_ORIGIN}"
        )
    return int(path.stem)


def _parts(masks: Path) -> tuple[Parts, list[str]]:
    """Which masks there are, and notes about files that are none."""
    folders = [folder for folder in sorted(masks.iterdir()) if folder.name.isdigit() and folder.is_dir()]
    if not folders:
        there = sorted(path.name for path in masks.iterdir())
        raise DatasetError(
            f"Expected the folders 0 to 14 with {_PER_FOLDER} photos' masks each in {masks}, found {first_few(there)}. "
            f"{_ORIGIN}"
        )
    parts: Parts = {}
    others = []
    for folder in folders:
        # os.listdir: there are some 380,000 files.
        for name in sorted(os.listdir(folder)):
            stem, ending = os.path.splitext(name)
            number, _, part = stem.partition("_")
            if ending != ".png" or not number.isdigit() or part not in CELEBAMASK_HQ.parts:
                others.append(f"{folder.name}/{name}")
            elif int(number) // _PER_FOLDER != int(folder.name):
                raise DatasetError(
                    f"Expected the masks of photo {int(number)} in the folder {int(number) // _PER_FOLDER} of "
                    f"{masks}, found {folder.name}/{name}."
                )
            else:
                parts.setdefault(int(number), set()).add(part)
    return parts, [f"{len(others)} files among the masks are no part masks: {first_few(others)}"] if others else []


def _label_map(masks: Path, parts: Parts, photo: Path) -> Labels:
    """The parts of a photo, painted over each other in the order of the labeling as its authors do (512, 512)."""
    number = _number(photo)
    labels: Labels | None = None
    for label, part in enumerate(CELEBAMASK_HQ.parts, 1):
        if part not in parts[number]:
            continue
        path = masks / str(number // _PER_FOLDER) / f"{number:05d}_{part}.png"
        try:
            with Image.open(path) as image:
                mask = np.asarray(image.convert("L")) > 0
        except OSError as error:
            raise DatasetError(f"Expected a part mask at {path}, could not read it: {error}. {_ORIGIN}") from None
        if labels is None:
            labels = np.zeros(mask.shape, np.uint8)
        if mask.shape != labels.shape:
            raise DatasetError(
                f"Expected all masks of photo {number} in one size, {labels.shape[1]} x {labels.shape[0]}, found "
                f"another in {path}."
            )
        labels[mask] = label
    assert labels is not None  # a photo that lacks a needed part is not asked for
    return labels


def _people(root: Path, photos: dict[int, Path]) -> tuple[dict[int, str], list[str]]:
    """Number -> person, where both lists are there, and a note where only one is."""
    mapping = root / _MAPPING
    listed = next((root / name for name in _IDENTITIES if (root / name).is_file()), None)
    if not mapping.is_file() or listed is None:
        return {}, [
            f"who is in the photos is not known: that takes {_MAPPING} and CelebA's identity_CelebA.txt beside "
            f"{_PHOTOS}"
        ]
    identities = read_celeba_identities(listed)
    people: dict[int, str] = {}
    for number, line in lines_of(mapping)[1:]:
        columns = line.split()
        if len(columns) != 3 or not columns[0].isdigit():
            raise DatasetError(
                f"Expected the columns idx, orig_idx and orig_file in line {number} of {mapping}, found {line!r}."
            )
        if columns[2] not in identities:
            raise DatasetError(
                f"Expected photos of {listed} in {mapping}, found {columns[2]} in line {number}. Take both lists "
                f"whole. {_ORIGIN}"
            )
        people[int(columns[0])] = identities[columns[2]]
    if unknown := sorted(photos.keys() - people.keys()):
        raise DatasetError(
            f"Expected every photo in {mapping}, found {len(unknown)} that are not: "
            f"{first_few([photos[number].name for number in unknown])}."
        )
    return people, []
