"""Makeup painted onto faces in CIELAB, from their 68 iBUG landmarks.

This makes training pairs, reference pictures and test images whose makeup is known exactly. It is not a protection
method: nothing here looks at, or hinders, face recognition.

A region's paint moves each pixel's (a, b) to the product's, scaled with the pixel's own lightness, and shifts the
lightness of the whole region part of the way, so that light, creases and pores stay the photo's. Lengths are shares of
the distance between the outer eye corners or, where foundation and gloss look for fine detail, of the frame's side, of
which an aligned face fills a fixed part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.plugin import gaussian_blur, region_masks
from privacy_faces_makeup.face.look import COLORS, Look
from privacy_faces_makeup.face.outlines import Eye, Points, cheek, coverage, mouth

# What is painted, in this order.
LAYERS = ("foundation", *COLORS)

# How far a region's mean lightness goes to the product's at full opacity; a liner hides the skin, powder hardly does.
_COVER = {"lipstick": 0.75, "eyeshadow": 0.85, "eyeliner": 0.9, "blush": 0.12}
# The largest opacity: powder is sheer.
_DENSITY = {"lipstick": 0.9, "eyeshadow": 0.75, "eyeliner": 0.9, "blush": 0.33}

# Where less than this is painted, the pixel is left alone: less than half a gray level of 255 would change.
_LEAST = 0.01


def render(frames: Tensor, landmarks: Tensor, looks: Sequence[Look], seeds: Sequence[int]) -> Tensor:
    """Frames that wear the looks; what lies outside `makeup_mask` is the same to the bit.

    Args:
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels, (x, y).
        looks: N looks.
        seeds: N seeds of the powder's grain; the result for a frame depends on nothing else of the batch.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if frames.dim() != 4 or frames.shape[1] != 3 or frames.shape[2] != frames.shape[3]:
        raise ValueError(f"Expected frames (N, 3, S, S), found {tuple(frames.shape)}.")
    count = len(frames)
    if landmarks.shape != (count, 68, 2) or len(looks) != count or len(seeds) != count:
        raise ValueError(
            f"Expected landmarks ({count}, 68, 2), {count} looks and {count} seeds for {count} frames, "
            f"found {tuple(landmarks.shape)}, {len(looks)} looks and {len(seeds)} seeds."
        )
    if not count:
        return frames
    layers = torch.stack([layer_masks(places, frames.shape[-1]) for places in landmarks.double().cpu().numpy()])
    return paint(frames, layers.to(frames.device), looks, [torch.Generator().manual_seed(seed) for seed in seeds])


def makeup_mask(landmarks: Points, look: Look, size: int) -> NDArray[np.bool_]:
    """The pixels (size, size) that `render` may change for landmarks (68, 2) and a look."""
    opacities = torch.tensor(_opacities(look))
    return np.asarray(((layer_masks(landmarks, size) > _LEAST) & (opacities > 0)[:, None, None]).any(0).numpy())


def layer_masks(landmarks: Points, size: int) -> Tensor:
    """How thickly each of `LAYERS` lies on each pixel, (5, size, size) in [0, 1], for landmarks (68, 2) in frame
    pixels."""
    unit = float(np.linalg.norm(landmarks[45] - landmarks[36]))
    regions = region_masks(landmarks, size)
    skin = _blur(torch.from_numpy(regions["skin"]).float(), 0.05 * unit)
    brows = _blur(torch.from_numpy(regions["brows"]).float(), 0.02 * unit)
    eyes = [Eye(landmarks, side) for side in (0, 1)]
    # Twice the covered share: a pixel half of which is eyeball is left alone, and the edge of the lid still is smooth.
    outside = 1 - (2 * torch.stack([coverage(eye.opening(), size) for eye in eyes]).amax(0)).clamp(max=1)
    inner, outer = mouth(landmarks[60:68], 4), mouth(landmarks[48:60], 6)
    lips = _blur(coverage(outer, size), 0.02 * unit) * (1 - (2 * coverage(inner, size)).clamp(max=1))
    shadow = sum(
        share * _blur(coverage(eye.lid(height), size), height * 0.35 * eye.gap)
        for eye in eyes
        for share, height in ((0.5, 0.45), (0.5, 0.75))
    )
    liner = _blur(torch.stack([coverage(eye.liner(), size) for eye in eyes]).amax(0), 0.006 * unit)
    cheeks = torch.stack([coverage(cheek(landmarks, side), size) for side in (0, 1)]).amax(0)
    blush = _blur(cheeks, 0.09 * unit) * skin
    masks = {
        "foundation": skin,
        "blush": blush,
        "eyeshadow": shadow * outside * (1 - brows),
        "eyeliner": liner * outside,
        "lipstick": lips,
    }
    return torch.stack([masks[name] for name in LAYERS]).clamp(0, 1)


def paint(frames: Tensor, layers: Tensor, looks: Sequence[Look], generators: Sequence[torch.Generator]) -> Tensor:
    """`render` with the masks at hand.

    Args:
        frames: (N, 3, S, S) in [0, 1].
        layers: (N, 5, S, S), of `layer_masks`.
        looks: N looks.
        generators: N CPU generators, the grain of each frame's powder.
    """
    opacities = frames.new_tensor([_opacities(look) for look in looks])
    touched = ((layers > _LEAST) & (opacities > 0)[:, :, None, None]).any(1, keepdim=True)
    # Grain does not depend on the frame's size: coarse patches where the brush pressed more, and glitter drawn as fine
    # as the frame.
    patches = torch.stack([torch.randn(1, 24, 24, generator=generator) for generator in generators]).to(frames)
    glitter = torch.stack([torch.randn(1, *frames.shape[-2:], generator=generator) for generator in generators]).to(
        frames
    )
    grain = (1 + 0.12 * interpolate(patches, frames.shape[-2:], mode="bicubic")).clamp(0.6, 1.4)
    lab = rgb_to_lab(frames)
    lab = _even(lab, layers[:, :1] * opacities[:, 0, None, None, None])
    for index, item in enumerate(COLORS, 1):
        weight = layers[:, index : index + 1] * opacities[:, index, None, None, None]
        target = frames.new_tensor([_color(look, item) for look in looks])
        gloss = frames.new_tensor([getattr(look, item).gloss if getattr(look, item) else 0.0 for look in looks])[
            :, None, None, None
        ]
        weight = weight * _is_lip(lab, weight) if item == "lipstick" else weight * _is_skin(lab, weight)
        if item in ("eyeshadow", "blush"):
            weight = weight * grain
        lab = _covered(lab, weight.clamp(max=1), target, _COVER[item])
        if item == "lipstick":
            lab = _shine(lab, weight * gloss)
        elif item == "eyeshadow":
            lab = _with_lightness(lab, lab[:, :1] + 5 * weight * gloss * glitter.clamp(min=0))
    return torch.where(touched, lab_to_rgb(lab).clamp(0, 1).to(frames), frames)


def takes_paint(frames: Tensor, layers: Tensor) -> Tensor:
    """How much of what lies under lipstick, eyeshadow and eyeliner would take it, (N, 1, S, S) in [0, 1]: teeth and
    moustaches, brows and rims of glasses do not.

    Args:
        frames: (N, 3, S, S) in [0, 1].
        layers: (N, 5, S, S), of `layer_masks`.
    """
    lab = rgb_to_lab(frames)
    shadow, liner, lips = (layers[:, LAYERS.index(item), None] for item in ("eyeshadow", "eyeliner", "lipstick"))
    taken = lips * _is_lip(lab, lips) * _is_skin(lab, lips), shadow * _is_skin(lab, shadow), liner
    return torch.stack(taken).sum(0) / torch.stack([lips, shadow, liner]).sum(0).clamp(min=1e-6)


def _opacities(look: Look) -> list[float]:
    paints = look.paints()
    return [look.foundation, *(paints[item].opacity * _DENSITY[item] if item in paints else 0.0 for item in COLORS)]


def _color(look: Look, item: str) -> list[float]:
    """The product's color in CIELAB; any color where there is none."""
    worn = look.paints().get(item)
    values = torch.tensor((worn.rgb or COLORS[item][worn.color]) if worn else (128, 128, 128)) / 255
    return [float(value) for value in rgb_to_lab(values.view(1, 3, 1, 1)).flatten()]


def _covered(lab: Tensor, weight: Tensor, target: Tensor, cover: float) -> Tensor:
    """Paint of color `target` (N, 3) at `weight` (N, 1, S, S): chroma to the product's, lightness shifted as a whole
    by a share `cover` of the way."""
    lightness, chroma = lab[:, :1], lab[:, 1:]
    goal, tone = target[:, :1, None, None], target[:, 1:, None, None]
    mean = _mean(lightness, weight)
    shifted = lightness + cover * (goal - mean)
    # Less light, less color: the product's chroma is that at its own lightness, where all of the region would have it
    # after the shift.
    tone = tone * (shifted / (mean + cover * (goal - mean)).clamp(min=5)).clamp(0.5, 1.2)
    return torch.cat([lightness + weight * (shifted - lightness), chroma + weight * (tone - chroma)], 1)


def _even(lab: Tensor, weight: Tensor) -> Tensor:
    """Foundation: fine detail of low contrast and blotches of color fade, and the skin gets a little warmer and
    lighter."""
    size = lab.shape[-1]
    fine, broad = _blur(lab, 0.012 * size), _blur(lab, 0.03 * size)
    detail = lab - fine
    # Edges (nostrils, rims of glasses, wrinkles that a face would look odd without) are large and stay.
    detail = detail * (1 - 0.7 * torch.exp(-((detail[:, :1] / 6) ** 2)))
    edge = torch.exp(-(((lab - broad)[:, :1] / 8) ** 2))
    tint = lab.new_tensor([1.0, 0.5, 1.5])[None, :, None, None]
    even = fine + detail + tint
    chroma = even[:, 1:] + 0.5 * edge * (broad - fine)[:, 1:]
    return lab + weight * (torch.cat([even[:, :1], chroma], 1) - lab)


def _shine(lab: Tensor, weight: Tensor) -> Tensor:
    """Gloss: what is lighter than its surroundings gets lighter still, and loses color as highlights do."""
    lightness = lab[:, :1]
    excess = (lightness - _blur(lightness, 0.02 * lab.shape[-1])).clamp(min=0, max=12) * weight
    return torch.cat([(lightness + 1.8 * excess).clamp(max=97), lab[:, 1:] * (1 - 0.03 * excess)], 1)


def _is_lip(lab: Tensor, weight: Tensor) -> Tensor:
    """One on lips, falling to zero on teeth, which are lighter than the lips and less red, wherever the landmarks put
    the mouth."""
    sure = weight
    for _ in range(2):
        lightness, red = _mean(lab[:, :1], sure), _mean(lab[:, 1:2], sure)
        tooth = torch.sigmoid((lab[:, :1] - lightness - 15) / 2.5) * torch.sigmoid((red - lab[:, 1:2] - 4) / 1.5)
        sure = weight * (1 - tooth)
    return 1 - tooth


def _is_skin(lab: Tensor, weight: Tensor) -> Tensor:
    """One on skin, falling to zero on what is much darker than its region: lashes, hair, rims of glasses."""
    return torch.sigmoid((lab[:, :1] - _mean(lab[:, :1], weight) + 18) / 3)


def _with_lightness(lab: Tensor, lightness: Tensor) -> Tensor:
    return torch.cat([lightness.clamp(0, 100), lab[:, 1:]], 1)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """The weighted mean of each frame, (N, 1, 1, 1)."""
    return (values * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of the last two axes; a sigma below a third of a pixel does nothing."""
    if sigma < 0.33:
        return image
    return gaussian_blur(image.view(-1, 1, *image.shape[-2:]), sigma, 2.5, "replicate").view(image.shape)


def layers_of(landmarks: Tensor, size: int) -> Tensor:
    """`layer_masks` of many faces as bytes (N, 5, S, S): drawing outlines takes longer than painting.

    Args:
        landmarks: (N, 68, 2) in pixels of frames of side `size`.
        size: S.
    """
    return torch.stack(
        [(layer_masks(places, size) * 255).round().to(torch.uint8) for places in landmarks.double().numpy()]
    )
