"""Inverted photos, and how they are kept on disk.

Fine-tuning sees the same photos in every epoch, and inverting one costs as much as several steps.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from privacy_faces_makeup.diffusion.denoiser import Denoiser
from privacy_faces_makeup.options import DiffusionOptions

_BATCH = 8


@dataclass(frozen=True)
class Latents:
    """Faces as the diffusion model sees them.

    Attributes:
        noisy: x_{t_0} (N, 3, S, S), by the model's original weights.
        condition: what the model is told of the faces.
        plain: (N, 3, S, S) in about [0, 1], what the original weights generate from them: nearly the faces.
    """

    noisy: Tensor
    condition: Tensor
    plain: Tensor


@torch.no_grad()
def latents_of(denoiser: Denoiser, frames: Tensor, t_0: int, inversion_steps: int, generation_steps: int) -> Latents:
    """Invert frames (N, 3, S, S) in [0, 1]; the denoiser must hold its original weights."""
    noisy, condition = denoiser.invert(frames, t_0, inversion_steps), denoiser.condition(frames * 2 - 1)
    return Latents(noisy, condition, denoiser(noisy, condition, t_0, generation_steps))


def cached_latents(
    denoiser: Denoiser,
    weights: Sequence[dict[str, str]],
    frames: Tensor,
    options: DiffusionOptions,
    folder: Path,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Latents:
    """The latents of frames (N, 3, S, S) in [0, 1], each read from `folder` where it lies there already.

    A file is named by the digest of the frame, of the model's weights, of its precision and of the schedule: whatever
    changes, another file is written.

    Args:
        denoiser: with its original weights.
        weights: records of these weights.
        frames: (N, 3, S, S) in [0, 1].
        options: the schedule.
        folder: holds one safetensors file for each frame. The latents show the photo: keep them where the photo may be
            kept.
        progress: wraps the batches that are still to be inverted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps = (options.t_0, options.inversion_steps, options.generation_steps)
    made_by = repr((steps, denoiser.precision, sorted(record["sha256"] for record in weights))).encode()
    paths = [
        folder / f"{hashlib.sha256(made_by + frame.cpu().numpy().tobytes()).hexdigest()}.safetensors"
        for frame in frames
    ]
    missing = [row for row, path in enumerate(paths) if not path.is_file()]
    for start in progress(range(0, len(missing), _BATCH)):
        rows = missing[start : start + _BATCH]
        made = latents_of(denoiser, frames[rows], *steps)
        for place, row in enumerate(rows):
            partial = paths[row].with_suffix(f".{os.getpid()}.partial")
            save_file({name: value[place].cpu().contiguous() for name, value in vars(made).items()}, partial)
            os.replace(partial, paths[row])
    parts = [load_file(path, device=str(frames.device)) for path in paths]
    return Latents(*(torch.stack([part[name] for part in parts]) for name in ("noisy", "condition", "plain")))
