"""TIP-IM (Yang et al., ICCV 2021): of several targets, each step takes the one that is most worth resembling, and stays
close to the photo.

With D the cosine distance to the person r or to a target t, a step towards t descends L_t = D(x, t) - D(x, r) + gamma
MMD(x, photo) (equation 3) as MI-FGSM does; of the candidates, the one with the largest gain G = log(1 + exp(D(x, r) -
D(x, t))) is taken (equations 5 and 6, one target at a time). Arguments: those of MI-FGSM, `targets`, `gamma`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from privacy_faces.plugin import FrameBatch
from privacy_faces_noise.method import Similarities, TargetsNoise
from privacy_faces_noise.mifgsm import MifgsmAttack
from privacy_faces_noise.options import TipimOptions

# Widths of the Gaussian kernels, in mean squared differences of whole frames: from two to sixteen gray levels.
_WIDTHS = tuple((level / 255) ** 2 for level in (2.0, 4.0, 8.0, 16.0))


def discrepancy(frames: Tensor, original: Tensor) -> Tensor:
    """The squared maximum mean discrepancy (N,) of one frame and its photo (the paper's: of two sets of photos), 2 - 2
    k(x, photo), with k the mean of Gaussian kernels; 0 for equal frames."""
    squared = (frames - original).square().mean((1, 2, 3))
    return 2 - 2 * torch.stack([(-squared / (2 * width)).exp() for width in _WIDTHS]).mean(0)


def gain(to_target: Tensor, to_person: Tensor) -> Tensor:
    """G from similarities, of one shape: a cosine distance is one less the similarity."""
    return (1 + (to_target - to_person).exp()).log()


class TipimAttack(MifgsmAttack):
    """Steps towards the best of several targets; `chosen` (N,) is that of each face's last step."""

    options: TipimOptions

    def __init__(
        self, options: TipimOptions, similarities: Similarities, original: Tensor, mask: Tensor,
        generators: Sequence[torch.Generator],
    ) -> None:  # fmt: skip
        super().__init__(options, self.towards, original, mask, generators)
        self.similarities, self.target = similarities, 0
        self.chosen = torch.zeros(len(original), dtype=torch.int64, device=original.device)

    def towards(self, seen: Tensor) -> Tensor:
        """L_t of the target at hand."""
        to_targets, to_person = self.similarities(seen)
        return to_person - to_targets[:, self.target] + self.options.gamma * discrepancy(seen, self.original)

    def step(self, frames: Tensor) -> Tensor:
        """The candidate with the largest gain; its momentum is kept."""
        best = self.original.new_full((len(frames),), -torch.inf)
        taken, before, carried = frames, self.momentum, self.momentum
        for target in range(len(self.options.targets)):
            self.target, self.momentum = target, before
            candidate = super().step(frames)
            with torch.no_grad():
                to_targets, to_person = self.similarities(candidate)
                worth = gain(to_targets[:, self.target], to_person)
            better = (worth > best)[:, None, None, None]
            taken, carried = torch.where(better, candidate, taken), torch.where(better, self.momentum, carried)
            self.chosen, best = torch.where(worth > best, self.target, self.chosen), torch.maximum(worth, best)
        self.momentum = carried
        return taken


class Tipim(TargetsNoise):
    """TIP-IM against the ensemble of surrogates."""

    def perturbed(self, face: FrameBatch, mask: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """One face, and whom the last step took it towards."""
        attack = TipimAttack(self.options, self.similarities(face), face.frames, mask, face.generators())
        return attack.run(), {"towards": self.targets[int(attack.chosen)].name}
