"""The Makeup Transfer data set (Li et al., BeautyGAN, ACM MM 2018): 2,719 photos with makeup and 1,115 without, 361 x
361.

    images/makeup/NAME.png        images/non-makeup/NAME.png
    segs/makeup/NAME.png          segs/non-makeup/NAME.png         8-bit labels, one per pixel; may be missing
    makeup_test.txt               nomakeup_test.txt, or non-makeup_test.txt: a photo per line; may be missing

That is the layout in the README of PSGAN, and what the published code of PSGAN, AMT-GAN (`images/` and `segs/` by one
name) and DiffAM (`images/makeup`, `segs/makeup`) reads. Labels are those of PSGAN's face parser; DiffAM takes 7 and 9
as lips, 1, 6 and 13 as skin, 4 and 5 as eyes. SCGAN and what follows it read a folder parsing/ with other numbers (4
face, 9 and 13 lips): it is not read here. Lists name photos as "makeup/NAME.png" (PSGAN, AMT-GAN, EleGANT, BeautyREC)
or "NAME.png"; in BeautyGAN's own form, "images/makeup/NAME.png segs/makeup/NAME.png", the second column is passed over.
Landmarks, pickles in the archive of PSGAN, are never read, because reading one runs whatever code is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from privacy_faces.plugin import DatasetError, LabeledPhoto, find_in_data_set, lines_of, photos_of
from privacy_faces_makeup.datasets.labeled import LabeledDataSet
from privacy_faces_makeup.datasets.labelings import MAKEUP_TRANSFER, LabelError, Labels

#: The parts of a data set of makeup.
KINDS = ("makeup", "non-makeup")

_ORIGIN = (
    "The Makeup Transfer data set is linked from https://github.com/wtjiang98/PSGAN (images/ and segs/ side by side "
    "in one folder)."
)
_LISTS = (("makeup", "makeup_test.txt"), ("non-makeup", "nomakeup_test.txt"), ("non-makeup", "non-makeup_test.txt"))


def read_makeup_transfer(root: Path) -> LabeledDataSet:
    """The Makeup Transfer data set in `root`. Parts: "makeup", "non-makeup", and of each list that is there "makeup
    test" or "non-makeup test".

    Raises:
        DatasetError: when photos are missing, the masks are of another labeling, or a list names photos that are not
            there.
    """
    photos = {
        kind: photos_of(
            find_in_data_set(root, [f"images/{kind}"], f"the photos {kind}", _ORIGIN), f"photos {kind}", _ORIGIN
        )
        for kind in KINDS
    }
    parts = {kind: [LabeledPhoto(path, path.stem) for path in photos[kind].values()] for kind in KINDS}
    for kind, name in _LISTS:
        if (root / name).is_file():
            if f"{kind} test" in parts:
                raise DatasetError(
                    f"Expected one list of photos {kind} to test with in {root}, found two, one of them {name}. Keep "
                    "one."
                )
            parts[f"{kind} test"] = [LabeledPhoto(path, path.stem) for path in _listed(root / name, kind, photos[kind])]
    if not (root / "segs").is_dir() and (root / "parsing").is_dir():
        raise DatasetError(
            f"Expected label maps in {root / 'segs'}, found {root / 'parsing'}, the layout of SCGAN, whose numbers "
            "mean other parts. "
            f"Add the original segs/, or rename parsing/ to go without masks. {_ORIGIN}"
        )
    return with_label_maps(LabeledDataSet("Makeup Transfer", parts), root, photos)


def with_label_maps(data: LabeledDataSet, root: Path, photos: Mapping[str, Mapping[str, Path]]) -> LabeledDataSet:
    """The data set with the label maps of `root`/segs/KIND/NAME.png, where that folder is there.

    Args:
        data: without masks.
        root: as above.
        photos: kind -> name -> photo.
    """
    if not (root / "segs").is_dir():
        return replace(data, notes=[*data.notes, f"no masks: there is no folder segs in {root}"])
    maps = {path: root / "segs" / kind / f"{path.stem}.png" for kind, own in photos.items() for path in own.values()}
    without = {path: f"no {labels.relative_to(root)}" for path, labels in maps.items() if not labels.is_file()}
    return replace(data, labeling=MAKEUP_TRANSFER, label_map=partial(_label_map, maps), without_masks=without)


def _label_map(maps: Mapping[Path, Path], photo: Path) -> Labels:
    path = maps[photo]
    try:
        with Image.open(path) as image, Image.open(photo) as picture:
            mode, size, wanted = image.mode, image.size, picture.size
            labels = np.array(image)
    except OSError as error:
        raise DatasetError(
            f"Expected a label map at {path}, could not read it: {error}. Copy or unpack it again."
        ) from None
    if mode not in ("L", "P"):
        raise DatasetError(
            f"Expected one 8-bit label per pixel in {path}, found a picture of the mode {mode}: colors in place of "
            "labels."
        )
    if size[0] * wanted[1] != size[1] * wanted[0]:  # smaller or larger is fine, another shape is another photo's
        raise DatasetError(
            f"Expected labels in the proportions of {photo}, {wanted[0]} x {wanted[1]}, found {size[0]} x {size[1]} "
            f"in {path}."
        )
    try:
        MAKEUP_TRANSFER.check(labels)
    except LabelError as error:
        raise DatasetError(f"{path}: {error}") from None
    return labels


def _listed(path: Path, kind: str, photos: Mapping[str, Path]) -> list[Path]:
    """The photos that a list names, in its order."""
    listed = []
    for number, line in lines_of(path):
        name = line.split()[0].removeprefix("images/").removeprefix(f"{kind}/")
        if name not in photos:
            raise DatasetError(f"Expected a photo of images/{kind}/ in line {number} of {path}, found {line!r}.")
        listed.append(photos[name])
    return listed
