"""MobileFace V2: the published network's outputs on the road from the published file, and refusal of other files."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.methods.context import Context
from privacy_faces.recognizers.mobileface_v2 import MOBILEFACE_V2, MobileFaceV2Network, published_names
from privacy_faces.weights.mxnet import MxnetError, read_params
from tests.golden_files import filled

pytestmark = pytest.mark.usefixtures("one_thread")


def params_file(tensors: Mapping[str, Tensor]) -> bytes:
    """A `.params` file as MXNet writes it."""
    data = struct.pack("<QQQ", 0x112, 0, len(tensors))
    for tensor in tensors.values():
        data += struct.pack("<IiI", 0xF993FAC9, 0, tensor.ndim) + struct.pack(f"<{tensor.ndim}q", *tensor.shape)
        data += struct.pack("<iii", 1, 0, 0) + tensor.numpy().astype("<f4").tobytes()
    data += struct.pack("<Q", len(tensors))
    for name in tensors:
        data += struct.pack("<Q", len(name)) + name.encode()
    return data


def filled_network() -> MobileFaceV2Network:
    """Every tensor filled from its name: of no use but to be stored and read again."""
    made = MobileFaceV2Network().eval()
    for name, tensor in made.state_dict().items():
        tensor.copy_(filled(name, tuple(tensor.shape)))
    return made


def published_file(network: MobileFaceV2Network, folder: Path) -> Path:
    """The network in a file such as the published one."""
    state = network.state_dict()
    kinds = {theirs: "aux" if "moving" in theirs else "arg" for theirs in published_names()}
    path = folder / MOBILEFACE_V2.file
    path.write_bytes(
        params_file({f"{kinds[theirs]}:{theirs}": state[ours] for theirs, ours in published_names().items()})
    )
    return path


@pytest.fixture(scope="module")
def network() -> MobileFaceV2Network:
    return filled_network()


@pytest.fixture
def published(network: MobileFaceV2Network, tmp_path: Path) -> Path:
    return published_file(network, tmp_path)


def test_every_tensor_of_the_network_is_in_the_file(network: MobileFaceV2Network) -> None:
    ours = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    assert set(published_names().values()) == ours
    assert len(published_names()) == len(ours) == 191


def test_from_the_published_file_to_the_recognizer(
    network: MobileFaceV2Network, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(main, ["weights", "add", "mobileface-v2", str(published)])
    assert done.output == f"mobileface-v2: {tmp_path / 'cache/mobileface-v2/model.safetensors'}\n"
    chips = torch.rand(3, 3, 112, 112)
    with torch.no_grad():
        features = Context("cpu").recognizer("mobileface-v2").features(chips)
        torch.testing.assert_close(features, network(chips * 255))
    assert features.shape == (3, 256)


def test_golden_outputs(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shared_data / "recognizers" / "mobileface-v2"
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path))
    done = CliRunner().invoke(main, ["weights", "add", "mobileface-v2", str(folder / MOBILEFACE_V2.file)])
    assert done.exit_code == 0, done.output
    golden = np.load(folder / "golden.npz")
    with torch.no_grad():
        features = (
            Context("cpu")
            .recognizer("mobileface-v2")
            .features(torch.from_numpy(golden["chips"].astype(np.float32)) / 255)
        )
    np.testing.assert_allclose(features.numpy(), golden["embeddings"], rtol=1e-5, atol=1e-5)


def test_another_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    (tmp_path / "other.params").write_bytes(params_file({"arg:conv1_weight": torch.zeros(32, 3, 3, 3)}))
    done = CliRunner().invoke(main, ["weights", "add", "mobileface-v2", str(tmp_path / "other.params")])
    assert done.exit_code == 2
    assert "Expected the 191 tensors of MobileFace_Identification_V2-0000.params, found 1 tensors" in done.output


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-3], "where 16 more are announced"),
        (lambda data: b"\x13" + data[1:], "expected the mark of a list 0x112, found 0x113"),
        (lambda data: data[:24] + b"\xc8" + data[25:], "expected the mark of an array 0xf993fac9, found 0xf993fac8"),
        (lambda data: data[:28] + b"\x01" + data[29:], "expected storage type 0x0, found 0x1"),
        (lambda data: data[:32] + b"\xff" + data[33:], "expected at most 8 dimensions, found 255"),
        (lambda data: data[:36] + b"\xff" * 8 + data[44:], "expected sizes of at least 0, found \\[-1, 2\\]"),
        (lambda data: data[:36] + b"\xff" * 7 + b"\x7f" + data[44:], "more are announced"),
        (lambda data: data[:60] + b"\x01" + data[61:], "expected data type 0x0, found 0x1"),
        (lambda data: data[:-4] + b"\xff" + data[-3:], "can't decode byte"),
        (lambda data: b"", "it ends after 0 bytes"),
    ],
)
def test_damaged_files_are_refused(damage: object, message: str, tmp_path: Path) -> None:
    data = params_file({"arg:conv1_weight": torch.ones(1, 2)})
    path = tmp_path / "damaged.params"
    path.write_bytes(data)
    assert list(read_params(path)) == ["conv1_weight"]
    path.write_bytes(damage(data))  # type: ignore[operator]
    with pytest.raises(MxnetError, match=message):
        read_params(path)
