"""Away from the person, towards a target, as far as is enough: what paints by itself and what shifts a face share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privacy_faces.plugin import Context, Ensemble, dodging_loss, impersonation_loss
from privacy_faces_makeup.options import Goal

#: Surrogate -> embeddings (N, D).
Embeddings = dict[str, Tensor]


@dataclass(frozen=True)
class Pull:
    """The adversarial loss.

    Attributes:
        ensemble: the surrogates.
        goal: away from the person, towards the target, or both.
        floor, ceiling: surrogate -> the similarity to the person below which, and to the target above which, nothing
            pulls any more; None: it pulls on.
    """

    ensemble: Ensemble
    goal: Goal
    floor: dict[str, float] | None
    ceiling: dict[str, float] | None

    def __call__(self, frames: Tensor, landmarks: Tensor, person: Embeddings, target: Embeddings) -> Tensor:
        """One value (N,) for each of frames (N, 3, S, S) with landmarks (N, 68, 2), of people and their targets."""
        seen = self.ensemble.embed(frames, landmarks)
        loss = frames.new_zeros(len(frames))
        if self.goal != "impersonate":
            loss = loss + dodging_loss(self.ensemble.similarity(seen, person), self.floor)
        if self.goal != "dodge":
            loss = loss + impersonation_loss(self.ensemble.similarity(seen, target), self.ceiling)
        return loss


def pull_of(ensemble: Ensemble, goal: Goal, context: Context, below: float | None, above: float | None) -> Pull:
    """The pull that ends so far below the judge's thresholds for the person, and so far above them for the target; None
    where it does not end."""

    def enough(side: int, margin: float | None) -> dict[str, float] | None:
        if margin is None:
            return None
        # How far 0 lies above the threshold is the threshold with its sign changed.
        return {name: side * margin - float(context.above_threshold(name, torch.zeros(1))) for name in ensemble.names}

    return Pull(ensemble, goal, enough(-1, below), enough(1, above))
