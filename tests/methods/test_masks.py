"""Random patches, Grad-CAM and saliency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import METHODS
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import Method
from privacy_faces.methods.inpainting.masks.gradcam import gradcam_map
from privacy_faces.methods.inpainting.masks.identity_score import identity_score
from privacy_faces.methods.inpainting.masks.random_patches import (
    cells_in,
    center_cells,
    drawn_cells,
    grid_side,
    patch_ranking,
)
from privacy_faces.methods.inpainting.masks.saliency import above_percentile, input_gradient, saliency_map
from privacy_faces.methods.inpainting.masks.selection import top_fraction, unit_range
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.denoise import denoised
from privacy_faces.photos.faces import Face
from privacy_faces.recognizers.alignment import Template
from privacy_faces.recognizers.closed_set import ClosedSet, save_classifier
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.testing import batch_of


class Quadrant(Recognizer):
    """A recognizer that sees only the upper left quarter of its chip, through one convolution whose maps are known."""

    name = "quadrant"
    embedding_size = 2
    template = Template(
        size=64, groups=((36,), (45,), (8,)), points=((16.0, 16.0), (48.0, 16.0), (32.0, 60.0)), eye_distance=32.0
    )

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
    gradient = input_gradient(
        Quadrant(), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)), chip_landmarks()
    )
    heat = saliency_map(gradient, blur=13)
    assert heat[0, 0, :28, :28].min() > 0.9
    assert heat[0, 0, 40:, 40:].max() == 0


def test_gradcam_target_changes_the_map(context: Context, sample: np.ndarray, sample_face: Face) -> None:
    batch = batch_of([sample], [sample_face], 128, [0])
    recognizer = context.recognizer("dlib-resnet")
    own = gradcam_map(recognizer, batch.frames, batch.landmarks)
    other = gradcam_map(
        recognizer, batch.frames, batch.landmarks, torch.nn.functional.normalize(torch.ones(1, 128), dim=1)
    )
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
    assert top_fraction(torch.zeros(1, 1, 8, 8), 0.5, torch.ones(1, 1, 8, 8, dtype=torch.bool)).sum() == 32, (
        "ties are broken"
    )


def test_unit_range_keeps_an_empty_map_empty() -> None:
    assert torch.equal(unit_range(torch.zeros(2, 1, 4, 4)), torch.zeros(2, 1, 4, 4))
    assert unit_range(torch.tensor([[[[2.0, 4.0]]]])).tolist() == [[[[0.5, 1.0]]]]


@pytest.mark.parametrize(("patch", "share"), [(32, 0.42), (64, 0.25), (16, 0.1)])
def test_random_patches_hide_the_stated_share_of_the_inner_grid(patch: int, share: float) -> None:
    cells = grid_side(patch)
    inner = center_cells(cells)
    mask = top_fraction(patch_ranking(inner, torch.Generator().manual_seed(0))[None], share, inner[None])
    assert mask.sum() == round(share * cells**2)
    edge = cells // 8
    assert not mask[0, 0, :edge].any()
    assert not mask[0, 0, :, -edge:].any()


def test_patches_are_ranked_each_once_and_nowhere_else() -> None:
    cells = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(1)) < 0.3
    ranking = patch_ranking(cells, torch.Generator().manual_seed(0))
    assert torch.equal(ranking > 0, cells)
    assert ranking[cells].unique().numel() == cells.sum()
    assert ranking.max() == 1.0
    assert not patch_ranking(torch.zeros(1, 4, 4, dtype=torch.bool), torch.Generator()).any()


def test_cells_belong_to_the_region_that_covers_half_of_them() -> None:
    region = torch.zeros(1, 8, 8, dtype=torch.bool)
    region[0, :4, :3] = True
    # Cells of four pixels: the upper left one is covered by 12 of 16, no other by any.
    assert cells_in(region, 2).tolist() == [[[True, False], [False, False]]]
    region[0, :4, 1:3] = False
    assert not cells_in(region, 2).any()


def test_random_patches_prefer_the_center() -> None:
    cells = torch.ones(1, 16, 16, dtype=torch.bool)
    ranking = torch.stack([patch_ranking(cells, torch.Generator().manual_seed(seed)) for seed in range(200)]).mean(
        (0, 1)
    )
    assert ranking[6:10, 6:10].mean() > 1.5 * ranking[:2, :2].mean()


def test_draws_with_replacement_hide_what_chance_leaves() -> None:
    inner = center_cells(16)
    drawn = torch.stack([drawn_cells(inner, 1.0, torch.Generator().manual_seed(seed)) for seed in range(200)])
    assert not (drawn & ~inner).any()
    # Of n cells, n draws with replacement hit 1 - (1 - 1/n)^n on average.
    assert drawn.float().sum((1, 2, 3)).mean() / 144 == pytest.approx(1 - (1 - 1 / 144) ** 144, abs=0.01)
    assert torch.equal(drawn[0], drawn_cells(inner, 1.0, torch.Generator().manual_seed(0)))


def test_percentile_mask_is_smoothed_and_cut_at_half() -> None:
    gradient = torch.zeros(1, 1, 512, 512)
    gradient[..., 100:200, 100:200] = 1
    gradient[..., 300, 300] = 1  # a lone pixel does not survive the smoothing
    mask = above_percentile(gradient, 75, blur=13)
    assert mask[0, 0, 100:200, 100:200].float().mean() > 0.99
    assert not mask[0, 0, 290:310, 290:310].any()
    assert not mask[0, 0, 210:, 210:].any()
    noise = torch.rand(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    assert above_percentile(noise, 75, blur=1).float().mean() == pytest.approx(0.25, abs=0.01)


class TestPublishedSettings:
    """What the configs of PrivacyPreservingDiffusion ask of the masks."""

    @staticmethod
    def method(name: str, **options: object) -> Method:
        plan = make_plan(name, assignments={"frame_size": 128, "inpainter": "classical", "fraction": 1.0} | options)
        built: Method = METHODS.build(name, plan.options, Context("cpu"))
        return built

    @pytest.fixture(scope="class")
    @staticmethod
    def batch(sample: np.ndarray, sample_face: Face) -> FrameBatch:
        return batch_of([sample], [sample_face], 128, [3])

    def test_random_patches(self, batch: FrameBatch) -> None:
        mask = self.method("inpaint-random", area="center", draws=1.0)(batch).mask
        expected = drawn_cells(center_cells(16), 1.0, batch.generators()[0])
        assert torch.equal(mask, torch.nn.functional.interpolate(expected[None].float(), (128, 128)) > 0.5)

    def test_gradcam_above_a_threshold_anywhere_in_the_frame(self, batch: FrameBatch, context: Context) -> None:
        heat = gradcam_map(context.recognizer("dlib-resnet"), batch.frames, batch.landmarks)
        mask = self.method("inpaint-gradcam", area="frame", threshold=120 / 255)(batch).mask
        assert torch.equal(mask, heat > 120 / 255)
        assert torch.equal(
            self.method("inpaint-gradcam", threshold=120 / 255)(batch).mask, mask & batch.regions["face"]
        )

    def test_saliency_of_a_classifiers_cross_entropy(self, batch: FrameBatch, context: Context, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        classifier = ClosedSet(
            "dlib-resnet", tuple("abc"), random.normal(size=(3, 128)).astype(np.float32), np.zeros(3, np.float32)
        )
        save_classifier(classifier, tmp_path / "classifier.safetensors")
        chosen = {
            "area": "frame",
            "blur": 13,
            "percentile": 75.0,
            "classifier": str(tmp_path / "classifier.safetensors"),
        }
        mask = self.method("inpaint-saliency", **chosen)(batch).mask

        recognizer = context.recognizer("dlib-resnet")
        frames = batch.frames.clone().requires_grad_()
        logits = recognizer.embed(frames, batch.landmarks).relu() @ torch.from_numpy(classifier.weight).T
        torch.nn.functional.cross_entropy(logits, logits.argmax(1)).backward()
        assert frames.grad is not None
        expected = above_percentile(frames.grad.abs().amax(1, keepdim=True), 75.0)
        assert (mask != expected).float().mean() < 1e-3  # sums in another order turn a pixel over at the very edge
        with pytest.raises(
            ValueError,
            match=r"is built on dlib-resnet, which is none of the surrogates \(facenet\). Add --surrogates dlib-resnet",
        ):
            self.method("inpaint-saliency", surrogates=["facenet"], **chosen)

    def test_denoising_smooths_the_fill_alone(self, batch: FrameBatch) -> None:
        plain, smooth = (self.method("inpaint-random", draws=1.0, denoise=denoise)(batch) for denoise in (False, True))
        assert torch.equal(plain.mask, smooth.mask)
        assert torch.equal(smooth.frames.masked_select(~plain.mask), batch.frames.masked_select(~plain.mask))
        expected = denoised(plain.frames)
        assert torch.equal(smooth.frames.masked_select(plain.mask), expected.masked_select(plain.mask))
        rough, soft = (float((frames[..., 1:] - frames[..., :-1]).abs().mean()) for frames in (plain.frames, expected))
        assert soft < 0.9 * rough


class TestAuto:
    """`fraction: auto`, with a judge of known opinion."""

    @staticmethod
    def masks(
        batch: FrameBatch, name: str, above: Callable[[str, Tensor], Tensor], fraction: float | str = "auto"
    ) -> Tensor:
        plan = make_plan(
            name, assignments={"frame_size": 128, "inpainter": "classical", "fraction": fraction, "margin": 0.1}
        )
        return METHODS.build(name, plan.options, Context("cpu", above_threshold=above))(batch).mask

    @pytest.fixture(scope="class")
    @staticmethod
    def pair(sample: np.ndarray, sample_face: Face) -> FrameBatch:
        return batch_of([sample, sample], [sample_face, sample_face], 128, [3, 3])

    @pytest.mark.parametrize("name", ["inpaint-random", "inpaint-gradcam", "inpaint-saliency"])
    def test_stays_at_the_start_where_nobody_matches(self, pair: FrameBatch, name: str) -> None:
        below = self.masks(pair, name, lambda _, similarity: torch.full_like(similarity, -0.11))
        assert torch.equal(below, self.masks(pair, name, lambda _, similarity: similarity, 0.25))
        assert below.float().mean().item() == pytest.approx(0.25, abs=0.003)

    @pytest.mark.parametrize("name", ["inpaint-random", "inpaint-gradcam", "inpaint-saliency"])
    def test_ends_at_the_face_where_somebody_always_matches(self, pair: FrameBatch, name: str) -> None:
        grown = self.masks(pair, name, lambda _, similarity: torch.full_like(similarity, -0.09))
        face = pair.regions["face"]
        if name == "inpaint-random":
            face = (
                torch.nn.functional.interpolate(
                    torch.stack([cells_in(region, 16) for region in face]).float(), (128, 128)
                )
                > 0.5
            )
        assert torch.equal(grown, face)

    def test_grows_only_the_faces_that_match_along_their_own_ranking(self, pair: FrameBatch) -> None:
        asked: list[int] = []

        def above(_: str, similarity: Tensor) -> Tensor:
            asked.append(len(similarity))
            # The second face matches twice more, then no longer.
            return (
                torch.tensor([-1.0, 1.0])
                if len(asked) == 1
                else torch.full_like(similarity, 1.0 if len(asked) == 2 else -1.0)
            )

        wide = replace(pair, regions=pair.regions | {"face": torch.ones_like(pair.regions["face"])})
        first, second = self.masks(wide, "inpaint-saliency", above)
        assert asked == [2, 1, 1]
        assert first.float().mean().item() == pytest.approx(0.25, abs=1e-4)
        assert second.float().mean().item() == pytest.approx(0.25 * 1.15**2, abs=1e-4)
        assert second[first].all(), "what was hidden stays hidden"

    def test_asks_nobody_when_the_fraction_is_given(self, pair: FrameBatch) -> None:
        plan = make_plan("inpaint-random", assignments={"frame_size": 128, "inpainter": "classical", "fraction": 0.2})
        method = METHODS.build("inpaint-random", plan.options, Context("cpu"))
        assert method(pair).mask.float().mean().item() == pytest.approx(0.2, abs=0.003)
        assert method.surrogates == (), "a recognizer that was not asked is held-out"

    def test_needs_a_judge(self, pair: FrameBatch) -> None:
        plan = make_plan("inpaint-random", assignments={"frame_size": 128, "inpainter": "classical"})
        method = METHODS.build("inpaint-random", plan.options, Context("cpu"))
        with pytest.raises(ValueError, match="asked of a judge, and this context has none"):
            method(pair)
