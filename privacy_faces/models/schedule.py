"""The noise schedule of a diffusion model, and DDIM (Song et al., ICLR 2021) both ways on it.

diffusers' DDIM schedulers step evenly through all of the 1000 steps; DiffAM walks its own list of steps below a t_0
(and so does a fill that starts from a proposal), hence the update itself here: it is one line.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: (x_t, t (N,)) -> velocity: a model with its conditions already given.
Velocity = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Schedule:
    """alpha_t and sigma_t, alpha_t^2 + sigma_t^2 = 1, for t = 0..T-1.

    Attributes:
        alphas_bar: alpha_t^2, (T,).
    """

    alphas_bar: Tensor

    @classmethod
    def linear(cls) -> Schedule:
        """Betas from 1e-4 to 0.02 in 1000 steps (DDPM)."""
        betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
        return cls((1 - betas).cumprod(0).float())

    def at(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha_t and sigma_t, (N, 1, 1, 1), of steps t (N,)."""
        squared = self.alphas_bar.to(t.device)[t].view(-1, 1, 1, 1)
        return squared.sqrt(), (1 - squared).sqrt()


def steps_below(t_0: int, count: int) -> list[int]:
    """`count` steps from 0 to t_0, both included: DiffAM's int(linspace(0, 1, n) * t_0).

    >>> steps_below(60, 4)
    [0, 20, 40, 60]
    """
    return [int(share * t_0) for share in torch.linspace(0, 1, count, dtype=torch.float64).tolist()]


def ddim(velocity: Velocity, schedule: Schedule, x: Tensor, steps: Sequence[int]) -> Tensor:
    """Walk x (N, 3, S, S) from steps[0] to steps[-1] by the deterministic DDIM update; a step of -1 stands for x_0
    itself.

    Ascending steps invert, descending steps generate: x_s = alpha_s x_0 + sigma_s e with x_0 and e as predicted at the
        step before.
    """
    for here, there in itertools.pairwise(steps):
        at = torch.full((len(x),), max(here, 0), device=x.device)
        alpha, sigma = schedule.at(at)
        v = velocity(x, at)
        clean, noise = alpha * x - sigma * v, sigma * x + alpha * v
        alpha, sigma = (
            schedule.at(at.new_full(at.shape, there))
            if there >= 0
            else (torch.ones_like(alpha), torch.zeros_like(sigma))
        )
        x = alpha * clean + sigma * noise
    return x


def invert(velocity: Velocity, schedule: Schedule, x: Tensor, t_0: int, count: int) -> Tensor:
    """The latent x_{t_0} of a frame x_0, in `count` steps."""
    return ddim(velocity, schedule, x, steps_below(t_0, count))


def generate(velocity: Velocity, schedule: Schedule, x: Tensor, t_0: int, count: int) -> Tensor:
    """The frame x_0 of a latent x_{t_0}, in `count` steps, the last of which leads from step 0 to the frame."""
    return ddim(velocity, schedule, x, [*reversed(steps_below(t_0, count)), -1])
