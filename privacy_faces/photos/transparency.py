"""What a photo with alpha shows: its colors alone, on black, on white, and its alpha plane.

Viewers choose any of them, and a face in one is a face in the file.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.faces import Face, Image
from privacy_faces.photos.frames import to_unit
from privacy_faces.photos.photo import COLOR_CHANNELS, Photo, Samples

BLACK, WHITE = 0.0, 1.0
# A gradient or a soft edge is what an alpha plane is for. What a smooth surface does not explain of it, in shares of
# full opacity, is detail: 0.10 to 0.16 of 24 portraits in an alpha plane, below 0.001 of gradients.
MOST_DETAIL = 0.01
_ROWS = 256  # composed at a time, to need little memory
_FITTED = 64  # side, in samples, to which a large face is reduced before its alpha is measured


def translucent(photo: Photo) -> bool:
    """Whether any pixel is not wholly opaque."""
    alpha = _alpha(photo)
    return alpha is not None and bool((alpha < np.iinfo(alpha.dtype).max).any())


def shown(photo: Photo) -> Iterator[Image]:
    """The pictures (H, W, 3) that a viewer may make of the photo, the colors alone first; they are the only one where
    all is opaque. One after another: each takes memory."""
    alpha = _alpha(photo)
    yield photo.rgb
    if alpha is not None and translucent(photo):
        yield on(photo, BLACK)
        yield on(photo, WHITE)
        yield np.repeat(alpha[..., None], 3, axis=-1)


def on(photo: Photo, background: float) -> Image:
    """The photo (H, W, 3) in front of a gray from 0 (black) to 1 (white)."""
    alpha = _alpha(photo)
    if alpha is None:
        return photo.rgb
    return _composed(photo.rgb, alpha, background)


def flattened(photo: Photo, background: float) -> Photo:
    """The photo in front of a gray from 0 (black) to 1 (white), without alpha. Opaque pixels keep their samples."""
    mode = photo.mode.removesuffix("A")
    alpha = _alpha(photo)
    if alpha is None:
        return photo
    colors = photo.native[..., : COLOR_CHANNELS[mode]]
    native = _composed(colors, alpha, background)
    return Photo.from_native(
        native[..., 0] if mode == "L" else native,
        mode,
        photo.format,
        icc_profile=photo.icc_profile,
        metadata=photo.metadata,
        lossless=photo.lossless,
    )


def alpha_shows(photo: Photo, face: Face) -> bool:
    """Whether the alpha plane has detail where the face has brows, eyes, nose and mouth."""
    alpha = _alpha(photo)
    if alpha is None:
        return False
    features = face.landmarks[17:]  # all but the jaw, beyond which the background of a cutout begins
    corners = np.clip([np.floor(features.min(0)), np.ceil(features.max(0)) + 1], 0, [photo.width, photo.height])
    (x0, y0), (x1, y1) = corners.astype(int)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return False
    patch = to_unit(alpha[y0:y1, x0:x1])
    size = (min(x1 - x0, _FITTED), min(y1 - y0, _FITTED))
    return detail(cv2.resize(patch, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)) > MOST_DETAIL


def detail(plane: NDArray[np.float32]) -> float:
    """The root mean square of what a quadratic surface does not explain of a plane (H, W)."""
    rows, columns = np.mgrid[-1 : 1 : plane.shape[0] * 1j, -1 : 1 : plane.shape[1] * 1j].reshape(2, -1)
    surface = np.stack([np.ones_like(rows), rows, columns, rows**2, rows * columns, columns**2], axis=1)
    values = plane.reshape(-1).astype(np.float64)
    fitted, *_ = np.linalg.lstsq(surface, values, rcond=None)
    return float(np.sqrt(np.mean((values - surface @ fitted) ** 2)))


def _alpha(photo: Photo) -> Samples | None:
    return photo.native[..., -1] if photo.mode.endswith("A") else None


def _composed(colors: Samples, alpha: Samples, background: float) -> Samples:
    most = int(np.iinfo(colors.dtype).max)
    behind = round(background * most)
    result = np.empty_like(colors, order="C")
    for top in range(0, len(colors), _ROWS):
        rows = slice(top, top + _ROWS)
        over = alpha[rows, :, None].astype(np.uint32)  # most * most + most / 2 still fits
        result[rows] = (colors[rows] * over + np.uint32(behind) * (most - over) + most // 2) // most
    return result
