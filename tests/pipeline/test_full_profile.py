"""`--profile full` through the commands, offline, on models of the published classes, tiny and with random weights,
where downloads would have put them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from huggingface_hub import constants
from PIL import Image
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.config.plan import make_plan
from privacy_faces.models.lpips import alexnet
from privacy_faces.weights.manifest import weight
from tests import tiny_models
from tests.golden_files import filled_state
from tests.tiny_models import put_in_hub

pytestmark = pytest.mark.usefixtures("one_thread")

PIPELINE = "stable-diffusion-v1-5/stable-diffusion-inpainting"
COMMITS = {PIPELINE: "a" * 40}


def call(*args: object, code: int = 0) -> Result:
    """A command in this process, where torch is loaded already."""
    result = CliRunner().invoke(main, [*map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def random_alexnet() -> dict[str, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return alexnet().state_dict()


def offline(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Caches in a folder, and a hub's client that asks no network."""
    patch.setenv("PRIVACY_FACES_CACHE", str(folder / "cache"))
    patch.setenv("HF_HUB_OFFLINE", "1")
    patch.setattr(constants, "HF_HUB_OFFLINE", True)
    patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with empty caches."""
    offline(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine with everything that the profile full names: the hub's cache, and recognizer and LPIPS added by
    `weights add`."""
    folder = tmp_path_factory.mktemp("full")
    with pytest.MonkeyPatch.context() as patch:
        offline(patch, folder)
        models = {
            PIPELINE: tiny_models.inpainting_pipeline(folder),
        }
        for repository, model in models.items():
            put_in_hub(folder / "hub", model, repository, "main", COMMITS[repository])
        for weight_id, tensors in (("facenet-vggface2", filled_state("facenet")), ("lpips-alex", random_alexnet())):
            torch.save(tensors, folder / "file.pt")
            call("weights", "add", weight_id, folder / "file.pt")
        yield folder
    shutil.rmtree(folder)  # hundreds of megabytes


def anonymized(tmp_path: Path, *args: object) -> tuple[dict[str, Any], np.ndarray]:
    """The receipt and the picture of the sample photo."""
    done = json.loads(
        call(
            *("anonymize", "--profile", "full", "--receipts", "full", "--output", tmp_path / "out"),
            *("--device", "cpu", "--json", *args),
        ).stdout
    )
    assert (done["profile"], done["done"], done["failed"]) == ("full", 1, 0)
    receipt = json.loads((tmp_path / "out" / "astronaut.receipt.json").read_text())
    assert receipt == done["photos"][0]["receipt"]
    return receipt, np.asarray(Image.open(tmp_path / "out" / "astronaut.png"))


def commits(receipt: dict[str, Any]) -> dict[str, str]:
    return {
        record["id"].rpartition("/")[2]: record["revision"] for record in receipt["weights"] if "revision" in record
    }


def test_inpaint_gradcam(full: Path, tmp_path: Path, sample: np.ndarray) -> None:
    receipt, image = anonymized(tmp_path, "--method", "inpaint-gradcam", "--inpainter-steps", 2)
    inpainter = receipt["options"]["inpainter"]
    assert (inpainter["name"], inpainter["options"]["model"], inpainter["options"]["size"]) == (
        "stable-diffusion",
        PIPELINE,
        512,
    )
    assert receipt["options"]["frame_size"] == 512
    (face,) = receipt["faces"]
    assert {name: judged["role"] for name, judged in face["recognizers"].items()} == {
        "facenet": "surrogate",
        "dlib-resnet": "held-out",
    }
    used = {record["id"] for record in receipt["weights"]}
    networks = ("text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model")
    assert {f"{PIPELINE}/{name}.safetensors" for name in networks} | {"facenet-vggface2", "dlib-resnet"} <= used
    assert set(commits(receipt).values()) == {COMMITS[PIPELINE]}
    # Random weights paint noise: a quarter of the frame, and nothing outside.
    changed = (image != sample).any(2)
    assert 2000 < changed.sum() < 512 * 512 / 4


FACENET = (
    "The weights 'facenet-vggface2' (112 MB, MIT (code); VGGFace2 is for research) are not on this machine. "
    "Get them: privacy-faces weights pull facenet-vggface2  (or, with the file from "
    f"{weight('facenet-vggface2').origin}: privacy-faces weights add facenet-vggface2 FILE)"
)


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("inpaint-gradcam", ["stable-diffusion-inpainting"]),
    ],
)
def test_all_that_is_missing_is_told_before_any_work(
    empty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, missing: list[str]
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("a network was loaded, or a photo read")

    monkeypatch.setattr("privacy_faces.pipeline.anonymizer.Context", work)
    monkeypatch.setattr("privacy_faces.methods.context.Context.recognizer", work)
    monkeypatch.setattr("privacy_faces.pipeline.batch.Job.read", work)
    result = call("anonymize", "--profile", "full", "--method", method, "--output", tmp_path / "out", code=2)
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()
    lines = result.stderr[result.stderr.index("Error: ") + len("Error: ") :].splitlines()
    assert len(lines) == len(missing) + 1
    assert FACENET in lines
    for weight_id in missing:
        (line,) = [line for line in lines if line.startswith(f"The weights '{weight_id}' (")]
        assert f"are not on this machine. Get them: privacy-faces weights pull {weight_id}" in line


def test_a_plan_knows_its_weights() -> None:
    assert make_plan("blur").weights() == ["dlib-resnet"]
    assert make_plan("inpaint-gradcam").weights() == [
        "mobile-stylegan",
        "face-bank",
        "face-attributes",
        "dlib-resnet",
    ]
    # Random patches ask no surrogate, unless they grow until it no longer matches.
    patches: dict[str, Any] = {"inpainter": "classical", "surrogates": ["facenet"]}
    assert make_plan("inpaint-random", options=patches | {"fraction": 0.25}).weights() == ["dlib-resnet"]
    assert make_plan("inpaint-random", options=patches | {"fraction": "auto"}).weights() == [
        "facenet-vggface2",
        "dlib-resnet",
    ]
