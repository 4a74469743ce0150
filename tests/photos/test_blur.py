"""Gaussian blur against kornia's."""

from __future__ import annotations

import pytest
import torch
from kornia.filters import gaussian_blur2d

from privacy_faces.photos.blur import gaussian_blur


@pytest.mark.parametrize("border", ["reflect", "replicate", "constant"])
@pytest.mark.parametrize(("sigma", "reach"), [(0.5, 3.0), (2.3, 3.0), (4.0, 2.0)])
def test_as_kornia(sigma: float, reach: float, border: str) -> None:
    images = torch.rand(2, 3, 40, 33, generator=torch.Generator().manual_seed(0))
    side = 2 * max(1, round(reach * sigma)) + 1
    wanted = gaussian_blur2d(images, (side, side), (sigma, sigma), border_type=border)
    assert torch.allclose(gaussian_blur(images, sigma, reach, border), wanted, atol=1e-6)
