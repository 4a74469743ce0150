"""Diffusion models of faces behind one convention: frames in [-1, 1], steps 0..999 of a schedule, and the velocity as
the answer.

Models are adapted here, at the door, so that inversion, generation and training do not know which one they run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from privacy_faces.plugin import FaceDiffusion, FaceModel, Schedule, generate, invert

# A convolution's result is kept when each number of it took this many multiplications: the widest ones are most of a
# step's work and little of its memory.
_DEAR = 2000


Prediction = Literal["epsilon", "v_prediction"]
Precision = Literal["no", "bf16"]


class Denoiser(nn.Module, ABC):
    """A diffusion model of frames.

    Attributes:
        name: weight id, or what else tells the model from others.
        size: side S of the frames in pixels.
        schedule: its noise schedule.
        unet: the network that is fine-tuned.
        precision: what the network computes in; the sums of DDIM, and all that is made of what it generates, are in
            float32.
    """

    name: str
    size: int
    schedule: Schedule
    unet: nn.Module
    precision: Precision = "no"

    def compute_in(self, precision: Precision) -> None:
        """From now on. In bfloat16 the channels of a pixel lie side by side, as the processor's units take them: less
        than half of the time."""
        self.precision = precision
        layout = torch.channels_last if precision == "bf16" else torch.contiguous_format
        self.unet.to(memory_format=layout)

    @abstractmethod
    def condition(self, frames: Tensor) -> Tensor:
        """What the model is told of frames (N, 3, S, S) in [-1, 1] besides the noisy ones."""

    @abstractmethod
    def velocity(self, noisy: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """v = alpha_t e - sigma_t x_0 (N, 3, S, S) at steps t (N,)."""

    @torch.no_grad()
    def invert(self, frames: Tensor, t_0: int, count: int, condition: Tensor | None = None) -> Tensor:
        """The latents x_{t_0} (N, 3, S, S) of frames (N, 3, S, S) in [0, 1] by `count` steps of inverse DDIM;
        `condition` is that of the frames by default."""
        scaled = frames * 2 - 1
        condition = self.condition(scaled) if condition is None else condition
        with self._rounded(frames.device):
            return invert(lambda x, t: self.velocity(x, t, condition), self.schedule, scaled, t_0, count)

    def forward(
        self, latents: Tensor, condition: Tensor, t_0: int, count: int, *, activation_checkpointing: bool = False
    ) -> Tensor:
        """Frames (N, 3, S, S) in about [0, 1] of latents x_{t_0} by `count` steps of DDIM and a last one to x_0;
        differentiable.

        Args:
            latents: of `invert`.
            condition: of the frames that were inverted.
            t_0, count: as for `invert`.
            activation_checkpointing: keep only each step's input and dearest results for the backward pass, and compute
                the rest again then (Chen et al., 2016): a fraction of the memory. What the last step leaves is used at
                once, and kept.
        """
        left = iter(reversed(range(count)))

        def step(x: Tensor, t: Tensor) -> Tensor:
            if activation_checkpointing and next(left):
                kept: Tensor = checkpoint(
                    self._forgetful_velocity, x, t, condition, use_reentrant=False, context_fn=_KEEPING_THE_DEAREST
                )
                return kept
            return self.velocity(x, t, condition)

        with self._rounded(latents.device):
            return (generate(step, self.schedule, latents, t_0, count) + 1) / 2

    def _rounded(self, device: torch.device, *, cached: bool = True) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, self.precision == "bf16", cache_enabled=cached)

    def _forgetful_velocity(self, noisy: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """`velocity`; weights that autocast rounds are rounded each time anew, since what is computed again must be the
        same list of operations."""
        with self._rounded(noisy.device, cached=False):
            return self.velocity(noisy, t, condition)


def _policy(_: Any, operation: Any, *arguments: Any, **__: Any) -> CheckpointPolicy:
    dear = operation is torch.ops.aten.convolution.default and arguments[1][0].numel() >= _DEAR
    return CheckpointPolicy.MUST_SAVE if dear else CheckpointPolicy.PREFER_RECOMPUTE


_KEEPING_THE_DEAREST: Callable[[], Any] = partial(create_selective_checkpoint_contexts, _policy)


class GuidedDenoiser(Denoiser):
    """The shipped `face-diffusion-128`, told the linear face model's picture of the frame, with all of the frame as its
    hole."""

    def __init__(self, name: str, model: FaceDiffusion, prior: FaceModel) -> None:
        super().__init__()
        self.name, self.model, self.prior = name, model, prior
        self.size, self.schedule = model.architecture.size, model.schedule

    @property
    def unet(self) -> nn.Module:  # type: ignore[override]
        """The network inside."""
        network: nn.Module = self.model.unet
        return network

    def condition(self, frames: Tensor) -> Tensor:
        """The coarse picture (N, 3, S, S) in [-1, 1]."""
        return self.prior.frames(self.prior.coefficients((frames + 1) / 2)).clamp(0, 1) * 2 - 1

    def velocity(self, noisy: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """The model's own answer."""
        answer: Tensor = self.model(noisy, t, condition, torch.ones_like(noisy[:, :1]))
        return answer


class PlainDenoiser(Denoiser):
    """An unconditional `UNet2DModel`, such as DiffAM's; channels beyond the third (a learnt variance) are left aside.

    Args:
        name: of the model.
        unet: takes frames (N, 3, S, S) in [-1, 1], noised, and steps.
        schedule: its noise schedule; DDPM's by default.
        prediction: what it answers: "epsilon", the noise e, or "v_prediction", the velocity itself.
    """

    def __init__(
        self, name: str, unet: UNet2DModel, schedule: Schedule | None = None, prediction: Prediction = "epsilon"
    ) -> None:
        super().__init__()
        self.name, self.unet, self.prediction = name, unet, prediction
        self.size, self.schedule = int(unet.config["sample_size"]), schedule or Schedule.linear()

    def condition(self, frames: Tensor) -> Tensor:
        """Nothing (N, 0)."""
        return frames.new_zeros(len(frames), 0)

    def velocity(self, noisy: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """(e - sigma_t x_t) / alpha_t where the answer is e."""
        answer: Tensor = self.unet(noisy, t).sample[:, :3]
        if self.prediction == "v_prediction":
            return answer
        alpha, sigma = self.schedule.at(t)
        return (answer - sigma * noisy) / alpha
