"""Thin-plate warps and blurs that stay inside."""

from __future__ import annotations

import numpy as np
import torch

from privacy_faces.photos.blur import BlurInside, gaussian_blur
from privacy_faces.photos.warp import displacement, least_stretch, warp

SIZE = 96


def spots(points: np.ndarray) -> torch.Tensor:
    """One channel per point: a soft spot there."""
    centers = (torch.arange(SIZE) + 0.5) / SIZE
    x, y = torch.meshgrid(centers, centers, indexing="xy")
    return torch.stack([torch.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 0.02**2)) for px, py in points])[None].float()


def test_points_come_to_lie_where_they_are_wanted() -> None:
    rng = np.random.default_rng(0)
    source = rng.uniform(0.25, 0.75, (6, 2))
    target = source + rng.uniform(-0.04, 0.04, (6, 2))
    moved = warp(spots(source), displacement(source, target)[None])[0]
    peaks = moved.flatten(1).argmax(1)
    found = np.stack([(peaks % SIZE) + 0.5, (peaks // SIZE) + 0.5], 1) / SIZE
    assert np.abs(found - target).max() < 1.5 / SIZE
    assert np.abs(found - source).max() > 2 / SIZE, "they lay elsewhere before"


def test_nothing_moves_where_nothing_is_to() -> None:
    points = np.random.default_rng(1).uniform(0.2, 0.8, (8, 2))
    picture = gaussian_blur(torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)), 2.0)
    still = warp(picture, displacement(points, points)[None])
    torch.testing.assert_close(still, picture, atol=1e-4, rtol=0)


def test_the_border_stays() -> None:
    move = displacement(np.array([[0.5, 0.5]]), np.array([[0.6, 0.5]]))
    assert move.abs().max() > 0.08
    for edge in (move[:, 0], move[:, -1], move[:, :, 0], move[:, :, -1]):
        assert edge.abs().max() < 0.02


def test_points_that_coincide_do_no_harm() -> None:
    source = np.array([[0.4, 0.4], [0.4001, 0.4], [0.6, 0.6]])
    move = displacement(source, np.array([[0.45, 0.4], [0.45, 0.4], [0.6, 0.6]]))
    assert move.isfinite().all()
    assert move.abs().max() < 0.1


def test_a_warp_that_turns_something_inside_out_is_known() -> None:
    points = np.array([[0.4, 0.5], [0.6, 0.5]])
    assert least_stretch(displacement(points, points)) > 0.99
    assert 0.4 < least_stretch(displacement(points, np.array([[0.45, 0.5], [0.55, 0.5]]))) < 0.95
    assert least_stretch(displacement(points, points[::-1])) < 0


def test_gradients_pass() -> None:
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    warp(picture, displacement(np.array([[0.5, 0.5]]), np.array([[0.6, 0.5]]))[None]).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_blur_inside_takes_nothing_from_outside() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    inside = torch.where(mask > 0, 0.25, 1.0).expand(1, 3, -1, -1)
    blurred = BlurInside(mask, 3.0)(inside)
    torch.testing.assert_close(blurred[..., 8:24, 8:24], inside[..., 8:24, 8:24], atol=1e-5, rtol=0)
    assert gaussian_blur(inside, 3.0)[..., 8, 8].min() > 0.3, "a plain blur lets the outside in"
