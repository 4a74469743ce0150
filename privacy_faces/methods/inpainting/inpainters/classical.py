"""Inpainting without a learned model: the baseline.

Telea (2004), Navier-Stokes (Bertalmio et al., 2001) or biharmonic (Damelin and Hoang, 2018).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.restoration import inpaint_biharmonic
from torch import Tensor

from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.inpainters.options import ClassicalOptions
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.frames import to_unit

_OPENCV = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}


class Classical(Inpainter):
    """The inpainter `classical`."""

    options: ClassicalOptions

    def fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Each frame filled from the pixels around its hole; draws no random number."""
        images = batch.frames.permute(0, 2, 3, 1).cpu().numpy()
        filled = [self._fill_one(image, mask[0].cpu().numpy()) for image, mask in zip(images, masks, strict=True)]
        return torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2)

    def _fill_one(self, image: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        if self.options.algorithm == "biharmonic":
            return np.asarray(inpaint_biharmonic(image, mask, channel_axis=2), dtype=np.float32)
        # OpenCV takes three channels only in 8 bits.
        pixels = (image * 255 + 0.5).astype(np.uint8)
        radius = self.options.radius * len(image)
        return to_unit(
            np.asarray(
                cv2.inpaint(pixels, mask.astype(np.uint8), radius, _OPENCV[self.options.algorithm]), dtype=np.uint8
            )
        )
