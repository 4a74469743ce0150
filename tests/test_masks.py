"""Random patches, Grad-CAM and saliency."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from privacy_faces.context import Context
from privacy_faces.masks.gradcam import gradcam_map
from privacy_faces.masks.identity_score import identity_score
from privacy_faces.masks.random_patches import random_patches
from privacy_faces.masks.saliency import saliency_map
from privacy_faces.masks.selection import top_fraction, unit_range
from privacy_faces.photos.faces import Face
from privacy_faces.recognizers.alignment import Template
from privacy_faces.recognizers.base import Recognizer
from tests.conftest import batch_of


class Quadrant(Recognizer):
    """A recogniser that sees only the upper left quarter of its chip, through one convolution whose maps are known."""

    name = "quadrant"
    embedding_size = 2
    template = Template(size=64, groups=((36,), (45,), (8,)), points=((16.0, 16.0), (48.0, 16.0), (32.0, 60.0)), eye_distance=32.0)

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 8, stride=8, bias=False)
        nn.init.constant_(self.layer.weight, 1 / 192)
        self.weight_records = []
        self.freeze()

    @property
    def cam_layer(self) -> nn.Module:
        return self.layer

    def features(self, chips: Tensor) -> Tensor:
        return self.layer(chips)[:, :, :4, :4].mean((2, 3))


def chip_landmarks() -> Tensor:
    """Landmarks (1, 68, 2) for which frame and chip of `Quadrant` coincide."""
    landmarks = torch.zeros(1, 68, 2)
    for (index,), place in zip(Quadrant.template.groups, Quadrant.template.points, strict=True):
        landmarks[0, index] = torch.tensor(place)
    return landmarks


def test_own_identity_score_has_a_gradient_where_the_cosine_has_none() -> None:
    features = torch.tensor([[3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    score = identity_score(features)
    assert score.item() == pytest.approx(1.0)
    score.sum().backward()
    # t / |f| with t = f / |f|: (0.6, 0.8) / 5.
    torch.testing.assert_close(features.grad, torch.tensor([[0.12, 0.16]], dtype=torch.float64))


def test_identity_score_of_a_target_is_the_cosine() -> None:
    assert identity_score(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])).item() == pytest.approx(2**-0.5)


def test_gradcam_highlights_what_the_recognizer_sees() -> None:
    frame = torch.zeros(1, 3, 64, 64)
    frame[:, :, :32, :32] = 0.8
    heat = gradcam_map(Quadrant(), frame, chip_landmarks())
    assert heat.shape == (1, 1, 64, 64)
    assert heat.max() == pytest.approx(1.0)
    assert heat[0, 0, :28, :28].mean() > 0.9
    assert heat[0, 0, 36:, 36:].max() < 0.05


def test_saliency_highlights_what_the_recognizer_sees() -> None:
    heat = saliency_map(Quadrant(), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)), chip_landmarks(), blur=13)
    assert heat[0, 0, :28, :28].min() > 0.9
    assert heat[0, 0, 40:, 40:].max() == 0


def test_gradcam_target_changes_the_map(context: Context, sample: np.ndarray, sample_face: Face) -> None:
    batch = batch_of([sample], [sample_face], 128, [0])
    recognizer = context.recognizer("dlib-resnet")
    own = gradcam_map(recognizer, batch.frames, batch.landmarks)
    other = gradcam_map(recognizer, batch.frames, batch.landmarks, torch.nn.functional.normalize(torch.ones(1, 128), dim=1))
    assert (own - other).abs().mean() > 0.05
    assert (own * batch.regions["face"]).sum() > 0.5 * own.sum(), "the identity of the sample lies in its face"


def test_top_fraction_is_exact_and_stays_inside() -> None:
    ranking = torch.arange(64.0).view(1, 1, 8, 8)
    inside = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    mask = top_fraction(ranking, 0.25, inside)
    assert mask.sum() == 16
    assert mask[0, 0, 6:].all()
    inside[0, 0, 6:] = False
    assert top_fraction(ranking, 0.25, inside)[0, 0, 4:6].all()
    inside[:] = False
    inside[0, 0, 0, :5] = True
    assert torch.equal(top_fraction(ranking, 0.25, inside), inside), "never more than there is"
    assert top_fraction(torch.zeros(1, 1, 8, 8), 0.5, torch.ones(1, 1, 8, 8, dtype=torch.bool)).sum() == 32, "ties are broken"


def test_unit_range_keeps_an_empty_map_empty() -> None:
    assert torch.equal(unit_range(torch.zeros(2, 1, 4, 4)), torch.zeros(2, 1, 4, 4))
    assert unit_range(torch.tensor([[[[2.0, 4.0]]]])).tolist() == [[[[0.5, 1.0]]]]


@pytest.mark.parametrize(("size", "patch", "ratio"), [(512, 32, 0.75), (256, 32, 0.75), (256, 64, 0.5), (128, 16, 1.0)])
def test_random_patches_hide_the_stated_share_of_the_inner_grid(size: int, patch: int, ratio: float) -> None:
    mask = random_patches(size, patch, ratio, torch.Generator().manual_seed(0))
    cells = 512 // patch
    inner = (cells - 2 * (cells // 8)) ** 2
    assert mask.float().mean().item() == pytest.approx(round(ratio * inner) / cells**2, abs=1e-6)
    edge = size // 8
    assert not mask[0, :edge].any()
    assert not mask[0, :, -edge:].any()
    whole = mask.view(1, cells, size // cells, cells, size // cells).float().mean((2, 4))
    assert set(whole.unique().tolist()) <= {0.0, 1.0}, "patches lie on the grid"


def test_random_patches_prefer_the_centre() -> None:
    masks = torch.stack([random_patches(128, 32, 0.3, torch.Generator().manual_seed(seed)) for seed in range(200)]).float().mean((0, 1))
    assert masks[48:80, 48:80].mean() > 2 * masks[16:32, 16:32].mean()
