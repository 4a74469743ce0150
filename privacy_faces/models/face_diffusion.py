"""A small diffusion model of what a linear face model leaves out: skin, eyes, lashes, hair.

The network sees the noisy frame x_t = alpha_t x_0 + sigma_t e, a guide c (the visible pixels, and a coarse fill in the
hole) and the mask. It is preconditioned as in EDM (Karras et al., NeurIPS 2022, table 1), with the guide as the mean
and `spread` s as each pixel's deviation from it: for d = x_t - alpha_t c and the network F,

    x_0 = c + alpha_t s^2 / n_t^2 * d + s sigma_t / n_t * F(d / n_t, c, mask, t),     n_t^2 = alpha_t^2 s^2 + sigma_t^2,

so that before any training it already is the best linear denoiser, and at small t it hardly departs from its input. It
answers with the velocity v = alpha_t e - sigma_t x_0 (Salimans and Ho, ICLR 2022): to a sampler it looks like any
v-prediction model. Frames are in [-1, 1] here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import UNet2DModel
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from privacy_faces.models.schedule import Schedule, generate

# The UNet works on 2 x 2 blocks of pixels as channels: half the side, a quarter of the cost.
_BLOCK = 2


@dataclass(frozen=True)
class Architecture:
    """What the weights must fit.

    Attributes:
        size: side S of the frames in pixels.
        channels: widths of the UNet's levels, finest first.
    """

    size: int = 128
    channels: Sequence[int] = (32, 64, 128, 192)


class FaceDiffusion(nn.Module):
    """The denoiser; `schedule` is the linear one of DDPM (Ho et al., NeurIPS 2020), 1000 steps.

    Args:
        architecture: the network's shape.
        spread: s (1, 1, S, S), how far frames in [-1, 1] lie from their guides: little in the face, much in the
            background.
    """

    spread: Tensor

    def __init__(self, architecture: Architecture, spread: Tensor) -> None:
        super().__init__()
        self.architecture = architecture
        self.schedule = Schedule.linear()
        self.register_buffer("spread", spread)
        levels = len(architecture.channels)
        self.unet = UNet2DModel(
            sample_size=architecture.size // _BLOCK,
            in_channels=7 * _BLOCK**2,
            out_channels=3 * _BLOCK**2,
            layers_per_block=1,
            block_out_channels=tuple(architecture.channels),
            down_block_types=(*("DownBlock2D",) * (levels - 1), "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", *("UpBlock2D",) * (levels - 1)),
            norm_num_groups=16,
        )
        # Zero at the start, so that training sets out from the linear denoiser.
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)

    def forward(self, noisy: Tensor, t: Tensor, guide: Tensor, mask: Tensor) -> Tensor:
        """The velocity v (N, 3, S, S).

        Args:
            noisy: x_t (N, 3, S, S).
            t: steps (N,), integers in 0..999.
            guide: c (N, 3, S, S), in [-1, 1].
            mask: (N, 1, S, S), one in the hole.
        """
        alpha, sigma = self.schedule.at(t)
        return alpha * (noisy - alpha * (x := self.denoised(noisy, t, guide, mask))) / sigma - sigma * x

    def denoised(self, noisy: Tensor, t: Tensor, guide: Tensor, mask: Tensor) -> Tensor:
        """The estimate of x_0 (N, 3, S, S); arguments as for `forward`."""
        alpha, sigma = self.schedule.at(t)
        spread = self.spread
        scale = (alpha**2 * spread**2 + sigma**2).sqrt()
        departure = noisy - alpha * guide
        blocks = pixel_unshuffle(torch.cat([departure / scale, guide, mask], 1), _BLOCK)
        answer = pixel_shuffle(self.unet(blocks, t).sample, _BLOCK)
        # Outside the hole the guide is the frame.
        return guide + mask * (alpha * spread**2 / scale**2 * departure + spread * sigma / scale * answer)


@torch.no_grad()
def refine(model: FaceDiffusion, guide: Tensor, mask: Tensor, noise: Tensor, start: int, steps: int) -> Tensor:
    """Detail for a coarse frame: noised to the step `start` and denoised by DDIM, as SDEdit does (Meng et al., ICLR
    2022).

    Args:
        model: the denoiser.
        guide: (N, 3, S, S) in [0, 1]; outside the hole it is returned as it is.
        mask: (N, 1, S, S), one in the hole.
        noise: (N, 3, S, S), standard normal.
        start: in 1..999; from higher up, more is invented.
        steps: evaluations of the network, at least 2; with more the result has more grain, with fewer it is smoother.

    Returns:
        (N, 3, S, S) in [0, 1].
    """
    scaled = guide * 2 - 1
    alpha, sigma = model.schedule.at(torch.full((len(guide),), start, device=guide.device))
    filled = generate(
        lambda x, t: model(x, t, scaled, mask), model.schedule, alpha * scaled + sigma * noise, start, steps
    )
    return torch.where(mask > 0, ((filled + 1) / 2).clamp(0, 1), guide)


def loss(
    model: nn.Module,
    schedule: Schedule,
    spread: Tensor,
    clean: Tensor,
    guide: Tensor,
    mask: Tensor,
    t: Tensor,
    noise: Tensor,
) -> Tensor:
    """Mean squared error of F inside the hole, one value per frame (N,): EDM's loss, weighted so that every t starts at
    one.

    Args:
        model: a `FaceDiffusion`, or a wrapper that calls its forward.
        schedule, spread: the model's.
        clean: x_0 (N, 3, S, S); guide, mask, t: as for `FaceDiffusion.forward`; noise: e (N, 3, S, S).
    """
    alpha, sigma = schedule.at(t)
    velocity = model(alpha * clean + sigma * noise, t, guide, mask)
    # x_0 = alpha x_t - sigma v, so an error of v is 1 / sigma times that of x_0, and the error of F n_t / (s sigma)
    # times that of x_0.
    scale = (alpha**2 * spread**2 + sigma**2).sqrt() / spread
    error = (velocity - (alpha * noise - sigma * clean)) * scale
    squared: Tensor = (error.square() * mask).sum((1, 2, 3))
    return squared / (3 * mask.sum((1, 2, 3))).clamp(min=1)


def save(model: FaceDiffusion, path: Path) -> None:
    """Write the model as float16 safetensors."""
    tensors = {name: value.detach().half().cpu().contiguous() for name, value in model.state_dict().items()}
    # One key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"model": json.dumps(asdict(model.architecture))})


def load(path: Path, device: torch.device) -> FaceDiffusion:
    """Read a model written by `save`, as float32, frozen."""
    with safe_open(path, "pt") as file:
        names = file.keys()
        tensors = {name: file.get_tensor(name).float() for name in names}
        model = FaceDiffusion(Architecture(**json.loads(file.metadata()["model"])), tensors["spread"])
    model.load_state_dict(tensors)
    return model.to(device).eval().requires_grad_(False)
