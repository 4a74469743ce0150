"""The contracts as test classes, which the tests of a plugin subclass for what it brings; fixtures beside them.

    pytest_plugins = ["privacy_faces.testing"]  # in the conftest.py at the root of the tests

    class TestMyMethods(MethodContract):
        names = ("my-method",)
        quick = {"my-method": {"steps": 2}}

pytest must be installed; the core itself does not need it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

# Threads that spin while they wait make small networks many times slower where another process wants the same core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The other core is another worker's.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import INPAINTERS, METHODS
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method, Protection
from privacy_faces.methods.inpainting.masks.identity_score import identity_score
from privacy_faces.photos.detection.finder import FaceFinder, make_finder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.regions import region_masks
from privacy_faces.recognizers.contract import Recognizer

#: Of the frames in the contracts.
SIZE = 128
SEEDS = (11, 22, 33)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Where the other core is busy, two threads spend most of their time waiting for each other: small networks take
    many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def context() -> Context:
    """A context on the CPU."""
    return Context("cpu")


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    """The face finder that runs use by default."""
    return make_finder()


@pytest.fixture(scope="session")
def sample() -> NDArray[np.uint8]:
    """The sample photo (512, 512, 3)."""
    from skimage.data import astronaut

    return np.asarray(astronaut())


@pytest.fixture(scope="session")
def sample_face(sample: NDArray[np.uint8], finder: FaceFinder) -> Face:
    """The one face of the sample photo."""
    (face,) = finder.find(sample)
    return face


@pytest.fixture(scope="module")
def contract_context() -> Context:
    """The context of the contracts' methods, recognizers and inpainters; override it to add weights."""
    return Context("cpu", above_threshold=above_threshold(load_thresholds(), 0.001))


@pytest.fixture(scope="module")
def contract_batch(sample: NDArray[np.uint8], finder: FaceFinder) -> FrameBatch:
    """Three different faces' worth of pixels: the sample photo, its mirror image, and a darker, smaller one."""
    photos = [sample, np.ascontiguousarray(sample[:, ::-1]), (sample[::2, ::2] * 0.6).astype(np.uint8)]
    return batch_of(photos, [finder.find(photo)[0] for photo in photos], SIZE, list(SEEDS))


def batch_of(rgbs: Sequence[NDArray[Any]], faces: Sequence[Face], size: int, seeds: list[int]) -> FrameBatch:
    """A batch of frames of side `size`, one face of each photo."""
    frames = torch.stack(
        [torch.from_numpy(face.frame(rgb, size)).permute(2, 0, 1) for rgb, face in zip(rgbs, faces, strict=True)]
    )
    places = [face.frame_landmarks(size) for face in faces]
    masks = [region_masks(place, size) for place in places]
    regions = {name: torch.from_numpy(np.stack([mask[name] for mask in masks]))[:, None] for name in masks[0]}
    return FrameBatch(frames, torch.from_numpy(np.stack(places)).float(), regions, seeds)


class _Named:
    """Runs every test that takes a `name` with each of `names`."""

    names: ClassVar[Sequence[str]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Called by pytest."""
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", self.names)


class MethodContract(_Named):
    """What every method keeps.

    Attributes:
        names: registered methods.
        quick: method -> options with which a few steps show as well as many that the contract holds.
    """

    quick: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @pytest.fixture
    def method(self, name: str, contract_context: Context) -> Method:
        """The method, with its quick options."""
        plan = make_plan(name, assignments={"frame_size": SIZE} | dict(self.quick.get(name, {})))
        built: Method = METHODS.build(plan.method, plan.options, contract_context)
        return built

    def test_returns_protected_frames(self, method: Method, contract_batch: FrameBatch) -> None:
        """Frames in [0, 1], changed visibly, inside the mask alone."""
        batch, result = contract_batch, method(contract_batch)
        assert isinstance(result, Protection)
        assert result.frames.shape == batch.frames.shape
        assert result.mask.shape == (3, 1, SIZE, SIZE)
        assert result.mask.dtype == torch.bool
        assert result.frames.min() >= 0
        assert result.frames.max() <= 1
        assert torch.equal(result.frames.masked_select(~result.mask), batch.frames.masked_select(~result.mask))
        changed = (result.frames - batch.frames).abs().amax((1, 2, 3))
        assert (changed > 0.02).all(), "every face changes visibly"

    def test_does_not_depend_on_the_batch(self, method: Method, contract_batch: FrameBatch) -> None:
        """A face alone gives what it gives among others."""
        together = method(contract_batch)
        for index in range(3):
            alone = method(contract_batch[index])
            # Sums in another order may turn over a pixel at the very edge of a mask. Elsewhere they differ in the last
            # digit, and a fill that descends a gradient for dozens of steps makes more of it: three gray levels of 255
            # are allowed.
            assert (alone.mask[0] != together.mask[index]).float().mean() < 1e-3
            agree = alone.mask[0] == together.mask[index]
            assert ((alone.frames[0] - together.frames[index]).abs() * agree).amax(0).flatten().sort().values[
                : int(0.99 * SIZE**2)
            ].max() < 3 / 255

    def test_depends_on_the_seed_and_on_nothing_else(
        self, name: str, method: Method, contract_batch: FrameBatch
    ) -> None:
        """Equal seeds, equal frames; other seeds give others exactly where the card says so."""
        batch, seeded = contract_batch, METHODS.spec(name).seeded
        first, again = method(batch), method(batch)
        assert torch.equal(first.frames, again.frames)
        differs = [False] * 3
        # What is drawn from a bank may be drawn twice.
        for more in range(1, 5 if seeded else 2):
            other = method(FrameBatch(batch.frames, batch.landmarks, batch.regions, [seed + more for seed in SEEDS]))
            differs = [
                known or not torch.equal(first.frames[index], other.frames[index])
                for index, known in enumerate(differs)
            ]
            if all(differs):
                break
        assert differs == [seeded] * 3

    def test_leaves_its_input_alone(self, method: Method, contract_batch: FrameBatch) -> None:
        """The batch is as it was."""
        before = contract_batch.frames.clone()
        method(contract_batch)
        assert torch.equal(contract_batch.frames, before)

    def test_refuses_malformed_batches(self, method: Method, contract_batch: FrameBatch) -> None:
        """Wrong shapes are named."""
        batch = contract_batch
        with pytest.raises(
            ValueError, match=r"Invalid frames shape, we expect \(N, 3, S, S\). Got: \(3, 1, 128, 128\)"
        ):
            method(FrameBatch(batch.frames[:, :1], batch.landmarks, batch.regions, batch.seeds))
        with pytest.raises(ValueError, match=r"Invalid landmarks shape, we expect \(3, 68, 2\). Got: \(3, 5, 2\)"):
            method(FrameBatch(batch.frames, batch.landmarks[:, :5], batch.regions, batch.seeds))


class InpainterContract(_Named):
    """What every inpainter keeps.

    Attributes:
        names: registered inpainters.
    """

    def test_does_not_depend_on_the_batch(
        self, name: str, contract_batch: FrameBatch, contract_context: Context
    ) -> None:
        """A hole alone is filled as among others, and visible pixels stay."""
        batch, inpainter = contract_batch, INPAINTERS.build(name, None, contract_context)
        masks = batch.regions["eyes"] | batch.regions["lips"]
        together = inpainter(batch, masks)
        assert torch.equal(together.masked_select(~masks), batch.frames.masked_select(~masks)), "visible pixels stay"
        for index in range(3):
            difference = (inpainter(batch[index], masks[index : index + 1])[0] - together[index]).abs()
            assert (difference <= 2 / 255).float().mean() > 0.99


class RecognizerContract(_Named):
    """What every recognizer keeps.

    Attributes:
        names: registered recognizers.
    """

    @pytest.fixture
    def recognizer(self, name: str, contract_context: Context) -> Recognizer:
        """The recognizer with its default options."""
        return contract_context.recognizer(name)

    def test_embeds_to_unit_length(self, recognizer: Recognizer, contract_batch: FrameBatch) -> None:
        """Embeddings are unit vectors, and every weight has its digest."""
        embeddings = recognizer.embed(contract_batch.frames, contract_batch.landmarks)
        assert embeddings.shape == (3, recognizer.embedding_size)
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)
        assert all(record["sha256"] and record["id"] for record in recognizer.weight_records)

    def test_does_not_depend_on_the_batch(self, recognizer: Recognizer, contract_batch: FrameBatch) -> None:
        """A face alone embeds as among others."""
        batch = contract_batch
        together = recognizer.embed(batch.frames, batch.landmarks)
        alone = torch.cat([recognizer.embed(batch.frames[i : i + 1], batch.landmarks[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)

    def test_passes_gradients_through_its_alignment(self, recognizer: Recognizer, contract_batch: FrameBatch) -> None:
        """The face has a gradient, what the template cuts off has none, and the weights collect none."""
        frames = contract_batch.frames.clone().requires_grad_()
        recognizer.embed(frames, contract_batch.landmarks)[:, 0].sum().backward()  # type: ignore[no-untyped-call]
        assert frames.grad is not None
        inside, corner = frames.grad.abs()[:, :, SIZE // 2, SIZE // 2], frames.grad.abs()[:, :, 0, 0]
        assert (inside.amax(1) > 0).all()
        assert (corner == 0).all(), "the frame's corner lies outside every template"
        assert all(parameter.grad is None for parameter in recognizer.parameters())

    def test_features_have_a_gradient_towards_themselves(
        self, recognizer: Recognizer, contract_batch: FrameBatch
    ) -> None:
        """Not of rounding noise's size, as it is where a network ends in unit length; Grad-CAM and saliency read it."""
        chips = recognizer.template.chips(contract_batch.frames, contract_batch.landmarks).requires_grad_()
        features = recognizer.features(chips)
        others = features.detach().roll(1, 0)
        own, towards = (
            torch.autograd.grad(identity_score(features, target).sum(), chips, retain_graph=True)[0].norm()
            for target in (None, others)
        )
        assert own > 0.01 * towards

    def test_similarity_is_larger_for_more_alike(self, recognizer: Recognizer, contract_batch: FrameBatch) -> None:
        """Itself over a noisy copy over plain gray."""
        batch = contract_batch
        noise = 0.02 * torch.randn(batch.frames.shape, generator=torch.Generator().manual_seed(0))
        embeddings = recognizer.embed(batch.frames, batch.landmarks)
        noisy = recognizer.embed((batch.frames + noise).clamp(0, 1), batch.landmarks)
        gray = recognizer.embed(torch.full_like(batch.frames, 0.5), batch.landmarks)
        itself = recognizer.similarity(embeddings, embeddings)
        torch.testing.assert_close(itself, torch.ones(3), atol=1e-5, rtol=0)
        assert (itself > recognizer.similarity(embeddings, noisy)).all()
        assert (recognizer.similarity(embeddings, noisy) > recognizer.similarity(embeddings, gray)).all()
