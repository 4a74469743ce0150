"""Photos composed of faces of nobody: each at a place, a size and a turn that are known, bare or covered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.frames import transform

Rgb = NDArray[np.uint8]
Cover = Literal["bare", "mask", "glasses"]
# Pictures in scikit-image's wheel that show no person.
_GROUNDS = ("coffee", "chelsea", "rocket", "hubble_deep_field", "brick", "grass", "gravel", "coins")


@dataclass(frozen=True)
class Portrait:
    """A picture of one upright face, and the face."""

    rgb: Rgb
    face: Face


@dataclass(frozen=True)
class Spot:
    """Where and how a face is put.

    Attributes:
        center: (x, y) of its box.
        size: width of its box, in pixels of the photo.
        turn: in degrees.
        whole: the portrait with its edges, as a poster, a badge or a telephone shows it; otherwise the head alone.
    """

    portrait: Portrait
    center: tuple[float, float]
    size: float
    turn: float = 0.0
    cover: Cover = "bare"
    whole: bool = False


def portraits(folder: Path, finder: FaceFinder, limit: int | None = None) -> list[Portrait]:
    """The first pictures of a folder, those without a face left out."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".png", ".jpg"})[:limit]
    pictures = (np.array(Image.open(path).convert("RGB")) for path in paths)
    return [Portrait(rgb, face) for rgb in pictures if (face := finder.largest(rgb))]


def ground(width: int, height: int, random: np.random.Generator) -> Rgb:
    """A photo without a face."""
    picture = getattr(data, _GROUNDS[random.integers(len(_GROUNDS))])()
    image = Image.fromarray(np.asarray(picture)).convert("RGB")
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))


def compose(rgb: Rgb, spots: Iterable[Spot]) -> tuple[Rgb, list[Face]]:
    """The photo (H, W, 3) with the faces on it, later ones in front, and where they are now."""
    rgb = rgb.copy()
    return rgb, [_put(rgb, spot) for spot in spots]


def covered(portrait: Portrait, cover: Cover) -> Rgb:
    """The portrait (H, W, 3) with a mask before the mouth, or dark glasses."""
    rgb, points = portrait.rgb.copy(), portrait.face.landmarks
    if cover == "mask":
        cv2.fillPoly(rgb, [np.concatenate([points[2:15], points[29:30]]).round().astype(np.int32)], (175, 205, 220))
    elif cover == "glasses":
        eyes = [points[36:42].mean(0), points[42:48].mean(0)]
        apart = float(np.hypot(*(eyes[1] - eyes[0])))
        for eye in eyes:
            axes = (round(0.36 * apart), round(0.27 * apart))
            cv2.ellipse(rgb, (eye.round().astype(int).tolist(), (2 * axes[0], 2 * axes[1]), 0), (25, 22, 20), -1)
        ends = [eye.round().astype(int).tolist() for eye in eyes]
        cv2.line(rgb, ends[0], ends[1], (25, 22, 20), max(1, round(apart / 16)))
    return rgb


def _put(rgb: Rgb, spot: Spot) -> Face:
    portrait = spot.portrait
    picture, box = covered(portrait, spot.cover), portrait.face.box
    scale = spot.size / float(box[2] - box[0])
    if scale < 1:
        # Averaged first, so that nothing aliases.
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = picture.shape[:2]
    step = np.array([width / portrait.rgb.shape[1], height / portrait.rgb.shape[0]])
    middle = (box[:2] + box[2:]) / 2
    alpha = np.ones((height, width), np.float32)
    if not spot.whole:
        rows, columns = np.mgrid[:height, :width]
        sides = (box[2:] - box[:2]) * step
        center = (middle - np.array([0, 0.05 * (box[3] - box[1])])) * step
        radius = np.hypot((columns - center[0]) / (0.75 * sides[0]), (rows - center[1]) / (0.75 * sides[1]))
        alpha = np.clip((1.05 - radius) / 0.1, 0, 1).astype(np.float32)
    cosine, sine = np.cos(np.deg2rad(spot.turn)), np.sin(np.deg2rad(spot.turn))
    linear = np.array([[cosine, -sine], [sine, cosine]]) * scale
    affine = np.column_stack([linear, np.array(spot.center) - linear @ middle])  # portrait -> photo
    small = np.column_stack([linear / step, affine[:, 2] + linear @ (0.5 / step - 0.5)])  # picture -> photo
    size = rgb.shape[1::-1]
    front = cv2.warpAffine(picture, small, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(alpha, small, size, flags=cv2.INTER_LINEAR)[..., None]
    rgb[:] = (rgb + share * (front.astype(np.float32) - rgb) + 0.5).astype(np.uint8)
    corners = transform(affine, np.array([box[[0, 1]], box[[2, 1]], box[[2, 3]], box[[0, 3]]]))
    return Face(np.concatenate([corners.min(0), corners.max(0)]), transform(affine, portrait.face.landmarks), 1.0)
