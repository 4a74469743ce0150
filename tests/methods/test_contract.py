"""One contract for every registered method and every registered recogniser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import INPAINTERS, METHODS, RECOGNIZERS
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method, Protection
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.weights import store
from tests.conftest import batch_of
from tests.golden_files import filled_state

SIZE = 128
SEEDS = [11, 22, 33]
# A few steps show as well as many that the contract holds.
QUICK = {"makeup": {"steps": 2, "adapter": "none"}} | {
    f"noise-{name}": {"steps": 6} for name in ("pgd", "mifgsm", "tidim", "tipim")
}


@pytest.fixture(scope="module")
def full_context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A context in which every recogniser can be built: weights that cannot be shipped are filled from their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(tmp_path_factory.mktemp("cache")))
        for weight_id, golden in {
            "facenet-vggface2": "facenet",
            "ir152": "ir152",
            "irse50": "irse50",
            "mobileface": "mobileface",
        }.items():
            file = tmp_path_factory.mktemp("weights") / "published.safetensors"
            save_file(filled_state(golden), file)
            store.add(weight_id, file)
            file.unlink()
        yield Context("cpu", above_threshold=above_threshold(load_thresholds(), 0.001))


@pytest.fixture(scope="module")
def batch(sample: np.ndarray, finder: FaceFinder) -> FrameBatch:
    """Three different faces' worth of pixels: the sample photo, its mirror image, and a darker, smaller one."""
    photos = [sample, np.ascontiguousarray(sample[:, ::-1]), (sample[::2, ::2] * 0.6).astype(np.uint8)]
    return batch_of(photos, [finder.find(photo)[0] for photo in photos], SIZE, SEEDS)


@pytest.fixture(params=sorted(METHODS.entries()))
def method(request: pytest.FixtureRequest, full_context: Context) -> Method:
    plan = make_plan(request.param, assignments={"frame_size": SIZE} | QUICK.get(request.param, {}))
    built: Method = METHODS.build(plan.method, plan.options, full_context)
    built.seeded = METHODS.spec(request.param).seeded  # type: ignore[attr-defined]
    return built


@pytest.fixture(params=sorted(RECOGNIZERS.entries()))
def recognizer(request: pytest.FixtureRequest, full_context: Context) -> Recognizer:
    return full_context.recognizer(request.param)


def test_method_returns_protected_frames(method: Method, batch: FrameBatch) -> None:
    result = method(batch)
    assert isinstance(result, Protection)
    assert result.frames.shape == batch.frames.shape
    assert result.mask.shape == (3, 1, SIZE, SIZE)
    assert result.mask.dtype == torch.bool
    assert result.frames.min() >= 0
    assert result.frames.max() <= 1
    assert torch.equal(result.frames.masked_select(~result.mask), batch.frames.masked_select(~result.mask))
    changed = (result.frames - batch.frames).abs().amax((1, 2, 3))
    assert (changed > 0.02).all(), "every face changes visibly"


def test_method_does_not_depend_on_the_batch(method: Method, batch: FrameBatch) -> None:
    together = method(batch)
    for index in range(3):
        alone = method(batch[index])
        # Sums in another order may turn over a pixel at the very edge of a mask. Elsewhere they differ in the last
        # digit, and a fill that descends a gradient for dozens of steps makes more of it: three grey levels of 255 are
        # allowed.
        assert (alone.mask[0] != together.mask[index]).float().mean() < 1e-3
        agree = alone.mask[0] == together.mask[index]
        assert ((alone.frames[0] - together.frames[index]).abs() * agree).amax(0).flatten().sort().values[
            : int(0.99 * SIZE**2)
        ].max() < 3 / 255


def test_method_depends_on_the_seed_and_on_nothing_else(method: Method, batch: FrameBatch) -> None:
    first, again = method(batch), method(batch)
    assert torch.equal(first.frames, again.frames)
    other = method(FrameBatch(batch.frames, batch.landmarks, batch.regions, [seed + 1 for seed in SEEDS]))
    differs = [not torch.equal(first.frames[index], other.frames[index]) for index in range(3)]
    assert differs == [method.seeded] * 3  # type: ignore[attr-defined]


def test_method_leaves_its_input_alone(method: Method, batch: FrameBatch) -> None:
    before = batch.frames.clone()
    method(batch)
    assert torch.equal(batch.frames, before)


def test_method_refuses_malformed_batches(method: Method, batch: FrameBatch) -> None:
    with pytest.raises(ValueError, match=r"Invalid frames shape, we expect \(N, 3, S, S\). Got: \(3, 1, 128, 128\)"):
        method(FrameBatch(batch.frames[:, :1], batch.landmarks, batch.regions, SEEDS))
    with pytest.raises(ValueError, match=r"Invalid landmarks shape, we expect \(3, 68, 2\). Got: \(3, 5, 2\)"):
        method(FrameBatch(batch.frames, batch.landmarks[:, :5], batch.regions, SEEDS))


@pytest.mark.parametrize(
    "name", sorted(set(INPAINTERS.entries()) - {"stable-diffusion"})
)  # it has tests of its own, with a tiny pipeline
def test_inpainter_does_not_depend_on_the_batch(name: str, batch: FrameBatch, full_context: Context) -> None:
    inpainter = INPAINTERS.build(name, None, full_context)
    masks = batch.regions["eyes"] | batch.regions["lips"]
    together = inpainter(batch, masks)
    assert torch.equal(together.masked_select(~masks), batch.frames.masked_select(~masks)), "visible pixels stay"
    for index in range(3):
        difference = (inpainter(batch[index], masks[index : index + 1])[0] - together[index]).abs()
        assert (difference <= 2 / 255).float().mean() > 0.99


def test_method_that_changes_nothing_is_refused(batch: FrameBatch, context: Context) -> None:
    class Idle(Method):
        def protect(self, batch: FrameBatch) -> Protection:
            return Protection(batch.frames, batch.regions["face"], "replace")

    from privacy_faces.methods.options import MethodOptions

    with pytest.raises(ValueError, match="Idle left face 1 unchanged"):
        Idle(MethodOptions(), context)(batch)


def test_recognizer_embeds_to_unit_length(recognizer: Recognizer, batch: FrameBatch) -> None:
    embeddings = recognizer.embed(batch.frames, batch.landmarks)
    assert embeddings.shape == (3, recognizer.embedding_size)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)
    assert all(record["sha256"] and record["id"] for record in recognizer.weight_records)


def test_recognizer_does_not_depend_on_the_batch(recognizer: Recognizer, batch: FrameBatch) -> None:
    together = recognizer.embed(batch.frames, batch.landmarks)
    alone = torch.cat([recognizer.embed(batch.frames[i : i + 1], batch.landmarks[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


def test_recognizer_passes_gradients_through_its_alignment(recognizer: Recognizer, batch: FrameBatch) -> None:
    frames = batch.frames.clone().requires_grad_()
    recognizer.embed(frames, batch.landmarks)[:, 0].sum().backward()
    assert frames.grad is not None
    inside, corner = frames.grad.abs()[:, :, SIZE // 2, SIZE // 2], frames.grad.abs()[:, :, 0, 0]
    assert (inside.amax(1) > 0).all()
    assert (corner == 0).all(), "the frame's corner lies outside every template"
    assert all(parameter.grad is None for parameter in recognizer.parameters())


def test_similarity_is_larger_for_more_alike(recognizer: Recognizer, batch: FrameBatch) -> None:
    embeddings = recognizer.embed(batch.frames, batch.landmarks)
    noisy = recognizer.embed(
        (batch.frames + 0.02 * torch.randn(batch.frames.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1),
        batch.landmarks,
    )
    gray = recognizer.embed(torch.full_like(batch.frames, 0.5), batch.landmarks)
    itself = recognizer.similarity(embeddings, embeddings)
    torch.testing.assert_close(itself, torch.ones(3), atol=1e-5, rtol=0)
    assert (itself > recognizer.similarity(embeddings, noisy)).all()
    assert (recognizer.similarity(embeddings, noisy) > recognizer.similarity(embeddings, gray)).all()
