"""Grad-CAM (Selvaraju et al., ICCV 2017) on a face recognizer."""

from __future__ import annotations

from captum.attr import LayerGradCam
from torch import Tensor
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
    explainer = LayerGradCam(lambda x: identity_score(recognizer.features(x), target), recognizer.cam_layer)
    coarse = explainer.attribute(chips, relu_attributions=True).detach()
    fine = interpolate(coarse, chips.shape[-2:], mode="bilinear", align_corners=False)
    return unit_range(recognizer.template.to_frame(fine, landmarks, frames.shape[-1]))
