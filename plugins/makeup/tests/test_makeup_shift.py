"""A face shifts: within what it may differ, inside the face, away from what pulls it, and each on its own."""

from __future__ import annotations

import pytest
import torch
from privacy_faces_makeup.face.shift import SEEN, STRENGTHS, Shift, Shifting
from torch import Tensor, nn
from torch.nn.functional import interpolate

from privacy_faces.models.face_prior import FaceModel

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = 32


@pytest.fixture(scope="module")
def model() -> FaceModel:
    generator = torch.Generator().manual_seed(0)
    components = torch.linalg.qr(torch.randn(3 * SIDE**2, 40, generator=generator))[0]
    return FaceModel(torch.full((3 * SIDE**2,), 0.5), components, 0.003, SIDE)


@pytest.fixture(scope="module")
def faces() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Frames, landmarks, where the face is, and where paint lies."""
    generator = torch.Generator().manual_seed(1)
    frames = interpolate(0.3 + 0.4 * torch.rand(2, 3, 8, 8, generator=generator), (64, 64), mode="bilinear")
    landmarks = 16 + 32 * torch.rand(2, 68, 2, generator=generator)
    face, paint = torch.zeros(2, 2, 1, 64, 64)
    face[..., 12:52, 12:52] = 1
    paint[..., 36:44, 24:40] = 1
    return frames, landmarks, face, paint


def brightness(seen: Tensor, _: Tensor, rows: Tensor) -> Tensor:
    """What pulls: the light of the left half."""
    assert len(seen) == len(rows)
    return seen[..., :32].mean((1, 2, 3))


def shifting(model: FaceModel, psnr: float = 30.0, steps: int = 6) -> Shifting:
    return Shifting(model, nn.Identity(), psnr, steps)


def sought(model: FaceModel, faces: tuple[Tensor, ...], rows: slice = slice(None), psnr: float = 30.0) -> Tensor:
    frames, landmarks, face, paint = (part[rows] for part in faces)
    generators = [torch.Generator().manual_seed(seed) for seed in range(2)[rows]]
    shift = shifting(model, psnr)(frames, landmarks, face, paint, brightness, generators)
    return shift.wear(frames, face, paint)


def test_descends_within_the_allowed_difference(model: FaceModel, faces: tuple[Tensor, ...]) -> None:
    frames, found = faces[0], sought(model, faces)
    difference = (found - frames).square().mean((1, 2, 3))
    assert (difference <= 1e-3 * 1.12).all(), "30 dB, to half a dB: a shortened shade comes out of saturation"
    assert (difference > 0.5e-3).all(), "what is allowed is used"
    assert (brightness(found, faces[1], torch.arange(2)) < brightness(frames, faces[1], torch.arange(2))).all()


def test_changes_the_face_alone(model: FaceModel, faces: tuple[Tensor, ...]) -> None:
    changed = (sought(model, faces) != faces[0]).any(1, keepdim=True)
    assert not (changed & (faces[2] == 0)).any()
    assert (changed & (faces[2] > 0)).any()


def test_a_face_alone_shifts_as_among_others(model: FaceModel, faces: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(sought(model, faces, slice(1, 2))[0], sought(model, faces)[1], atol=1e-3, rtol=0)


def test_what_is_far_enough_stays(model: FaceModel, faces: tuple[Tensor, ...]) -> None:
    frames, landmarks, face, paint = faces
    generators = [torch.Generator().manual_seed(seed) for seed in range(2)]
    shift = shifting(model)(frames, landmarks, face, paint, lambda *view: 0 * brightness(*view), generators)
    torch.testing.assert_close(shift.wear(frames, face, paint), frames, atol=1e-5, rtol=0)


def test_shade_on_paint_is_light_without_color(faces: tuple[Tensor, ...]) -> None:
    frames, _, face, paint = faces
    shade = torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1).expand(2, 3, SIDE, SIDE)
    change = Shift(shade, torch.zeros(2, 1, 8, 8), torch.zeros(2, 2, 64, 64)).wear(frames, face, paint) - frames
    inside = change.permute(0, 2, 3, 1)[:, 38:42, 28:36]
    torch.testing.assert_close(inside, inside[..., :1].expand_as(inside), atol=2e-3, rtol=0)
    beside = change[:, :, 24:30, 28:36]
    assert (beside[:, 0] - beside[:, 2]).min() > 0.05


def test_both_sides_move_alike(model: FaceModel) -> None:
    cells = torch.randn(1, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    flow = shifting(model)._shift(torch.zeros(1, 30), torch.zeros(1, 1, 64, 64), cells).flow
    torch.testing.assert_close(flow[:, 0], -flow[:, 0].flip(2))
    torch.testing.assert_close(flow[:, 1], flow[:, 1].flip(2))


def test_stronger_goes_farther() -> None:
    natural, balanced, strong = (STRENGTHS[name] for name in ("natural", "balanced", "strong"))
    assert natural.psnr > balanced.psnr > strong.psnr
    assert natural.beyond < balanced.beyond < strong.beyond
    assert SEEN == 256
