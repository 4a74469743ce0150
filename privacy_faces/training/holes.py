"""Holes to train an inpainter with: the shapes that the masks of the methods have, and the whole frame."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.methods.inpainting.masks.random_patches import center_cells, grid_side, patch_ranking
from privacy_faces.methods.inpainting.masks.selection import top_fraction
from privacy_faces.photos.blur import gaussian_blur

# How often each kind is drawn. The whole frame is what DDIM inversion and new faces need.
_KINDS = {"full": 0.3, "patches": 0.2, "blobs": 0.2, "regions": 0.2, "box": 0.1}


def random_hole(regions: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    """A boolean hole (1, S, S), never empty.

    Args:
        regions: name -> boolean (S, S), see `photos.regions`.
        generator: CPU generator; the only source of randomness.
    """
    size = regions["face"].shape[-1]
    kind = list(_KINDS)[int(torch.multinomial(torch.tensor(list(_KINDS.values())), 1, generator=generator))]
    share = float(torch.rand((), generator=generator))
    if kind == "patches":
        patch = 2 ** int(torch.randint(4, 7, (), generator=generator))
        cells = center_cells(grid_side(patch))
        hidden = top_fraction(patch_ranking(cells, generator)[None], 0.15 + 0.4 * share, cells[None])
        return interpolate(hidden.float(), (size, size), mode="nearest-exact")[0] > 0.5
    if kind == "blobs":
        # The highest parts of smoothed noise: the islands of a saliency map or a Grad-CAM.
        sigma = size * (0.02 + 0.08 * float(torch.rand((), generator=generator)))
        noise = gaussian_blur(torch.randn(1, 1, size, size, generator=generator), sigma, reach=2)
        return top_fraction(noise, 0.1 + 0.4 * share, regions["face"][None, None])[0]
    if kind == "regions":
        chosen = [
            mask for name, mask in regions.items() if name != "face" and torch.rand((), generator=generator) < 0.5
        ]
        return torch.stack([*chosen, regions["face"] if share < 0.4 or not chosen else chosen[0]]).any(0)[None]
    hole = torch.zeros(1, size, size, dtype=torch.bool)
    if kind == "box":
        height, width = (torch.rand(2, generator=generator) * 0.4 * size + 0.2 * size).round().int().tolist()
        top, left = (torch.rand(2, generator=generator) * torch.tensor([size - height, size - width])).int().tolist()
        hole[:, top : top + height, left : left + width] = True
        return hole
    return ~hole
