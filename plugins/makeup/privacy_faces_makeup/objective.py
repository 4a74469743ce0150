"""What makeup transfer minimizes: named terms, one value per face, and their weights.

What does not change while the faces do (features of the photo, of the reference and of the target, and the colors to
reach) is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privacy_faces.plugin import Ensemble, Target
from privacy_faces_makeup.clip.image_text import ImageText
from privacy_faces_makeup.face.regions import Canvas, canvas_of
from privacy_faces_makeup.face.style import Style
from privacy_faces_makeup.losses.direction import log_direction_loss
from privacy_faces_makeup.losses.histogram import histogram_loss, matched
from privacy_faces_makeup.losses.perceptual import Perceptual
from privacy_faces_makeup.options import Term, TransferOptions

# DiffAM's texts.
MADE_UP, BARE = "face with makeup", "face without makeup"


@dataclass(frozen=True)
class Subject:
    """Faces, and what is known of them before they wear anything.

    Attributes:
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels.
        canvas: where makeup may lie.
        colors: (N, 3, S, S), the faces with the colors that each region should have.
        person: surrogate -> embeddings (N, D).
        target: surrogate -> embeddings (N, D) of whom each is to resemble, or one for all (1, D).
        looks: CLIP embeddings (N, D); empty when the direction is not asked for.
    """

    frames: Tensor
    landmarks: Tensor
    canvas: Canvas
    colors: Tensor
    person: dict[str, Tensor]
    target: dict[str, Tensor]
    looks: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Subject:
        """Some of the faces."""
        person, target = (
            {name: embedding.expand(len(self.frames), -1)[rows] for name, embedding in known.items()}
            for known in (self.person, self.target)
        )
        looks = self.looks[rows] if len(self.looks) else self.looks
        return Subject(
            self.frames[rows], self.landmarks[rows], self.canvas[rows], self.colors[rows], person, target, looks
        )


class Objective:
    """The loss of makeup transfer for one reference.

    Args:
        options: the weights; a term of weight 0 is not computed.
        style: the reference.
        ensemble: the surrogates, who know the person and the target.
        clip, perceptual: the networks of the direction and of the perceptual loss.
    """

    def __init__(
        self,
        options: TransferOptions,
        style: Style,
        ensemble: Ensemble,
        clip: ImageText,
        perceptual: Perceptual,
    ) -> None:
        self.options, self.style = options, style
        self.ensemble, self.clip, self.perceptual = ensemble, clip, perceptual
        self.boxes = options.regions == "boxes"
        self.style_regions = canvas_of(style.landmarks, style.makeup.shape[-1], self.boxes).regions
        self.shares = style.makeup.new_tensor([1.0, 1.0, 1.0, options.skin])
        self.goal = self._direction() if options.direction else None

    @torch.no_grad()
    def subject(self, frames: Tensor, landmarks: Tensor, targets: Sequence[Target]) -> Subject:
        """Faces (N, 3, S, S) in [0, 1] with landmarks (N, 68, 2), ready to be made up.

        Args:
            frames, landmarks: the faces.
            targets: whom each is to resemble, or one for all.
        """
        canvas = canvas_of(landmarks, frames.shape[-1], self.boxes)
        colors = matched(frames, canvas.regions, self.style.makeup, self.style_regions)
        looks = self.clip.embed_images(frames) if self.goal is not None else frames.new_zeros(0)
        aims = [self.ensemble.embed(target.frame[None], target.landmarks[None]) for target in targets]
        target = {name: torch.cat([aim[name] for aim in aims]) for name in self.ensemble.names}
        return Subject(frames, landmarks, canvas, colors, self.ensemble.embed(frames, landmarks), target, looks)

    def terms(self, edited: Tensor, subject: Subject) -> dict[Term, Tensor]:
        """The unweighted terms, each (N,), of edited frames (N, 3, S, S) of a subject.

        Args:
            edited: gradients flow to them.
            subject: the faces before.
        """
        options = self.options
        terms: dict[Term, Tensor] = {}
        if options.histogram:
            terms["histogram"] = (histogram_loss(edited, subject.canvas.regions, subject.colors) * self.shares).sum(1)
        if self.goal is not None:
            terms["direction"] = log_direction_loss(self.clip.embed_images(edited), subject.looks, self.goal)
        if options.similarity:
            terms["similarity"] = self.perceptual(edited, subject.frames)
        if options.l1:
            terms["l1"] = (edited - subject.frames).abs().mean((1, 2, 3))
        return terms

    def recolored(self, subject: Subject) -> Tensor:
        """The faces (N, 3, S, S) with the reference's colors put on flat: where steps on a photo set out."""
        share = (subject.canvas.regions * self.shares.clamp(max=1)[:, None, None]).amax(1, keepdim=True)
        return subject.canvas.wear(subject.frames, share * (subject.colors - subject.frames)).clamp(0, 1)

    @staticmethod
    def weighted(terms: Mapping[Term, Tensor], weights: Mapping[Term, float]) -> dict[str, Tensor]:
        """Each term times its weight, by name, as the log has it."""
        return {name: weights[name] * value for name, value in terms.items()}

    @torch.no_grad()
    def _direction(self) -> Tensor:
        """E(reference with makeup) - E(reference without); of an image without a twin, the direction of the texts."""
        if self.style.clean is None:
            texts = self.clip.embed_texts([MADE_UP, BARE])
            return texts[:1] - texts[1:]
        return self.clip.embed_images(self.style.makeup) - self.clip.embed_images(self.style.clean)
