"""Chips against kornia's warp."""

from __future__ import annotations

import torch
from kornia.geometry.transform import warp_affine

from privacy_faces.recognizers.alignment import ARCFACE


def turned_faces() -> torch.Tensor:
    """Landmarks (2, 68, 2) in frames of 128 pixels: noise is as good as any."""
    return 64 + 20 * torch.randn(2, 68, 2, generator=torch.Generator().manual_seed(1))


def test_chips_as_kornia_and_back() -> None:
    frames = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    landmarks = turned_faces()
    matrices = ARCFACE.affines(landmarks)
    wanted = warp_affine(frames, matrices, (112, 112), padding_mode="border", align_corners=True)
    chips = ARCFACE.chips(frames, landmarks)
    assert torch.allclose(chips, wanted, atol=1e-4)

    linear = matrices[:, :, :2].inverse()
    back = torch.cat([linear, -linear @ matrices[:, :, 2:]], 2)
    carried = warp_affine(chips[:, :1], back, (128, 128), padding_mode="zeros", align_corners=True)
    assert torch.allclose(ARCFACE.to_frame(chips[:, :1], landmarks, 128), carried, atol=1e-4)


def test_a_face_has_the_same_chip_in_any_batch() -> None:
    frames, landmarks = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)), turned_faces()
    assert torch.equal(ARCFACE.chips(frames, landmarks)[1:], ARCFACE.chips(frames[1:], landmarks[1:]))
