"""Paste protected frames back into the photo at its own resolution; pixels outside the masks stay bit-identical."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.faces import Image
from privacy_faces.photos.frames import invert, scale_of, to_unit, transform

Frame = NDArray[np.float32]
_ROWS = 1024


def paste_frame(
    rgb: Image,
    changed: NDArray[np.bool_],
    affine: NDArray[np.float64],
    original: Frame,
    protected: Frame,
    mask: NDArray[np.bool_],
    mode: Literal["replace", "difference"],
    feather: float,
) -> None:
    """Write one frame's change into `rgb`, and mark the pixels it may have touched in `changed`.

    With alpha rising from 0 to 1 over `feather` inside the mask: "replace" gives (1 - alpha) * photo + alpha *
        protected, and "difference" gives
    photo + alpha * (protected - original), in which the photo keeps its own detail.

    Args:
        rgb: the photo (H, W, 3), 8 or 16 bit; changed in place.
        changed: (H, W); changed in place.
        affine: (2, 3), photo to frame.
        original, protected: (S, S, 3) in [0, 1].
        mask: (S, S), where the frames may differ.
        mode: what to put into the photo.
        feather: width of the soft edge, as a share of S.
    """
    size = mask.shape[0]
    corners = transform(invert(affine), np.array([[0, 0], [size, 0], [size, size], [0, size]], dtype=float) - 0.5)
    height, width = rgb.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, [width, height])
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, [width, height])
    if x1 <= x0 or y1 <= y0:
        return
    to_frame = affine.copy()
    to_frame[:, 2] += affine[:, :2] @ [x0, y0]
    window = (int(x1 - x0), int(y1 - y0))

    inside = _to_photo(mask.astype(np.float32), to_frame, window, cv2.BORDER_CONSTANT) > 0.5
    alpha = _soft_edge(inside, feather * size / scale_of(affine))[:, :, None]
    largest = np.iinfo(rgb.dtype).max
    put = protected if mode == "replace" else protected - original
    for top in range(0, window[1], _ROWS):  # to need little memory
        rows = slice(top, min(top + _ROWS, window[1]))
        patch = rgb[y0:y1, x0:x1][rows]
        photo = to_unit(patch)
        band = to_frame.copy()
        band[:, 2] += to_frame[:, 1] * top
        change = _to_photo(put, band, (window[0], rows.stop - top), cv2.BORDER_REPLICATE)
        target = photo + alpha[rows] * (change - photo if mode == "replace" else change)
        patch[inside[rows]] = (np.clip(target, 0, 1) * largest + 0.5).astype(rgb.dtype)[inside[rows]]
    changed[y0:y1, x0:x1] |= inside


def _to_photo(frame: Frame, to_frame: NDArray[np.float64], window: tuple[int, int], border: int) -> Frame:
    """A frame (S, S[, 3]) resampled onto a window (width, height) of the photo."""
    shrink = int(scale_of(to_frame))
    if shrink > 1:
        # The face is smaller in the photo than in the frame: average whole blocks first, so that nothing aliases.
        side = round(frame.shape[0] / shrink)
        step = side / frame.shape[0]
        frame = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
        to_frame = np.column_stack([to_frame[:, :2] * step, (to_frame[:, 2] + 0.5) * step - 0.5])
    return np.asarray(
        cv2.warpAffine(frame, to_frame, window, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=border),
        dtype=np.float32,
    )


def _soft_edge(inside: NDArray[np.bool_], width: float) -> Frame:
    """Alpha (H, W) that is 0 outside and rises to 1 over `width` pixels inside; a mask cut by the photo's border keeps
    its full strength there."""
    if width < 1:
        return inside.astype(np.float32)
    distance = np.asarray(cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    distance /= width + 1
    return np.clip(distance, 0, 1, out=distance, dtype=np.float32)
