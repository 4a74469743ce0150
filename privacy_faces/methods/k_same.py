"""k-Same: everybody gets the average of the k faces that look most like theirs (Newton, Sweeney and Malin, "Preserving
Privacy by De-identifying Face Images", IEEE TKDE 2005)."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_faces.config.files import resource
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch
from privacy_faces.methods.options import KSameOptions
from privacy_faces.methods.redact import Redaction
from privacy_faces.methods.targets import Target
from privacy_faces.photos.warp import displacement, warp

# Side of the pictures that are compared, in pixels.
_COMPARED = 64


class KSame(Redaction):
    """The average of the k nearest of the synthetic faces that ship, each drawn to the face's landmarks.

    In the paper the faces are those of the data set itself, each k of which share one picture: nobody is told apart
    from k - 1 others. Here they are faces of nobody, and two photos of one person may get different averages; the bound
    of 1/k holds for neither. Distances are those of pixels in the face region, as in the paper's k-Same-Pixel; without
    warping, its averages are ghosts (Gross et al., k-Same-M, 2006). The mean color is moved to the photo's.
    """

    options: KSameOptions

    def cover(self, batch: FrameBatch) -> Tensor:
        """The averages, in the mean color of each face region."""
        found, known = [], synthetic_faces(self.context)
        for index in range(len(batch.frames)):
            one = batch[index]
            size, region = one.frames.shape[-1], one.regions["face"].to(one.frames)
            # Pixel centers: (x + 1/2) / S is the same place in both.
            small = (one.landmarks + 0.5) * (_COMPARED / size) - 0.5
            drawn = torch.cat([warped(face, small, _COMPARED) for face in known])
            nearest = distances(one.frames, drawn, region).argsort(stable=True)[: self.options.k]
            average = torch.cat([warped(known[int(row)], one.landmarks, size) for row in nearest]).mean(0, keepdim=True)
            found.append(average + mean_color(one.frames, region) - mean_color(average, region))
        return torch.cat(found).clamp(0, 1)


def warped(face: Target, landmarks: Tensor, size: int) -> Tensor:
    """A face (1, 3, S, S) whose landmarks lie at those of a frame (1, 68, 2).

    Args:
        face: what is drawn.
        landmarks: in pixels of a frame of side `size`.
        size: S.
    """
    there = (face.landmarks.cpu().double().numpy() + 0.5) / face.frame.shape[-1]
    here = (landmarks[0].cpu().double().numpy() + 0.5) / size
    picture = face.frame[None].to(landmarks)
    if size < picture.shape[-1]:
        picture = F.interpolate(picture, (size, size), mode="area")
    drawn = warp(picture, displacement(there, here)[None])
    return F.interpolate(drawn, (size, size), mode="bilinear", align_corners=False)


@lru_cache(maxsize=2)
def synthetic_faces(context: Context) -> list[Target]:
    """The synthetic faces that ship, found once."""
    return [context.target(path.stem) for path in sorted(resource("assets/faces").glob("*.png"))]


def distances(frame: Tensor, faces: Tensor, region: Tensor) -> Tensor:
    """Mean squared difference (K,) of faces (K, 3, ., .) from a frame (1, 3, S, S) in a region (1, 1, S, S)."""
    small = [F.interpolate(item, (_COMPARED, _COMPARED), mode="area") for item in (frame, faces, region)]
    squares = ((small[1] - small[0]) ** 2).mean(1, keepdim=True) * small[2]
    return squares.sum((1, 2, 3)) / small[2].sum().clamp(min=1e-6)


def mean_color(frame: Tensor, region: Tensor) -> Tensor:
    """The mean color (1, 3, 1, 1) of a frame (1, 3, S, S) in a region (1, 1, S, S)."""
    return (frame * region).sum((2, 3), keepdim=True) / region.sum().clamp(min=1)
