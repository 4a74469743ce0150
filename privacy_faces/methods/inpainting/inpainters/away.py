"""A face that moves away from a person, inside the ball of what a face model can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from privacy_faces.recognizers.ensemble import Ensemble

# One step's length as a share of the largest allowed |u|, and how much of the last step's direction the next one keeps.
_STEP = 0.06
_MOMENTUM = 0.8
# Similarity above the goal at which a step has its full length.
_SOFT_HINGE = 0.05
# Each step sees the face shifted by about this share of the frame, and every second step at a lower resolution, so that
# the change carries over to recognizers that align and sample differently.
_SHIFT = 0.012
_LOWEST_RESOLUTION = 0.5


def move_away(
    ensemble: Ensemble,
    person: Mapping[str, Tensor],
    landmarks: Tensor,
    render: Callable[[Tensor], Tensor],
    u: Tensor,
    generators: Sequence[torch.Generator],
    *,
    steps: int,
    longest: float,
    goal: float,
    step: float = _STEP,
) -> Tensor:
    """Coefficients u (N, K), |u| at most `longest`, that descend the recognizers' similarity to the person.

    Each face's gradient is normalized to unit length and accumulated with momentum, the L2 form of MI-FGSM (Dong et
    al., CVPR 2018). Unlike the signs or second moments of single coefficients, a direction does not magnify rounding,
    so that a face comes out alike alone and in any batch.

    Args:
        ensemble: the recognizers.
        person: their embeddings of the N people.
        landmarks: (N, 68, 2) in pixels of what is rendered.
        render: coefficients (N, K) -> frames (N, 3, S, S), differentiable.
        u: (N, K), where to start.
        generators: one per face.
        steps: how many.
        longest: radius of the ball.
        goal: similarity below which a face is not moved further.
        step: length of a step, as a share of `longest`.
    """
    shifts = torch.stack([torch.randn(steps, 2, generator=generator) for generator in generators]).to(u) * _SHIFT
    shares = torch.stack([torch.rand(steps, generator=generator) for generator in generators])
    velocity = torch.zeros_like(u)
    for number in range(steps):
        u.requires_grad_()
        seen = render(u)
        shift = shifts[:, number, None] * seen.shape[-1]
        if number % 2:
            seen = torch.cat(
                [_reduced(face[None], float(share)) for face, share in zip(seen, shares[:, number], strict=True)]
            )
        similarity = ensemble.similarity(ensemble.embed(seen, landmarks + shift), dict(person))
        # A hinge, as in margin losses: a face that is far enough from the person is not distorted further. It closes
        # gradually, so that no step hangs on the last digit of a similarity.
        excess = (torch.stack(list(similarity.values())) - goal).relu()
        (gradient,) = torch.autograd.grad(excess.sum(), u)
        velocity = (
            _MOMENTUM * velocity
            + normalize(gradient, dim=1) * (excess.detach().amax(0) / _SOFT_HINGE).clamp(max=1)[:, None]
        )
        u = u.detach() - step * longest * velocity
        u = u * (longest / torch.linalg.vector_norm(u, dim=1, keepdim=True).clamp(min=1e-9)).clamp(max=1)
    return u


def _reduced(face: Tensor, share: float) -> Tensor:
    """A face (1, 3, S, S) sampled down to between half and its whole resolution, and up again."""
    size = face.shape[-1]
    smaller = round(size * (_LOWEST_RESOLUTION + (1 - _LOWEST_RESOLUTION) * share))
    return interpolate(
        interpolate(face, (smaller, smaller), mode="bilinear", antialias=True), (size, size), mode="bilinear"
    )
