"""Where makeup lies, and what it may look like there.

Lips and lids take color of any fineness. The rest of the skin takes what a brush and powder give, soft light and shade
with a little color, so that it stays clean however hard the adversarial loss pulls. Eyeballs, teeth and all that lies
outside the face take nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from torch import Tensor

from privacy_faces.plugin import gaussian_blur, luma, region_masks
from privacy_faces_makeup.face.rendering import LAYERS, layer_masks, takes_paint

#: The color regions, in this order.
REGIONS = ("lips", "left eye", "right eye", "skin")

# What counts as lips and as painted lid, of the renderer's soft layers.
_LIPS, _LID = 0.4, 0.25
# How far DiffAM's box around an eye reaches beyond it: 10 of 256 pixels.
_BOX = 10 / 256
# Softness of shades on the skin, and of the face's edge, as shares of the frame's side; and how much of a shade's
# color stays.
_SOFT = 2 / 128
_EDGE = 2 / 128
_CHROMA = 0.3

_EYES = (slice(36, 42), slice(42, 48))
_OPEN_MOUTH = slice(60, 68)


@dataclass(frozen=True)
class Canvas:
    """The parts of faces that makeup goes on.

    Attributes:
        regions: boolean (N, 4, S, S), `REGIONS`; they do not overlap.
        allowed: (N, 1, S, S) in [0, 1], how much of a change may show.
        fine: (N, 1, S, S) in [0, 1], where it may have detail.
    """

    regions: Tensor
    allowed: Tensor
    fine: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Canvas:
        """The canvas of some of the faces."""
        return Canvas(self.regions[rows], self.allowed[rows], self.fine[rows])

    def paint(self, frames: Tensor, change: Tensor) -> Tensor:
        """Frames (N, 3, S, S) with a change (N, 3, S, S) on lips and lids alone."""
        return frames + self.allowed * self.fine * change

    def wear(self, frames: Tensor, change: Tensor) -> Tensor:
        """Frames (N, 3, S, S) with as much of a change (N, 3, S, S) as makeup can bring about; differentiable."""
        sigma = _SOFT * frames.shape[-1]
        # Normalized convolution: what lies outside does not count.
        soft = gaussian_blur(change * self.allowed, sigma) / gaussian_blur(self.allowed, sigma).clamp(min=0.1)
        shade = luma(soft)
        soft = shade + _CHROMA * (soft - shade)
        return frames + self.allowed * (self.fine * change + (1 - self.fine) * soft)


def exact(canvas: Canvas, frames: Tensor, landmarks: Tensor) -> Canvas:
    """The canvas of frames (N, 3, S, S) in [0, 1] with landmarks (N, 68, 2): its paint keeps to what looks like lips
    and lids, wherever the landmarks put them."""
    layers = torch.stack([layer_masks(places, frames.shape[-1]) for places in landmarks.double().cpu().numpy()])
    return replace(canvas, fine=canvas.fine * takes_paint(frames, layers.to(frames)))


def canvas_of(landmarks: Tensor, size: int, boxes: bool = False) -> Canvas:
    """The canvas of faces with landmarks (N, 68, 2) in pixels of frames of side `size`.

    Args:
        landmarks: as above.
        size: S.
        boxes: the eye regions are the skin in boxes around the eyes (DiffAM), not the upper lids.
    """
    faces = [_face(places, size, boxes) for places in landmarks.double().cpu().numpy()]
    regions, allowed, fine = (torch.stack(parts).to(landmarks.device) for parts in zip(*faces, strict=True))
    return Canvas(regions, allowed, fine)


def _face(landmarks: NDArray[np.float64], size: int, boxes: bool) -> tuple[Tensor, Tensor, Tensor]:
    masks = region_masks(landmarks, size)
    layers = dict(zip(LAYERS, layer_masks(landmarks, size), strict=True))
    lids = torch.from_numpy(_boxes(landmarks, masks["face"], size)) if boxes else layers["eyeshadow"] > _LID
    left = torch.arange(size) < float(landmarks[27:31, 0].mean())
    closed = ~torch.from_numpy(_openings(landmarks, size))
    lips = layers["lipstick"] > _LIPS
    skin = torch.from_numpy(masks["skin"]) & ~lids & ~lips
    regions = torch.stack([lips, lids & left & ~lips, lids & ~left & ~lips, skin]) & closed
    openings = (~closed).float()[None, None]
    face = torch.from_numpy(masks["face"]).float()[None, None]
    allowed = (
        face * gaussian_blur(face, _EDGE * size) * (1 - openings) * (1 - gaussian_blur(openings, 0.35 * _EDGE * size))
    )
    fine = (layers["eyeshadow"] + layers["eyeliner"] + layers["lipstick"]).clamp(max=1)
    return regions, allowed[0], fine[None]


def _openings(landmarks: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """Eyeballs and the open mouth (S, S)."""
    outlines = [landmarks[eye] for eye in _EYES] + [landmarks[_OPEN_MOUTH]]
    return np.asarray(np.any([polygon2mask((size, size), outline[:, ::-1]) for outline in outlines], axis=0))


def _boxes(landmarks: NDArray[np.float64], face: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """The face's skin in boxes around the eyes (S, S)."""
    inside = np.zeros((size, size), dtype=bool)
    for eye in _EYES:
        (x0, y0), (x1, y1) = landmarks[eye].min(0) - _BOX * size, landmarks[eye].max(0) + _BOX * size
        inside[max(0, round(y0)) : round(y1) + 1, max(0, round(x0)) : round(x1) + 1] = True
    return np.asarray(inside & face & ~_openings(landmarks, size))
