"""Smoothing that washes out fine noise, and sharpening."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from privacy_faces.judge.views import View
from privacy_faces.photos.frames import to_unit

_BLUR, _SHARPEN = 1.5, 150


def blur_and_sharpen(view: View) -> View:
    """Low-pass, then unsharp masking."""
    image = Image.fromarray((view.frame * 255 + 0.5).astype(np.uint8)).filter(ImageFilter.GaussianBlur(_BLUR))
    sharp = to_unit(np.asarray(image.filter(ImageFilter.UnsharpMask(2, _SHARPEN, 0))))
    return View(sharp, view.landmarks)
