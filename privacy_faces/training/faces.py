"""Faces of nobody: samples of the linear face model, kept when they are no one of the training set nor each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.models.face_prior import FaceModel
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.recognizers.contract import Recognizer

# Length of a sample's coefficients as a share of a random face's: a little less than one, since noses and chins at the
# tails are nobody's either. Beyond the leading ones they are shorter still, for they paint blotches as much as
# features.
_TYPICAL, _LEADING, _REST = 0.9, 60, 0.85
# How far another photo of the same face goes from the first: in the leading coefficients, which hold light, pose and
# smile, and in the others. Farther, and men turn into women; as it is, dlib-resnet calls the two one person
# (tests/weights/test_assets.py).
_OCCASION, _OTHER_OCCASION, _OTHER_DETAIL = 12, 0.7, 0.25
# Blur of the color, not of the light, in frame sides: the model's color is as blotchy as its light is sharp.
_COLOR_BLUR = 0.023
# The picture's side, to which the model's frame is enlarged: the detector was made for larger faces.
_PICTURE = 256
# Half the axes of the ellipse that head and hair fill, in frame sides; beyond it the model paints all its backgrounds
# at once, which are blurred.
_HEAD, _HEAD_CENTER, _BACKDROP_BLUR = (0.36, 0.46), (0.5, 0.47), 0.1
# dlib's distance of the closest pair allowed, and of the closest training portrait; the library calls two photos one
# person below 0.6.
PAIR, STRANGER = 0.6, 0.5
# A face the detector is less sure of than this looks odd to people too.
_SURE = 0.99


@dataclass(frozen=True)
class SyntheticFace:
    """A face that nobody has.

    Attributes:
        index: number of the sample, from which it can be drawn again.
        picture: (3, 256, 256) in [0, 1].
        landmarks: (68, 2) in pixels of the picture.
        score: the detector's.
        descriptor: of the recognizer, (D,).
        nearest_training: distance of the closest training portrait's descriptor.
    """

    index: int
    picture: Tensor
    landmarks: Tensor
    score: float
    descriptor: Tensor
    nearest_training: float


def draw_face(prior: FaceModel, seed: int, index: int) -> Tensor:
    """Sample number `index`: a picture (3, 256, 256) in [0, 1], whether good or not."""
    return _picture(prior, _coefficients(prior, seed, index)[0])


def draw_again(prior: FaceModel, seed: int, index: int) -> Tensor:
    """Another photo of the face of sample `index`, (3, 256, 256) in [0, 1]: other light, pose, smile and background,
    and a little of everything else."""
    coefficients, generator = _coefficients(prior, seed, index)
    fresh = _TYPICAL * torch.randn(coefficients.shape, generator=generator)
    change = torch.full_like(coefficients, _OTHER_DETAIL)
    change[:, :_OCCASION] = _OTHER_OCCASION
    # Of the same length as before: a sum of two normal numbers whose weights' squares add up to one.
    return _picture(prior, (1 - change.square()).sqrt() * coefficients + change * fresh)


def _coefficients(prior: FaceModel, seed: int, index: int) -> tuple[Tensor, torch.Generator]:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + index)
    coefficients = _TYPICAL * torch.randn(1, prior.components.shape[1], generator=generator)
    coefficients[:, _LEADING:] *= _REST
    return coefficients, generator


def _picture(prior: FaceModel, coefficients: Tensor) -> Tensor:
    lab = rgb_to_lab(prior.frames(coefficients).clamp(0, 1))
    face = lab_to_rgb(torch.cat([lab[:, :1], gaussian_blur(lab[:, 1:], _COLOR_BLUR * prior.size, reach=2)], 1))
    picture = interpolate(face, (_PICTURE, _PICTURE), mode="bicubic", align_corners=False).clamp(0, 1)
    return torch.lerp(gaussian_blur(picture, _BACKDROP_BLUR * _PICTURE, reach=2), picture, _head(_PICTURE))[0]


def synthesize(
    prior: FaceModel,
    finder: FaceFinder,
    recognizer: Recognizer,
    training: Tensor,
    count: int,
    seed: int,
    chosen: Sequence[int] | None = None,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Iterator[SyntheticFace]:
    """The first `count` samples that are detected, far from each other, and far from every training portrait.

    Args:
        prior: the face model.
        finder: detects the face.
        recognizer: whose descriptors are compared, by Euclidean distance (dlib's measure).
        training: descriptors (N, D) of the training portraits.
        count: how many faces.
        seed: of the samples.
        chosen: the sample numbers to choose from, for a person who looked at them; the first 200 for each face by
            default.
        progress: wraps the sample numbers.

    Raises:
        ValueError: when these samples do not suffice.
    """
    found: list[SyntheticFace] = []
    samples = range(200 * count) if chosen is None else chosen
    for index in progress(samples):
        picture = draw_face(prior, seed, index)
        pixels = (picture.permute(1, 2, 0) * 255 + 0.5).to(torch.uint8).numpy()
        faces = finder.find(np.ascontiguousarray(pixels))
        if len(faces) != 1 or faces[0].score < _SURE:
            continue
        frame = torch.from_numpy(faces[0].frame(pixels, _PICTURE)).permute(2, 0, 1)
        places = torch.from_numpy(faces[0].frame_landmarks(_PICTURE)).float()
        with torch.no_grad():
            descriptor = recognizer.features(recognizer.template.chips(frame[None], places[None]))[0]
        nearest = float(torch.linalg.vector_norm(training - descriptor, dim=1).min())
        if nearest <= STRANGER or any(torch.linalg.vector_norm(face.descriptor - descriptor) <= PAIR for face in found):
            continue
        found.append(
            SyntheticFace(
                index, picture, torch.from_numpy(faces[0].landmarks).float(), faces[0].score, descriptor, nearest
            )
        )
        yield found[-1]
        if len(found) == count:
            return
    raise ValueError(
        f"Expected {count} different faces, found {len(found)} among {len(samples)} samples. Ask for fewer."
    )


def _head(size: int) -> Tensor:
    """One on the head, falling softly to zero around it: (1, 1, S, S)."""
    grid = (torch.arange(size) + 0.5) / size
    radius = (
        ((grid[None, :] - _HEAD_CENTER[0]) / _HEAD[0]) ** 2 + ((grid[:, None] - _HEAD_CENTER[1]) / _HEAD[1]) ** 2
    ).sqrt()
    return torch.sigmoid((1 - radius) * 14)[None, None]
