"""What all noise algorithms share, with a hook for each thing that they do differently."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from privacy_faces_noise.ball import Loss, gradient, project, random_start
from privacy_faces_noise.options import NoiseOptions, StepsOptions


class Attack(ABC):
    """The noise on some faces. Hooks: `transform`, `gradient`.

    Args:
        options: the algorithm's.
        loss: smaller is better for the person.
        original: (N, 3, S, S) in [0, 1].
        mask: boolean (N, 1, S, S), where noise may lie.
        generators: one CPU generator for each face.
    """

    #: Radius of the random start. The similarity of a face to itself is at its maximum, where the gradient vanishes.
    start = 1 / 255

    def __init__(
        self,
        options: NoiseOptions,
        loss: Loss,
        original: Tensor,
        mask: Tensor,
        generators: Sequence[torch.Generator],
    ) -> None:
        self.options, self.loss = options, loss
        self.original, self.mask, self.generators = original, mask, generators
        self.epsilon = options.epsilon / 255

    @abstractmethod
    def run(self) -> Tensor:
        """Frames (N, 3, S, S) with noise."""

    def transform(self, frames: Tensor) -> Tensor:
        """What the surrogates see of frames, both (N, 3, S, S); differentiable."""
        return frames

    def gradient(self, frames: Tensor) -> Tensor:
        """The gradient (N, 3, S, S) at frames."""
        return gradient(lambda seen: self.loss(self.transform(seen)), frames)

    def first(self) -> Tensor:
        """The random start."""
        return random_start(self.original, min(self.start, self.epsilon), self.mask, self.generators)

    def projected(self, frames: Tensor) -> Tensor:
        """The nearest frames that noise may reach."""
        return project(frames, self.original, self.epsilon, self.mask)


class Iterative(Attack):
    """x_{t+1} = P(x_t - alpha sign(d_t)), P onto the ball around the photo. Hooks: also `update`, `step`."""

    options: StepsOptions

    def run(self) -> Tensor:
        """All steps."""
        return reduce(lambda frames, _: self.step(frames), range(self.options.steps), self.first())

    def update(self, found: Tensor) -> Tensor:
        """The direction d_t (N, 3, S, S) from the gradient."""
        return found

    def step(self, frames: Tensor) -> Tensor:
        """Frames after one step."""
        direction = self.update(self.gradient(frames))
        return self.projected(frames - self.options.step_size / 255 * direction.sign())
