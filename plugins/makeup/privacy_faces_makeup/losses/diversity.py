"""Input and model diversity, so that a change holds for recognizers and recompressions that it never saw.

Each step the surrogates see the face moved, blurred or compressed at random (Xie et al., CVPR 2019), and with some of
their own channels switched off, which makes many surrogates of one (Li et al., Ghost Networks, AAAI 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from kornia.enhance import jpeg_codec_differentiable
from kornia.filters import gaussian_blur2d
from torch import Tensor, nn
from torch.nn.functional import pad

# At strength 1: deviation of the landmarks' shift as a share of the frame's side, of the logarithm of their spread, and
# of their turn in radians.
_SHIFT, _SPREAD, _TURN = 0.009, 0.02, 0.02
# Standard deviation of the blur in pixels of a 128-pixel frame, which stands for resizing as well; and the lowest JPEG
# quality.
_BLUR = 0.9
_LEAST_QUALITY, _QUALITY_RANGE = 50.0, 45.0
# Share of each layer's channels that is switched off.
_THINNED = 0.03
_JPEG_BLOCK = 16


def diverse(
    frames: Tensor, landmarks: Tensor, strength: float, generators: Sequence[torch.Generator]
) -> tuple[Tensor, Tensor]:
    """One random view of each face; a face's view depends on its own generator alone. Differentiable.

    A third of the views is only moved, a third is also blurred, a third compressed. Frames stay where they are: moved
    landmarks make each recognizer cut its crop elsewhere, at another size and angle.

    Args:
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels.
        strength: 0 returns both as they are; 1 is the usual amount.
        generators: N CPU generators.
    """
    if strength == 0:
        return frames, landmarks
    count, size = len(frames), frames.shape[-1]
    moves = torch.stack([torch.randn(4, generator=generator) for generator in generators]).to(frames) * strength
    chance, amount = torch.stack([torch.rand(2, generator=generator) for generator in generators]).to(frames).T
    scale, angle = (_SPREAD * moves[:, 2]).exp(), _TURN * moves[:, 3]
    turn = (
        torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(count, 2, 2) * scale[:, None, None]
    )
    center = landmarks.mean(1, keepdim=True)
    moved = (landmarks - center) @ turn.transpose(1, 2) + center + _SHIFT * size * moves[:, None, :2]
    sigma = (strength * _BLUR * size / 128 * (0.2 + 0.8 * amount))[:, None].expand(-1, 2)
    kernel = 2 * max(1, round(2 * strength * _BLUR * size / 128)) + 1
    blurred = gaussian_blur2d(frames, (kernel, kernel), sigma)
    compressed = _jpeg(frames, _LEAST_QUALITY + _QUALITY_RANGE * (1 - amount))
    kind = (chance * 3).long()[:, None, None, None]
    return torch.where(kind == 0, frames, torch.where(kind == 1, blurred, compressed)), moved


@contextmanager
def with_dropout(network: nn.Module, strength: float, generators: Sequence[torch.Generator]) -> Iterator[None]:
    """While this lasts, a random share of every convolution's output channels is zero (another one for each face and
    call), the rest scaled up.

    Args:
        network: recognizers whose batches hold one face per generator.
        strength: 0 changes nothing.
        generators: CPU generators.
    """

    def thin(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        kept = (
            torch.stack([torch.rand(output.shape[1], generator=generator) for generator in generators])
            >= _THINNED * strength
        )
        return output * (kept.to(output) / (1 - _THINNED * strength))[:, :, None, None]

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)] if strength else []
    hooks = [layer.register_forward_hook(thin) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _jpeg(frames: Tensor, quality: Tensor) -> Tensor:
    """Frames compressed with quality (N,) in 1..100; the codec takes whole blocks."""
    size = frames.shape[-1]
    extra = -size % _JPEG_BLOCK
    compressed: Tensor = jpeg_codec_differentiable(pad(frames, (0, extra, 0, extra), mode="replicate"), quality)
    return compressed[..., :size, :size]
