"""TIP-IM (Yang et al., ICCV 2021): of several targets, each step takes the one that is most worth resembling, and stays
close to the photo.

With D the cosine distance to the person r or to a target t, a step towards t descends L_t = D(x, t) - D(x, r) + gamma
MMD(x, photo) (equation 3) by momentum and sign; of the candidates, the one with the largest gain G = log(1 + exp(D(x,
r) - D(x, t))) is taken (equations 5 and 6, one target at a time).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from privacy_faces.plugin import Context, FrameBatch, dodging_loss
from privacy_faces_noise.ball import gradient, project, random_start
from privacy_faces_noise.method import Noise
from privacy_faces_noise.mifgsm import unit_l1
from privacy_faces_noise.options import TipimOptions

_START = 1 / 255
# Widths of the Gaussian kernels, in mean squared differences of whole frames: from two to sixteen gray levels.
_WIDTHS = tuple((level / 255) ** 2 for level in (2.0, 4.0, 8.0, 16.0))

#: Frames (N, 3, S, S) -> similarities (N, K) to K targets, and (N,) to the person.
Similarities = Callable[[Tensor], tuple[Tensor, Tensor]]


def discrepancy(frames: Tensor, original: Tensor) -> Tensor:
    """The squared maximum mean discrepancy (N,) of one frame and its photo, 2 - 2 k(x, photo), with k the mean of
    Gaussian kernels; 0 for equal frames.

    The paper takes it between two sets of photos; between single ones a face's noise does not depend on the others of
    its batch.
    """
    squared = (frames - original).square().mean((1, 2, 3))
    return 2 - 2 * torch.stack([(-squared / (2 * width)).exp() for width in _WIDTHS]).mean(0)


def gain(to_target: Tensor, to_person: Tensor) -> Tensor:
    """G from similarities, of one shape: a cosine distance is one less the similarity, so D(x, r) - D(x, t) = to_target
    - to_person."""
    return (1 + (to_target - to_person).exp()).log()


def tipim(
    similarities: Similarities,
    original: Tensor,
    mask: Tensor,
    epsilon: float,
    alpha: float,
    steps: int,
    decay: float,
    gamma: float,
    generators: Sequence[torch.Generator],
) -> tuple[Tensor, Tensor]:
    """Frames (N, 3, S, S) after `steps` steps, and the target (N,) of each face's last step; arguments as for
    `mifgsm`."""
    frames = random_start(original, min(_START, epsilon), mask, generators)
    momentum = torch.zeros_like(original)
    chosen = torch.zeros(len(original), dtype=torch.int64, device=original.device)
    with torch.no_grad():
        targets = similarities(original)[0].shape[1]
    for _ in range(steps):
        best = original.new_full((len(original),), -torch.inf)
        taken, carried = frames, momentum
        for target in range(targets):

            def towards(seen: Tensor, target: int = target) -> Tensor:
                to_targets, to_person = similarities(seen)
                return to_person - to_targets[:, target] + gamma * discrepancy(seen, original)

            moved = decay * momentum + unit_l1(gradient(towards, frames))
            candidate = project(frames - alpha * moved.sign(), original, epsilon, mask)
            with torch.no_grad():
                to_targets, to_person = similarities(candidate)
                worth = gain(to_targets[:, target], to_person)
            better = (worth > best)[:, None, None, None]
            taken, carried = torch.where(better, candidate, taken), torch.where(better, moved, carried)
            chosen, best = torch.where(worth > best, target, chosen), torch.maximum(worth, best)
        frames, momentum = taken, carried
    return frames, chosen


class Tipim(Noise):
    """TIP-IM against the ensemble of surrogates."""

    options: TipimOptions

    def __init__(self, options: TipimOptions, context: Context) -> None:
        super().__init__(options, context)
        self.targets = [context.target(target) for target in options.targets]
        with torch.no_grad():
            frames, places = (
                torch.stack(parts)
                for parts in zip(*((target.frame, target.landmarks) for target in self.targets), strict=True)
            )
            self.aims = self.ensemble.embed(frames, places)

    def perturbed(self, face: FrameBatch, mask: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """One face, and whom the last step took it towards."""
        options = self.options
        with torch.no_grad():
            person = self.ensemble.embed(face.frames, face.landmarks)

        def similarities(frames: Tensor) -> tuple[Tensor, Tensor]:
            seen = self.ensemble.embed(frames, face.landmarks)
            to_targets = torch.stack([seen[name] @ aim.T for name, aim in self.aims.items()]).mean(0)
            return to_targets, dodging_loss(self.ensemble.similarity(seen, person))

        epsilon, alpha = options.epsilon / 255, options.step_size / 255
        frame, chosen = tipim(
            similarities,
            face.frames,
            mask,
            epsilon,
            alpha,
            options.steps,
            options.decay,
            options.gamma,
            face.generators(),
        )
        return frame, {"towards": self.targets[int(chosen)].name}
