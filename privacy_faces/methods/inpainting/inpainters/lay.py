"""How another face sits in a photo: its features near the person's places, in the photo's own light, color and
sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy_faces.models.face_looks import FRAME
from privacy_faces.photos.blur import BlurInside, gaussian_blur
from privacy_faces.photos.luma import luma
from privacy_faces.photos.warp import displacement, warp

# The photo's own light and tone are kept above this share of the frame, the other face's features below it.
_TONE = 0.07
# The features' contrast follows the photo's within these factors. Their color is never more: lips would look painted.
_FLATTER, _HARDER = 0.7, 1.3
# What is smaller than this share of the frame tells how sharp a picture is.
_FINE = 0.004
_JAW = slice(0, 17)


def placement(own: NDArray[np.floating], theirs: NDArray[np.floating], bound: float) -> Tensor:
    """Where the other's landmarks are to be: a displacement (2, G, G), see `photos.warp`. The jaw comes to lie on the
    person's, so that nothing behind it is uncovered; the features come a part of the way.

    Args:
        own, theirs: landmarks (68, 2) of the other and of the person, in frames of 256 pixels.
        bound: that part, from 0 to 1.
    """
    share = np.full((len(own), 1), bound)
    share[_JAW] = 1
    points = (own, own + share * (theirs - own))
    return displacement(*((np.asarray(places, np.float64) + 0.5) / FRAME for places in points))


@dataclass(frozen=True)
class Ground:
    """Where other faces are laid; what is read from it is read once.

    Attributes:
        frames: (N, 3, S, S) in [0, 1].
        face: (N, 1, S, S), ones on the person's face: where light and tone are read.
    """

    frames: Tensor
    face: Tensor

    @cached_property
    def light(self) -> Tensor:
        """(N, 3, S, S), the frames' light and tone on the face."""
        return self._smooth(self.frames)

    def lay(self, others: Tensor, displacements: Tensor) -> Tensor:
        """Frames (N, 3, S, S) in which other faces stand where the face is; outside of no use.

        Args:
            others: (N, 3, S, S), the other faces, in frames of their own.
            displacements: (N, 2, G, G), see `photos.warp`: from the other's landmarks to where they are to be.
        """
        face = self.face
        moved = warp(others, displacements)
        features = moved - self._smooth(moved)
        own = self.frames - self.light
        shade, own_shade = luma(features), luma(own)
        tint, own_tint = features - shade, own - own_shade
        # A black-and-white photo has no tint, and its features get none.
        shade = shade * _ratio(own_shade, shade, face).clamp(_FLATTER, _HARDER)
        tint = tint * _ratio(own_tint, tint, face).clamp(max=1)
        return self.light + _as_sharp(shade + tint, own, face)

    @cached_property
    def _smooth(self) -> BlurInside:
        """Leaves what is larger than features."""
        return BlurInside(self.face, _TONE * self.frames.shape[-1])


def _ratio(wanted: Tensor, given: Tensor, face: Tensor) -> Tensor:
    """(N, 1, 1, 1): how many times larger the deviation of `wanted` is on the face."""
    first, second = ((part.square() * face).mean((1, 2, 3), keepdim=True).sqrt() for part in (wanted, given))
    return first / second.clamp(min=1e-6)


def _as_sharp(features: Tensor, own: Tensor, face: Tensor) -> Tensor:
    """The features with no more fine detail than the photo has."""
    fine = [part - gaussian_blur(part, max(_FINE * part.shape[-1], 0.5)) for part in (features, own)]
    share = _ratio(fine[1], fine[0], face).clamp(max=1)
    return features - (1 - share) * fine[0]


def soft(masks: Tensor, width: float) -> Tensor:
    """Masks (N, 1, S, S) that rise from 0 at their edge to 1 over about `width` pixels inside."""
    return ((2 * gaussian_blur(masks, width) - 1).clamp(0, 1) * masks).to(torch.float32)
