"""Faces of nobody from the generator: to fill the bank with, and to train with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.models.face_looks import FRAME
from privacy_faces.models.mobile_stylegan import STYLE, MobileStyleGan
from privacy_faces.photos.batch import to_pixels
from privacy_faces.photos.detection.contract import LandmarkModel
from privacy_faces.training.portraits import Portraits

# Below 1 faces are more alike and fewer are spoiled; all of the package's own are drawn near this.
TRUNCATION = 0.75
BATCH = 32


@dataclass(frozen=True)
class Drawn:
    """N drawn faces.

    Attributes:
        styles: (N, 512), w of `models.mobile_stylegan`.
        pictures: (N, 3, 256, 256) in [0, 1].
        pixels: the same as N images, uint8.
        landmarks: (N, 68, 2) in their pixels.
    """

    styles: Tensor
    pictures: Tensor
    pixels: list[NDArray[np.uint8]]
    landmarks: NDArray[np.float32]


def draw_faces(
    network: MobileStyleGan,
    landmark_model: LandmarkModel,
    count: int,
    seed: int,
    progress: Callable[[range], Iterable[int]],
) -> Iterator[Drawn]:
    """Batches of `count` faces. Their frames are FFHQ's, which are this project's: nobody needs to be found."""
    generator = torch.Generator().manual_seed(seed)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in progress(range(0, count, BATCH)):
            z = torch.randn(min(BATCH, count - start), STYLE, generator=generator)
            with torch.no_grad():
                styles = network.mapping(z.to(network.mean_style), TRUNCATION)
                pictures = ((network.synthesize(styles, FRAME) + 1) / 2).clamp(0, 1)
            pixels = [to_pixels(picture) for picture in pictures]
            landmarks = np.stack(list(threads.map(landmark_model.place, pixels))).astype(np.float32)
            yield Drawn(styles, pictures, pixels, landmarks)


def generated_portraits(
    network: MobileStyleGan,
    landmark_model: LandmarkModel,
    count: int,
    size: int,
    seed: int,
    progress: Callable[[range], Iterable[int]],
) -> Portraits:
    """`count` faces as training data in frames of a side of `size` pixels, each of a person of its own."""
    frames, landmarks = [], []
    for faces in draw_faces(network, landmark_model, count, seed, progress):
        small = interpolate(faces.pictures, (size, size), mode="bilinear", antialias=True)
        frames.append((small * 255 + 0.5).to(torch.uint8).cpu())
        landmarks.append((torch.from_numpy(faces.landmarks) + 0.5) * (size / FRAME) - 0.5)
    names = [f"generated-{seed}-{number:06d}" for number in range(count)]
    return Portraits(torch.cat(frames), torch.cat(landmarks), names)
