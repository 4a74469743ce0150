"""The set of frames that noise may reach: no value farther than epsilon from the photo, none outside the mask, all in
[0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

#: Frames (N, 3, S, S) in [0, 1] -> how far each face (N,) is from what is wanted; smaller is better for the person.
Loss = Callable[[Tensor], Tensor]


def project(frames: Tensor, original: Tensor, epsilon: float, mask: Tensor) -> Tensor:
    """The nearest frames (N, 3, S, S) with |x - original| <= epsilon inside the mask (N, 1, S, S), equal to the
    original outside it, in [0, 1]."""
    within = torch.minimum(torch.maximum(frames, original - epsilon), original + epsilon).clamp(0, 1)
    return torch.where(mask, within, original)


def random_start(original: Tensor, epsilon: float, mask: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Frames drawn evenly from the ball, each by its own CPU generator."""
    noise = torch.stack([2 * torch.rand(original.shape[1:], generator=generator) - 1 for generator in generators]).to(
        original
    )
    return project(original + epsilon * noise, original, epsilon, mask)


def gradient(loss: Loss, frames: Tensor) -> Tensor:
    """d(sum of the losses) / d(frames), (N, 3, S, S): each face's own gradient, since no face's loss depends on
    another."""
    with torch.enable_grad():
        leaf = frames.detach().requires_grad_()
        (found,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    return found
