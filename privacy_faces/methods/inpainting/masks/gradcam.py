"""Grad-CAM (Selvaraju et al., ICCV 2017) on a face recognizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from privacy_faces.methods.inpainting.masks.identity_score import identity_score
from privacy_faces.methods.inpainting.masks.selection import unit_range
from privacy_faces.recognizers.contract import Recognizer


def gradcam_map(recognizer: Recognizer, frames: Tensor, landmarks: Tensor, target: Tensor | None = None) -> Tensor:
    """ReLU(sum over channels of mean gradient * activation) of the identity score, on the recognizer's chip, carried
    back to the frame.

    Args:
        recognizer: its `cam_layer` is read.
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels.
        target: embeddings (N, D) of the class; the person's own when None.

    Returns:
        (N, 1, S, S) in [0, 1]; zero where the chip does not reach.
    """
    chips = recognizer.template.chips(frames, landmarks)
    activations, gradients = _at_layer(recognizer, chips, target)
    coarse = torch.relu((gradients.mean((2, 3), keepdim=True) * activations).sum(1, keepdim=True))
    fine = interpolate(coarse, chips.shape[-2:], mode="bilinear", align_corners=False)
    return unit_range(recognizer.template.to_frame(fine, landmarks, frames.shape[-1]))


def _at_layer(recognizer: Recognizer, chips: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
    """What `cam_layer` makes of chips, and the identity score's gradient there: (N, C, H, W) each."""
    seen: list[Tensor] = []

    def cut(_layer: nn.Module, _entering: object, leaving: Tensor) -> Tensor:
        seen.append(leaving.detach().requires_grad_())
        return seen[0].clone()  # the next layer may work in place

    handle = recognizer.cam_layer.register_forward_hook(cut)
    try:
        with torch.enable_grad():
            score = identity_score(recognizer.features(chips.detach()), target).sum()
    finally:
        handle.remove()
    return seen[0].detach(), torch.autograd.grad(score, seen[0])[0]
