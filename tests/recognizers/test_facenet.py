"""FaceNet: the published network's output, the road from a user's file to an embedding, and the alignment.

The published weights cannot be had here. `golden/` holds what the published network answers when every tensor is filled
from its own name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor
from torch.nn.functional import normalize

from privacy_faces.cli import main
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch
from privacy_faces.recognizers.facenet import FaceNet, inception_resnet_v1
from privacy_faces.testing import batch_of
from privacy_faces.weights.store import MissingWeightError
from tests.golden_files import GOLDEN, filled_state, relative_error

pytestmark = [
    pytest.mark.skipif(
        find_spec("facenet_pytorch") is None, reason="needs facenet-pytorch: pip install --no-deps facenet-pytorch"
    ),
    pytest.mark.usefixtures("one_thread"),
]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The state dict under its published names, filled by its rule."""
    return filled_state("facenet")


@pytest.fixture(scope="module")
def added(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `weights add` made of the published file; the cache is this module's own."""
    folder = tmp_path_factory.mktemp("facenet")
    published, held = folder / "20180402-114759-vggface2.pt", folder / "facenet-vggface2" / "model.safetensors"
    torch.save(state, published)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(folder))
        assert (
            CliRunner().invoke(main, ["weights", "add", "facenet-vggface2", str(published)]).output
            == f"facenet-vggface2: {held}\n"
        )
        yield held


@pytest.fixture(scope="module")
def recognizer(added: Path) -> FaceNet:
    """Built as a user builds it."""
    built = Context("cpu").recognizer("facenet")
    assert isinstance(built, FaceNet)
    return built


@pytest.fixture(scope="module")
def batch(sample: np.ndarray, sample_face: object) -> FrameBatch:
    return batch_of([sample], [sample_face], 256, [0])


def golden_pair() -> tuple[Tensor, Tensor]:
    shape = json.loads((GOLDEN / "facenet.json").read_text())["input_shape"]
    given = np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)
    return torch.from_numpy(given), torch.from_numpy(np.load(GOLDEN / "facenet.npy"))


def test_architecture_gives_the_published_output(state: dict[str, Tensor]) -> None:
    network = inception_resnet_v1()
    # The classifier over the 8631 people of VGGFace2 is in the file and not in the architecture; nothing else differs.
    assert state.keys() - network.state_dict().keys() == {"logits.weight", "logits.bias"}
    network.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith("logits.")})
    given, expected = golden_pair()
    assert expected.shape == (2, 512)
    with torch.no_grad():
        assert relative_error(normalize(network.eval()(given)), expected) < 1e-4


def test_recognizer_gives_the_published_output(recognizer: FaceNet) -> None:
    given, expected = golden_pair()
    # The network was fed (x - 127.5) / 128 of 0..255; the recognizer takes chips in [0, 1].
    with torch.no_grad():
        features = recognizer.features((given * 128 + 127.5) / 255)
    assert relative_error(normalize(features), expected) < 1e-4


def test_recognizer_is_frozen_and_says_what_it_loaded(recognizer: FaceNet, added: Path) -> None:
    assert not recognizer.training
    assert not any(parameter.requires_grad for parameter in recognizer.parameters())
    assert recognizer.weight_records == [
        {"id": "facenet-vggface2", "sha256": hashlib.sha256(added.read_bytes()).hexdigest()}
    ]


def test_embedding_has_unit_length_and_follows_the_landmarks(recognizer: FaceNet, batch: FrameBatch) -> None:
    moved = batch.frames.roll((6, -9), dims=(2, 3))
    landmarks = batch.landmarks + torch.tensor([-9.0, 6.0])
    with torch.no_grad():
        here, followed, missed = recognizer.embed(
            torch.cat([batch.frames, moved, moved]), torch.cat([batch.landmarks, landmarks, batch.landmarks])
        )
        alone = recognizer.embed(batch.frames, batch.landmarks)
    assert alone.shape == (1, 512) == (1, recognizer.embedding_size)
    torch.testing.assert_close(torch.stack([here, followed, missed]).norm(dim=1), torch.ones(3))
    torch.testing.assert_close(here, alone[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(here, followed, atol=1e-5, rtol=0)
    assert float((here - missed).norm()) > 0.01


def test_gradient_reaches_the_frame(recognizer: FaceNet, batch: FrameBatch) -> None:
    towards = normalize(torch.randn(1, 512, generator=torch.Generator().manual_seed(0)), dim=1)

    def similarity(frames: Tensor) -> Tensor:
        return recognizer.similarity(recognizer.embed(frames, batch.landmarks), towards).sum()

    frames = batch.frames.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(similarity(frames), frames)
    step = 0.05 * gradient / gradient.norm()
    with torch.no_grad():
        slope = float(similarity(batch.frames + step) - similarity(batch.frames - step)) / 0.1
    assert float(gradient.norm()) > 0
    assert slope == pytest.approx(float(gradient.norm()), rel=0.05)  # the central difference, along the gradient itself


def face_with_eyes_at(left: tuple[float, float], right: tuple[float, float]) -> Tensor:
    """68 landmarks (1, 68, 2) of a face in the template's proportions: mouth corners a chip's 54.7 pixels below the
    eyes, which are 71.4 apart."""
    (x1, y), (x2, _) = left, right
    scale = (x2 - x1) / 71.4
    places = torch.zeros(1, 68, 2)
    angles = torch.arange(6) * torch.pi / 3
    ring = 4 * scale * torch.stack([angles.cos(), angles.sin()], 1)
    places[0, 36:42], places[0, 42:48] = torch.tensor(left) + ring, torch.tensor(right) + ring
    places[0, 48], places[0, 54] = (
        torch.tensor([x1 + 15 * scale, y + 54.7 * scale]),
        torch.tensor([x2 - 15 * scale, y + 54.7 * scale]),
    )
    return places


@pytest.mark.parametrize("size", [128, 256, 600])
def test_eyes_lie_where_the_network_expects_them(size: int) -> None:
    # Eyes a quarter of the frame apart, as in every frame, but left of the middle; the frame of 600 is reduced before
    # it is warped.
    left, right = (0.3 * size, 0.4 * size), (0.55 * size, 0.4 * size)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for (eye_x, eye_y), place in ((left, (44.3, 62.1)), (right, (115.7, 62.1))):
        spot = torch.exp(-((x - eye_x) ** 2 + (y - eye_y) ** 2) / (2 * (0.02 * size) ** 2)).expand(1, 3, -1, -1)
        chip = FaceNet.template.chips(spot, face_with_eyes_at(left, right))[0, 0]
        assert chip.shape == (160, 160)
        rows, columns = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
        center = (float((chip * columns).sum() / chip.sum()), float((chip * rows).sum() / chip.sum()))
        assert center == pytest.approx(place, abs=0.3)


def test_cam_layer_is_the_one_the_paper_reads(recognizer: FaceNet, batch: FrameBatch) -> None:
    shapes = []
    hook = recognizer.cam_layer.register_forward_hook(lambda module, given, output: shapes.append(tuple(output.shape)))
    with torch.no_grad():
        recognizer.embed(batch.frames, batch.landmarks)
    hook.remove()
    # block8.branch1 of Inception-ResNet v1: 192 channels at 3 x 3 positions of a 160 x 160 chip.
    assert shapes == [(1, 192, 3, 3)]
    assert recognizer.cam_layer is recognizer.network.get_submodule("block8.branch1")


@pytest.mark.parametrize(
    ("options", "weight_id", "size"),
    [({}, "facenet-vggface2", "112 MB"), ({"weights": "casia-webface"}, "facenet-casia-webface", "116 MB")],
)
def test_missing_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], weight_id: str, size: str
) -> None:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path))
    with pytest.raises(
        MissingWeightError, match=rf"{weight_id}' \({size}, MIT \(code\); .* privacy-faces weights pull {weight_id} "
    ) as error:
        Context("cpu", {"facenet": options}).recognizer("facenet")
    assert f"privacy-faces weights add {weight_id} FILE" in str(error.value)
