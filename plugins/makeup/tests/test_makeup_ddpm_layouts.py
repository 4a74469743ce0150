"""DiffAM's diffusion models: the published networks' outputs, on the road from a user's file, and refusal of other
files.

The published weights cannot be had here. `golden/` holds each file's tensor names and shapes, and every eighth row and
column of what the published network answers when every tensor is filled from its own name.
"""

from __future__ import annotations

import math
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import UNet2DModel
from privacy_faces_makeup.diffusion.ddpm_layouts import CELEBA_HQ, MAKEUP, Layout, load_ddpm, recognize
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.weights.compare import WrongTensorsError
from privacy_faces.weights.manifest import weight
from privacy_faces.weights.state_dict import read_state_dict
from privacy_faces.weights.store import MissingWeightError, add, pull, verified
from tests.golden_files import filled_state, relative_error, shapes_of

GOLDEN = Path(__file__).with_name("golden")

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Case:
    """One published file: weight id, layout, golden files, and the step t and the channels of the golden output."""

    id: str
    layout: Layout
    golden: str
    t: int
    channels: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return shapes_of(self.golden, GOLDEN)

    @property
    def hollow(self) -> dict[str, Tensor]:
        """The published state dict without content: names and shapes only."""
        return {name: torch.empty(shape, device="meta") for name, shape in self.shapes.items()}

    @property
    def blank(self) -> dict[str, Tensor]:
        """The published state dict full of zeros, of one byte each, so that its file is small."""
        return {name: torch.zeros(shape, dtype=torch.uint8) for name, shape in self.shapes.items()}


CASES = (Case("ddpm-celeba-hq", CELEBA_HQ, "ddpm_celeba_hq", 37, 3), Case("ddpm-makeup", MAKEUP, "ddpm_makeup", 211, 6))
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test alone."""
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def added(case: Case, cache: Path) -> Iterator[Path]:
    """What `weights add` made of the published file, filled; nothing of its size stays on the disk."""
    published = cache.with_name(case.layout.file)
    torch.save(filled_state(case.golden, GOLDEN), published)
    done = CliRunner().invoke(main, ["weights", "add", case.id, str(published)])
    published.unlink()
    held = cache / case.id / f"{case.id}.safetensors"
    assert done.output == f"{case.id}: {held}\n"
    yield held
    shutil.rmtree(cache)


@each
def test_added_file_gives_the_published_output(case: Case, added: Path) -> None:
    assert verified(case.id) == (added,)
    tensors = read_state_dict(added)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == case.shapes  # kept as published
    assert sum(tensor.nbytes for tensor in tensors.values()) == weight(case.id).bytes
    network = load_ddpm(tensors)
    assert isinstance(network, UNet2DModel)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network.config["sample_size"] == 256
    given = torch.from_numpy(np.random.RandomState(0).uniform(-1, 1, (1, 3, 256, 256)).astype(np.float32))
    expected = torch.from_numpy(np.load(GOLDEN / f"{case.golden}.npy"))
    with torch.no_grad():
        found = network(given, torch.tensor([case.t])).sample
    assert found.shape == (1, case.channels, 256, 256)
    # An epsilon of the norms ten times too large or too small is an error of 1e-5.
    assert relative_error(found[..., ::8, ::8], expected) < 5e-6


@each
def test_every_tensor_has_its_place(case: Case) -> None:
    assert recognize(case.hollow) is case.layout
    case.layout.check(case.hollow)
    shapes = {name: tensor.shape for name, tensor in case.layout.build().state_dict().items()}
    converted = case.layout.convert({name: tensor.half() for name, tensor in case.hollow.items()})
    assert {name: tensor.shape for name, tensor in converted.items()} == shapes
    assert {tensor.dtype for tensor in converted.values()} == {torch.float32}
    assert sum(map(math.prod, shapes.values())) == sum(map(math.prod, case.shapes.values()))


@each
def test_missing_unknown_and_odd_tensors_are_named(case: Case) -> None:
    tensors = case.hollow
    names = list(tensors)
    del tensors[names[-1]]
    tensors |= {"epoch": torch.empty(1, device="meta")} | {
        f"extra.{number}": torch.empty(1, device="meta") for number in range(4)
    }
    tensors[names[0]] = torch.empty(2, 5, device="meta")
    count = len(case.shapes)
    with pytest.raises(WrongTensorsError) as error:
        load_ddpm(tensors)
    assert str(error.value) == (
        f"Expected the {count} tensors of {case.layout.file}, found {count + 4} tensors: 1 missing ({names[-1]}); 5 "
        "unknown (epoch, extra.0, extra.1, ...); "
        f"1 of another shape ({names[0]} (2, 5), expected {case.shapes[names[0]]})."
    )
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": torch.zeros(1)},
        {"conv_in.weight": torch.zeros(1), "a": torch.zeros(1), "b": torch.zeros(1), "c": torch.zeros(1)},
    ],
)
def test_unknown_layout(tensors: dict[str, Tensor]) -> None:
    with pytest.raises(
        WrongTensorsError,
        match=(
            r"Expected the tensors of celeba_hq\.ckpt \(.*'temb\.dense\.0\.weight'\) or makeup\.pt \(.*\), found \d "
            r"tensors"
        ),
    ) as error:
        load_ddpm(tensors)
    assert str(error.value).endswith(
        "found 1 tensors (a)." if len(tensors) == 1 else "found 4 tensors (conv_in.weight, a, b, ...)."
    )


@pytest.mark.parametrize(("case", "other"), [CASES, CASES[::-1]], ids=[case.id for case in CASES])
def test_add_refuses_the_other_file(tmp_path: Path, cache: Path, case: Case, other: Case) -> None:
    given = tmp_path / "given.pt"
    torch.save(other.blank, given)
    done = CliRunner().invoke(main, ["weights", "add", case.id, str(given)])
    assert done.exit_code == 2
    for part in (
        f"given.pt does not hold the weights '{case.id}'. Expected the {len(case.shapes)} tensors of "
        f"{case.layout.file}, found {len(other.shapes)} tensors: ",
        f"{len(case.shapes) - len(case.shapes.keys() & other.shapes.keys())} missing (",
        f"unknown ({next(iter(other.shapes))}, ",
    ):
        assert part in " ".join(done.output.split())
    assert not cache.exists()


@each
def test_add_refuses_a_part_and_a_nested_file(tmp_path: Path, cache: Path, case: Case) -> None:
    torch.save({case.layout.mark: torch.zeros(1)}, tmp_path / "part.pt")
    with pytest.raises(
        ValueError,
        match=(
            rf"part\.pt does not hold the weights '{case.id}'\. Expected .*missing.*1 of another shape \(.* \(1,\), "
            r"expected \(512, 128\)"
        ),
    ):
        add(case.id, tmp_path / "part.pt")
    torch.save({"model": case.blank, "step": 7}, tmp_path / "nested.pt")
    with pytest.raises(ValueError, match=r"found dict under 'model'.*write the inner dict of tensors alone"):
        add(case.id, tmp_path / "nested.pt")
    assert not cache.exists()


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@each
@pytest.mark.parametrize("form", ["torch", "torch-legacy", "pickle"])
def test_code_in_a_file_does_not_run(tmp_path: Path, cache: Path, case: Case, form: str) -> None:
    trace, evil = tmp_path / "it-ran", tmp_path / case.layout.file
    if form == "pickle":
        evil.write_bytes(pickle.dumps(Payload(trace), protocol=2))
    else:
        torch.save(case.blank | {"extra": Payload(trace)}, evil, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(
        ValueError, match="objects other than tensors, which are never loaded because they can run code"
    ):
        add(case.id, evil)
    assert not trace.exists()
    assert not cache.exists()


@pytest.mark.usefixtures("cache")
def test_missing_weights_say_where_they_are() -> None:
    with pytest.raises(
        MissingWeightError,
        match=(
            r"\(455 MB, none stated; CelebA-HQ .*Get them: privacy-faces weights pull ddpm-celeba-hq  \(or, with the "
            r"file"
        ),
    ):
        verified("ddpm-celeba-hq")
    with pytest.raises(
        MissingWeightError,
        match=r"\(374 MB, .*Get them: privacy-faces weights add ddpm-makeup FILE  \(with the file from .*/DiffAM\)$",
    ):
        verified("ddpm-makeup")
    with pytest.raises(
        ValueError,
        match=(
            r"no address .*With the file from https://github\.com/HansSunY/DiffAM: privacy-faces weights add "
            r"ddpm-makeup FILE"
        ),
    ):
        pull("ddpm-makeup")


def test_listing_weights_imports_no_network() -> None:
    code = (
        "import sys; from privacy_faces.weights.store import is_present; is_present('ddpm-makeup'); "
        "sys.exit(bool({'torch', 'diffusers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
