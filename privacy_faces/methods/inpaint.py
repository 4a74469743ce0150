"""Mask + inpaint: hide the regions that identify a person and let an inpainter fill them (PrivacyPreservingDiffusion)."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from privacy_faces.context import Context
from privacy_faces.inpainters.base import Inpainter
from privacy_faces.masks.gradcam import gradcam_map
from privacy_faces.masks.random_patches import random_patches
from privacy_faces.masks.saliency import saliency_map
from privacy_faces.masks.selection import top_fraction
from privacy_faces.methods.base import FrameBatch, Method, Protection
from privacy_faces.methods.options import InpaintGradcamOptions, InpaintOptions, InpaintRandomOptions, InpaintSaliencyOptions
from privacy_faces.recognizers.ensemble import Ensemble
from privacy_faces.registry import INPAINTERS


class Inpaint(Method):
    """A mask, then a fill. A subclass writes `mask`."""

    options: InpaintOptions

    def __init__(self, options: InpaintOptions, context: Context) -> None:
        super().__init__(options, context)
        self.inpainter: Inpainter = INPAINTERS.build(options.inpainter.name, options.inpainter.options, context)
        self.surrogates = self.inpainter.surrogates

    @abstractmethod
    def mask(self, batch: FrameBatch) -> Tensor:
        """What to hide: boolean (N, 1, S, S)."""

    def protect(self, batch: FrameBatch) -> Protection:
        """Frames with the masked pixels inpainted."""
        mask = self.mask(batch)
        frames = self.inpainter(batch, mask)
        details = [{"mask_fraction": round(share, 4)} for share in mask.float().mean((1, 2, 3)).tolist()]
        return Protection(frames, mask, self.inpainter.paste, feather=self.options.feather, details=details)

    def weight_records(self) -> list[dict[str, str]]:
        """The inpainter's weights."""
        return self.inpainter.weight_records


class InpaintRandom(Inpaint):
    """Random patches."""

    options: InpaintRandomOptions

    def mask(self, batch: FrameBatch) -> Tensor:
        """Patches drawn near the centre of each frame, from the frame's own seed."""
        size = batch.frames.shape[-1]
        masks = [random_patches(size, self.options.patch_size, self.options.ratio, generator) for generator in batch.generators()]
        return torch.stack(masks).to(batch.frames.device)


class _InpaintRanked(Inpaint):
    """The pixels of the face that some map ranks highest."""

    options: InpaintGradcamOptions | InpaintSaliencyOptions

    def __init__(self, options: InpaintGradcamOptions | InpaintSaliencyOptions, context: Context) -> None:
        super().__init__(options, context)
        self.surrogates = tuple(dict.fromkeys([*options.surrogates, *self.inpainter.surrogates]))
        self.ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])

    @abstractmethod
    def ranking(self, batch: FrameBatch) -> Tensor:
        """How much each pixel tells about the person: (N, 1, S, S), larger is more."""

    def mask(self, batch: FrameBatch) -> Tensor:
        """The top fraction of the frame's pixels, inside the face."""
        return top_fraction(self.ranking(batch), self.options.fraction, batch.regions["face"])


class InpaintGradcam(_InpaintRanked):
    """Where Grad-CAM sees the identity."""

    options: InpaintGradcamOptions

    def ranking(self, batch: FrameBatch) -> Tensor:
        """Grad-CAM, averaged over the surrogates."""
        return torch.stack([gradcam_map(member, batch.frames, batch.landmarks) for member in self.ensemble]).mean(0)


class InpaintSaliency(_InpaintRanked):
    """Where the input gradient of the identity is largest."""

    options: InpaintSaliencyOptions

    def ranking(self, batch: FrameBatch) -> Tensor:
        """Smoothed input gradients, averaged over the surrogates."""
        return torch.stack([saliency_map(member, batch.frames, batch.landmarks, self.options.blur) for member in self.ensemble]).mean(0)
