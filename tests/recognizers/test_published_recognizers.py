"""IR-152, IR-SE-50, MobileFaceNet and DiffAM's FaceNet: the published networks' outputs on the road from a user's file,
and refusal of other files.

The published weights cannot be had here. `golden/` holds each file's tensor names and shapes, and what the published
network answers when every tensor is filled from its own name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from privacy_faces.cli import main
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch
from privacy_faces.methods.inpainting.masks.gradcam import gradcam_map
from privacy_faces.methods.inpainting.masks.identity_score import identity_score
from privacy_faces.photos.faces import Face
from privacy_faces.recognizers.alignment import ARCFACE
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.testing import batch_of
from privacy_faces.weights.manifest import weight
from privacy_faces.weights.store import MissingWeightError
from tests.golden_files import GOLDEN, filled_state, relative_error, shapes_of

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Case:
    """One published file: weight id, recognizer with options, golden files, and whether the golden output has unit
    length."""

    id: str
    recognizer: str
    options: dict[str, str]
    golden: str
    unit: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return shapes_of(self.golden)


CASES = [
    Case("ir152", "ir152", {}, "ir152", unit=False),
    Case("irse50", "irse50", {}, "irse50", unit=True),
    Case("mobileface", "mobileface", {}, "mobileface", unit=True),
    Case("facenet-diffam", "facenet", {"weights": "diffam"}, "facenet", unit=True),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.id)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def cache(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache that holds what `weights add` made of the published file, filled; nothing of its size stays on the
    disk."""
    folder = tmp_path_factory.mktemp(case.id)
    published, held = folder / "published.pth", folder / case.id / "model.safetensors"
    torch.save(filled_state(case.golden), published)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(folder))
        assert CliRunner().invoke(main, ["weights", "add", case.id, str(published)]).output == f"{case.id}: {held}\n"
        published.unlink()
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def recognizer(case: Case, cache: Path) -> Recognizer:
    """Built as a user builds it."""
    return Context("cpu", {case.recognizer: case.options}).recognizer(case.recognizer)


@pytest.fixture(scope="module")
def batch(sample: np.ndarray, sample_face: Face) -> FrameBatch:
    return batch_of([sample], [sample_face], 256, [0])


def test_recognizer_gives_the_published_output(case: Case, recognizer: Recognizer) -> None:
    shape = json.loads((GOLDEN / f"{case.golden}.json").read_text())["input_shape"]
    given = torch.from_numpy(np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32))
    expected = torch.from_numpy(np.load(GOLDEN / f"{case.golden}.npy"))
    # The networks take [-1, 1], of which FaceNet's own standardization is (x - 127.5) / 128; the recognizer takes chips
    # in [0, 1].
    chips = (given * 128 + 127.5) / 255 if case.recognizer == "facenet" else (given + 1) / 2
    with torch.no_grad():
        found = recognizer.features(chips)
    assert relative_error(normalize(found) if case.unit else found, expected) < 1e-4


def test_recognizer_is_frozen_and_says_what_it_loaded(case: Case, recognizer: Recognizer) -> None:
    assert not any(module.training for module in recognizer.modules())
    assert not any(parameter.requires_grad for parameter in recognizer.parameters())
    assert [record["id"] for record in recognizer.weight_records] == [case.id]
    assert weight(case.id).bytes == sum(
        int(np.prod(shape)) * (8 if name.endswith("tracked") else 4) for name, shape in case.shapes.items()
    )


def test_gradient_and_gradcam_reach_the_frame(recognizer: Recognizer, batch: FrameBatch) -> None:
    frames = batch.frames.clone().requires_grad_()
    embeddings = recognizer.embed(frames, batch.landmarks)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(1))
    (gradient,) = torch.autograd.grad(embeddings[:, 0].sum(), frames)
    assert float(gradient.abs().max()) > 0
    own = identity_score(recognizer.features(recognizer.template.chips(frames, batch.landmarks)))
    (towards_itself,) = torch.autograd.grad(own.sum(), frames)
    assert float(towards_itself.norm()) > 1e-3 * float(gradient.norm()), "rounding noise: do features have unit length?"
    heat = gradcam_map(recognizer, batch.frames, batch.landmarks)
    assert heat.shape == (1, 1, 256, 256)
    assert float(heat.max()) == 1


def test_whole_image_is_the_frame_resized_and_asks_no_landmarks(case: Case, cache: Path, batch: FrameBatch) -> None:
    whole = Context("cpu", {case.recognizer: {**case.options, "alignment": "whole"}}).recognizer(case.recognizer)
    side = whole.template.size
    with torch.no_grad():
        found = whole.embed(batch.frames, batch.landmarks.roll(5, 1))
        by_hand = normalize(
            whole.features(interpolate(batch.frames, (side, side), mode="bilinear", align_corners=False))
        )
    torch.testing.assert_close(found, by_hand)
    assert gradcam_map(whole, batch.frames, batch.landmarks).shape == (1, 1, 256, 256)


def test_missing_weights(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path))
    with pytest.raises(
        MissingWeightError,
        match=rf"'{case.id}' \(\d+ MB, none stated; for research\) .*privacy-faces weights add {case.id} FILE",
    ):
        Context("cpu", {case.recognizer: case.options}).recognizer(case.recognizer)


def test_file_of_another_network_is_refused(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    names = list(case.shapes)
    tensors: dict[str, Tensor] = {name: torch.zeros(shape, dtype=torch.uint8) for name, shape in case.shapes.items()}
    tensors["head.weight"] = tensors.pop(names[0])
    tensors[names[1]] = torch.zeros(3, 2)
    torch.save(tensors, tmp_path / "other.pth")
    done = CliRunner().invoke(main, ["weights", "add", case.id, str(tmp_path / "other.pth")])
    assert done.exit_code == 2
    for fault in (
        f"1 missing ({names[0]})",
        "1 unknown (head.weight)",
        f"1 of another shape ({names[1]} (3, 2), expected {case.shapes[names[1]]})",
    ):
        assert fault in done.output.replace("\n", "")
    assert not (tmp_path / "cache" / case.id).exists()


def test_arcface_template_puts_landmarks_on_its_five_points() -> None:
    # A face whose eyes, nose and mouth lie in the template's own proportions, twice as large and moved, in a frame of
    # 256.
    landmarks = torch.zeros(1, 68, 2)
    for group, point in zip(ARCFACE.groups, ARCFACE.points, strict=True):
        landmarks[0, list(group)] = 2 * torch.tensor(point) + torch.tensor([11.0, 7.0])
    (affine,) = ARCFACE.affines(landmarks)
    for group, point in zip(ARCFACE.groups, ARCFACE.points, strict=True):
        place = affine[:, :2] @ landmarks[0, group[0]] + affine[:, 2]
        torch.testing.assert_close(place, torch.tensor(point), atol=1e-3, rtol=0)
