"""Masks to look at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.photo import Photo


def overlay(photo: Photo, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The photo (H, W, 3), 8 bit, with the mask (H, W) in translucent magenta."""
    rgb = photo.rgb if photo.rgb.dtype == np.uint8 else photo.rgb >> 8
    tinted = rgb.astype(np.float32) * 0.45 + np.array([255, 0, 160], dtype=np.float32) * 0.55
    return np.where(mask[:, :, None], tinted + 0.5, rgb).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Gray (H, W) or RGB (H, W, 3) pixels as a PNG file."""
    return _encoded(pixels, ".png")


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Gray (H, W) or RGB (H, W, 3) pixels as a JPEG file."""
    return _encoded(pixels, ".jpg")


def _encoded(pixels: NDArray[np.uint8], ending: str) -> bytes:
    _, data = cv2.imencode(ending, pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return bytes(data)
