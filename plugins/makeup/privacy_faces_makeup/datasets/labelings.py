"""What the numbers of a face's label map mean, and the regions of makeup that follow from them: one function for every
labeling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

#: The regions of `regions_from_labels`; the makeup plugin's losses know them by these names.
MAKEUP_REGIONS = ("lips", "left eye", "right eye", "skin")

# How far DiffAM's box around an eye reaches beyond it, on all sides: 10 pixels of its 256.
_MARGIN = 10 / 256


class LabelError(ValueError):
    """A label map of another shape, or with other numbers, than its labeling has."""


@dataclass(frozen=True)
class Labeling:
    """Names of the numbers in a label map; 0 is whatever is none of the parts.

    Attributes:
        name: of the data set that uses them.
        parts: the part of label 1, of label 2, and so on.
        lips, face, neck: parts of these regions; `face` is its bare skin with the nose.
        eyes: the two eyeballs.
    """

    name: str
    parts: tuple[str, ...]
    lips: tuple[str, ...]
    face: tuple[str, ...]
    neck: tuple[str, ...]
    eyes: tuple[str, str]

    def mask(self, labels: Labels, *parts: str) -> Mask:
        """Where a label map (H, W) shows one of the parts."""
        return np.isin(labels, [self.parts.index(part) + 1 for part in parts])

    def check(self, labels: Labels) -> None:
        """Raises LabelError, unless this is a map (H, W) of labels that exist."""
        if labels.ndim != 2:
            raise LabelError(f"Expected a label map of shape (H, W), got {labels.shape}.")
        if labels.size and labels.max() > len(self.parts):
            raise LabelError(
                f"Expected labels from 0 to {len(self.parts)} ({self.name}), found {labels.max()}: another labeling, "
                "or a picture of the labels."
            )


#: In the order in which the authors of CelebAMask-HQ paint the parts over each other.
CELEBAMASK_HQ = Labeling(
    name="CelebAMask-HQ",
    parts=(
        *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
        *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
    ),
    lips=("u_lip", "l_lip"),
    face=("skin", "nose"),
    neck=("neck",),
    eyes=("l_eye", "r_eye"),
)

#: The labels of segs/ in the Makeup Transfer data set (BeautyGAN, PSGAN, EleGANT, DiffAM); those of SCGAN's parsing/
#: are others.
MAKEUP_TRANSFER = Labeling(
    name="Makeup Transfer",
    parts=(
        "face",
        "l_brow",
        "r_brow",
        "l_eye",
        "r_eye",
        "nose",
        "u_lip",
        "teeth",
        "l_lip",
        "hair",
        "l_ear",
        "r_ear",
        "neck",
    ),
    lips=("u_lip", "l_lip"),
    face=("face", "nose"),
    neck=("neck",),
    eyes=("l_eye", "r_eye"),
)


def regions_from_labels(labels: Labels, labeling: Labeling) -> dict[str, Mask]:
    """The regions whose colors makeup transfer matches (DiffAM, CVPR 2024), as its code cuts them out of either
    labeling.

    - lips: both, without the open mouth.
    - left eye, right eye: the face's skin in the eye's bounding box grown by 10 of 256 pixels, so neither the eyeball
      nor the brow. Left is left in the picture, whichever of the two the data set calls left. Empty for an eye that is
      not labeled.
    - skin: that of face and neck.

    Unlike DiffAM's, no two regions overlap, as the losses here want it: the skin leaves out the eye regions, and where
    the boxes of both eyes meet, the left has it. And what lies over the skin (glasses, hair, a hat) is none, for a
    label map says only what is on top.

    Args:
        labels: (H, W), whole numbers; not changed. DiffAM's are 256 x 256; in another size the margin grows with the
            longer side.
        labeling: what they mean.

    Returns:
        name of `MAKEUP_REGIONS` -> (H, W).

    Raises:
        LabelError: for another shape, or labels that the labeling has not.
    """
    labeling.check(labels)
    face = labeling.mask(labels, *labeling.face)
    margin = round(_MARGIN * max(labels.shape))
    eyes = [labeling.mask(labels, eye) for eye in labeling.eyes]
    if all(eye.any() for eye in eyes):
        eyes.sort(key=lambda eye: float(np.flatnonzero(eye.any(0)).mean()))
    left, right = (_box(eye, margin) & face for eye in eyes)
    skin = (face | labeling.mask(labels, *labeling.neck)) & ~left & ~right
    return {"lips": labeling.mask(labels, *labeling.lips), "left eye": left, "right eye": right & ~left, "skin": skin}


def _box(mask: Mask, margin: int) -> Mask:
    """The bounding box of a mask (H, W), grown on all sides; empty for an empty mask."""
    box = np.zeros_like(mask)
    if mask.any():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box[
            max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, columns[0] - margin) : columns[-1] + margin + 1
        ] = True
    return box
