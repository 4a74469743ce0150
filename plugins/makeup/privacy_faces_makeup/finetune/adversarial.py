"""Makeup that turns recognizers away by itself: DiffAM's adversarial term (CVPR 2024, equation 10)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privacy_faces_makeup.losses.diversity import diverse, with_dropout
from privacy_faces_makeup.objective import Objective, Subject
from privacy_faces_makeup.options import Term
from privacy_faces_makeup.pull import Pull


class AdversarialObjective:
    """What fine-tuning minimizes.

    Args:
        objective: of the makeup.
        pull: the adversarial loss.
        diversity: strength of the random view that the recognizers have of each face.
    """

    def __init__(self, objective: Objective, pull: Pull, diversity: float) -> None:
        self.objective, self.pull, self.diversity = objective, pull, diversity

    def terms(self, edited: Tensor, subject: Subject, generators: Sequence[torch.Generator]) -> dict[Term, Tensor]:
        """The objective's terms and "adversarial", each (N,), of edited frames (N, 3, S, S) of a subject.

        Args:
            edited: gradients flow to them.
            subject: the faces before.
            generators: one per face.
        """
        terms = self.objective.terms(edited, subject)
        seen, landmarks = diverse(edited, subject.landmarks, self.diversity, generators)
        with with_dropout(self.pull.ensemble, self.diversity, generators):
            terms["adversarial"] = self.pull(seen, landmarks, subject.person, subject.target)
        return terms
