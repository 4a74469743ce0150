"""Non-local means (Buades et al., CVPR 2005), by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

# What PrivacyPreservingDiffusion calls it with: strength for light and for color, and the sides of patches and of the
# window that is searched.
_STRENGTH, _COLOR, _PATCH, _WINDOW = 10, 10, 7, 15


def denoised(frames: Tensor) -> Tensor:
    """Frames (N, 3, S, S) in [0, 1], each pixel a mean of those whose surroundings look alike; in steps of 1 / 255."""
    pictures = (frames.detach().permute(0, 2, 3, 1).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    # OpenCV's conversion to light and color expects blue first.
    smooth = [
        cv2.fastNlMeansDenoisingColored(picture[..., ::-1].copy(), None, _STRENGTH, _COLOR, _PATCH, _WINDOW)[..., ::-1]
        for picture in pictures
    ]
    return torch.from_numpy(np.stack(smooth)).permute(0, 3, 1, 2).to(frames) / 255
