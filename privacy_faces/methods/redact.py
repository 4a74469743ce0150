"""Redaction of the face oval: the baselines that everyone knows."""

from __future__ import annotations

from abc import abstractmethod

import torch.nn.functional as F
from torch import Tensor

from privacy_faces.methods.contract import FrameBatch, Method, Protection
from privacy_faces.methods.options import BlurOptions, FillOptions, PixelateOptions
from privacy_faces.photos.blur import gaussian_blur


class Redaction(Method):
    """Covers the whole face oval with something made from the frame alone."""

    @abstractmethod
    def cover(self, batch: FrameBatch) -> Tensor:
        """Frames (N, 3, S, S) to show inside the oval."""

    def protect(self, batch: FrameBatch) -> Protection:
        """The cover inside the face oval."""
        return Protection(self.cover(batch), batch.regions["face"], "replace", feather=0.01)


class Blur(Redaction):
    """Gaussian blur."""

    options: BlurOptions

    def cover(self, batch: FrameBatch) -> Tensor:
        """Frames convolved with a Gaussian of standard deviation `sigma` times the frame's side."""
        return gaussian_blur(batch.frames, self.options.sigma * batch.frames.shape[-1], border="replicate")


class Pixelate(Redaction):
    """Mosaic."""

    options: PixelateOptions

    def cover(self, batch: FrameBatch) -> Tensor:
        """Frames whose square cells each show their mean color."""
        cells = F.interpolate(batch.frames, (self.options.cells, self.options.cells), mode="area")
        return F.interpolate(cells, batch.frames.shape[-2:], mode="nearest-exact")


class Fill(Redaction):
    """One flat color."""

    options: FillOptions

    def cover(self, batch: FrameBatch) -> Tensor:
        """Black frames, or frames in the mean color of each face's skin."""
        if self.options.color == "black":
            return batch.frames.new_zeros(batch.frames.shape)
        skin = batch.regions["skin"].to(batch.frames.dtype)
        mean = (batch.frames * skin).sum((2, 3), keepdim=True) / skin.sum((2, 3), keepdim=True).clamp(min=1)
        return mean.expand_as(batch.frames)
