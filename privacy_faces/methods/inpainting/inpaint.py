"""Mask + inpaint: hide the regions that identify a person and let an inpainter fill them
(PrivacyPreservingDiffusion)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.config.options import OptionError
from privacy_faces.config.registry import INPAINTERS, METHODS
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method, Protection
from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.masks.gradcam import gradcam_map
from privacy_faces.methods.inpainting.masks.identity_score import identity_score
from privacy_faces.methods.inpainting.masks.random_patches import (
    cells_in,
    center_cells,
    drawn_cells,
    grid_side,
    patch_ranking,
)
from privacy_faces.methods.inpainting.masks.saliency import above_percentile, input_gradient, saliency_map
from privacy_faces.methods.inpainting.masks.selection import top_fraction, unit_range
from privacy_faces.methods.options import (
    InpaintGradcamOptions,
    InpaintOptions,
    InpaintRandomOptions,
    InpaintSaliencyOptions,
)
from privacy_faces.photos.denoise import denoised
from privacy_faces.recognizers.closed_set import load_classifier
from privacy_faces.recognizers.ensemble import Ensemble

# `fraction: auto` starts at the original's share, and hides this many times more where a surrogate still matches.
_START, _GROWTH = 0.25, 1.15
_REMEDY = "look at it, or cover such faces by --fallback pixelate"


class Inpaint(Method):
    """A mask, then a fill. A subclass writes `ranking`."""

    options: InpaintOptions
    #: Whether the surrogates are read even when the fraction is given.
    reads_surrogates = True

    def __init__(self, options: InpaintOptions, context: Context) -> None:
        super().__init__(options, context)
        self.inpainter: Inpainter = INPAINTERS.build(options.inpainter.name, options.inpainter.options, context)
        if options.strength is not None:
            if options.strength not in self.inpainter.strengths:
                raise OptionError(
                    f"Expected no strength with the inpainter {options.inpainter.name}, which knows none, found "
                    f"{options.strength}. Leave out --strength, or take --inpainter face-gan."
                )
            self.inpainter.strength = options.strength
        self.fallback: Method | None = None
        if options.fallback != "none":
            self.fallback = METHODS.build(options.fallback, None, context)
        own = options.surrogates if self.reads_surrogates or options.fraction == "auto" else []
        self.surrogates = tuple(dict.fromkeys([*own, *self.inpainter.surrogates]))
        self.ensemble = Ensemble([context.recognizer(name) for name in self.surrogates]) if own else None

    @abstractmethod
    def ranking(self, batch: FrameBatch) -> tuple[Tensor, Tensor]:
        """What to hide first, on a grid of G x G cells (or pixels, G = S).

        Returns:
            (N, 1, G, G), larger is hidden sooner, and boolean (N, 1, G, G): what may be hidden at all.
        """

    def protect(self, batch: FrameBatch) -> Protection:
        """Frames with the masked pixels inpainted; with `fraction: auto` the masks of faces that a surrogate still
        matches grow."""
        ranking, allowed = self.ranking(batch)
        fraction = _START if self.options.fraction == "auto" else self.options.fraction
        masks = self._mask(ranking, allowed, fraction, batch)
        if empty := [row + 1 for row, count in enumerate(masks.sum((1, 2, 3)).tolist()) if not count]:
            raise ValueError(
                f"Expected at least one pixel to hide, found none of face {', '.join(map(str, empty))}: --fraction "
                f"{fraction:g} of the frame, inside the area and thresholds that are set, is too little"
            )
        doubts = self.inpainter.doubts(batch)
        covered = [row for row, doubt in enumerate(doubts) if doubt and self.fallback]
        filled = [row for row in range(len(doubts)) if row not in covered]
        frames = batch.frames.clone()
        if filled:
            frames[filled] = self._fill(batch.take(filled), masks[filled])
        rows = filled if self.options.fraction == "auto" else []
        while rows := [
            row for row, matched in zip(rows, self._matched(batch.take(rows), frames[rows]), strict=True) if matched
        ]:
            fraction *= _GROWTH
            part = batch.take(rows)
            grown = self._mask(ranking[rows], allowed[rows], fraction, part)
            if torch.equal(grown, masks[rows]):  # nothing is left to hide
                break
            masks[rows], frames[rows] = grown, self._fill(part, grown)
        if covered and self.fallback:
            cover = self.fallback.protect(batch.take(covered))
            masks[covered], frames[covered] = cover.mask, cover.frames
        remedy = f"its face is hidden by {self.options.fallback}" if self.fallback else _REMEDY
        warnings = [doubt and f"{doubt}: {remedy}" for doubt in doubts]
        details = [{"mask_fraction": round(share, 4)} for share in masks.float().mean((1, 2, 3)).tolist()]
        return Protection(
            frames, masks, self.inpainter.paste, feather=self.options.feather, details=details, warnings=warnings
        )

    def weight_records(self) -> list[dict[str, str]]:
        """The inpainter's weights."""
        return self.inpainter.weight_records

    def _fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        frames = self.inpainter(batch, masks)
        return torch.where(masks, denoised(frames), frames) if self.options.denoise else frames

    def _mask(self, ranking: Tensor, allowed: Tensor, fraction: float, batch: FrameBatch) -> Tensor:
        chosen = top_fraction(ranking, fraction, allowed)
        masks = interpolate(chosen.float(), batch.frames.shape[-2:], mode="nearest-exact") > 0.5
        return self.inpainter.completed(batch, masks) if self.options.fraction == "auto" else masks

    @torch.no_grad()
    def _matched(self, batch: FrameBatch, frames: Tensor) -> list[bool]:
        """Whether any surrogate comes closer to a match than the margin: one answer per face."""
        if self.ensemble is None or not len(frames):
            return []
        similarity = self.ensemble.similarity(
            self.ensemble.embed(batch.frames, batch.landmarks), self.ensemble.embed(frames, batch.landmarks)
        )
        above = torch.stack([self.context.above_threshold(name, values) for name, values in similarity.items()])
        return (above.amax(0) > -self.options.margin).tolist()


class InpaintRandom(Inpaint):
    """Random patches."""

    options: InpaintRandomOptions
    reads_surrogates = False

    def ranking(self, batch: FrameBatch) -> tuple[Tensor, Tensor]:
        """The patches in an order drawn from the frame's own seed."""
        cells = grid_side(self.options.patch_size)
        allowed = torch.stack(
            [
                cells_in(face, cells) if self.options.area == "face" else center_cells(cells).to(face.device)
                for face in batch.regions["face"]
            ]
        )
        generators = batch.generators()
        if (draws := self.options.draws) is not None:
            allowed = torch.stack(
                [drawn_cells(grid, draws, generator) for grid, generator in zip(allowed, generators, strict=True)]
            )
        return torch.stack(
            [patch_ranking(grid, generator) for grid, generator in zip(allowed, generators, strict=True)]
        ), allowed


class InpaintGradcam(Inpaint):
    """Where Grad-CAM sees the identity."""

    options: InpaintGradcamOptions

    def ranking(self, batch: FrameBatch) -> tuple[Tensor, Tensor]:
        """Grad-CAM, averaged over the surrogates, inside the area."""
        maps = [
            gradcam_map(self.context.recognizer(name), batch.frames, batch.landmarks)
            for name in self.options.surrogates
        ]
        mean = torch.stack(maps).mean(0)
        allowed = area_of(batch, self.options.area)
        return mean, allowed if self.options.threshold is None else allowed & (
            unit_range(mean) > self.options.threshold
        )


class InpaintSaliency(Inpaint):
    """Where the input gradient of the identity is largest."""

    options: InpaintSaliencyOptions

    def __init__(self, options: InpaintSaliencyOptions, context: Context) -> None:
        self.classifier = load_classifier(options.classifier) if options.classifier else None
        if self.classifier and self.classifier.recognizer not in options.surrogates:
            raise ValueError(
                f"The classifier {options.classifier} is built on {self.classifier.recognizer}, which is none of the "
                "surrogates "
                f"({', '.join(options.surrogates)}). Add --surrogates {self.classifier.recognizer}"
            )
        super().__init__(options, context)

    def ranking(self, batch: FrameBatch) -> tuple[Tensor, Tensor]:
        """Input gradients, smoothed, averaged over the surrogates, inside the area."""
        gradients = [
            self._gradient(name, batch)
            for name in ([self.classifier.recognizer] if self.classifier else self.options.surrogates)
        ]
        allowed = area_of(batch, self.options.area)
        if (percentile := self.options.percentile) is not None:
            allowed = allowed & torch.stack(
                [above_percentile(gradient, percentile, self.options.blur) for gradient in gradients]
            ).any(0)
        return torch.stack([saliency_map(gradient, self.options.blur) for gradient in gradients]).mean(0), allowed

    def _gradient(self, name: str, batch: FrameBatch) -> Tensor:
        score = self.classifier.cross_entropy if self.classifier else identity_score
        return input_gradient(self.context.recognizer(name), batch.frames, batch.landmarks, score)


def area_of(batch: FrameBatch, area: Literal["face", "frame"]) -> Tensor:
    """Where pixels may be hidden: boolean (N, 1, S, S)."""
    face = batch.regions["face"]
    return face if area == "face" else torch.ones_like(face)
