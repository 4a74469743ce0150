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
from makeup_models import tiny_clip
from PIL import Image
from privacy_faces_makeup.diffusion.adapter import read_about
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.plan import make_plan
from privacy_faces.models.lpips import alexnet
from privacy_faces.weights.manifest import weight
from tests import tiny_models
from tests.golden_files import filled_state
from tests.tiny_models import put_in_hub

pytestmark = pytest.mark.usefixtures("one_thread")

DDPM, CLIP = "google/ddpm-celebahq-256", "someone/tiny-clip"
COMMITS = {DDPM: "b" * 40, CLIP: "c" * 40}
DIFFAM = Path(__file__).parents[3] / "configs" / "diffam.yaml"


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
            DDPM: tiny_models.ddpm(folder / "ddpm", tiny_models.unet(128, (8, 8, 8, 16))),
            CLIP: tiny_clip(folder / "clip"),
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


@pytest.mark.slow(reason="a whole photo with networks of the full profile's shapes")
def test_makeup(full: Path, tmp_path: Path, sample: np.ndarray) -> None:
    receipt, image = anonymized(tmp_path, "--method", "makeup", "--clip", CLIP, "--steps", 2, "--inversion-steps", 4)
    assert receipt["options"]["model"] == DDPM
    (face,) = receipt["faces"]
    assert (face["details"]["perceptual"], face["details"]["adapter"]) == ("lpips", "none")
    assert face["recognizers"]["facenet"]["role"] == "surrogate"
    assert commits(receipt) == {
        "diffusion_pytorch_model.safetensors": COMMITS[DDPM],
        "scheduler_config.json": COMMITS[DDPM],
        "open_clip_model.safetensors": COMMITS[CLIP],
    }
    assert "lpips-alex" in {record["id"] for record in receipt["weights"]}
    assert 500 < (image != sample).any(2).sum() < 512 * 512 / 4


def test_a_pinned_revision_and_a_folder(full: Path, tmp_path: Path) -> None:
    options = (
        "--method",
        "makeup",
        "--clip",
        full / "clip",
        "--perceptual",
        "ms-ssim",
        "--steps",
        0,
        "--inversion-steps",
        2,
        "--generation-steps",
        2,
    )
    receipt, _ = anonymized(tmp_path, *options, "--model", f"{DDPM}@{COMMITS[DDPM]}")
    assert commits(receipt) == {
        "diffusion_pytorch_model.safetensors": COMMITS[DDPM],
        "scheduler_config.json": COMMITS[DDPM],
    }
    assert f"{full / 'clip'}/open_clip_model.safetensors" in {record["id"] for record in receipt["weights"]}
    arguments = ("anonymize", "--profile", "full", "--output", tmp_path / "other", *options, "--model", f"{DDPM}@v2")
    assert "Get them: privacy-faces weights pull ddpm-celebahq-256@v2" in call(*arguments, code=2).stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.slow(reason="fine-tunes networks of the full profile's shapes")
def test_fine_tuning(full: Path, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / "people" / str(number)).mkdir(parents=True)
        shutil.copy(resource("assets/faces") / f"{number + 1:03}.png", tmp_path / "people" / str(number))
    schedule = ("--inversion-steps", 2, "--generation-steps", 2)
    networks = ("--model", DDPM, "--clip", CLIP, "--surrogates", "facenet", "--device", "cpu")
    passes = (
        "--images",
        1,
        "--rank",
        2,
        "--learning-rate",
        0.001,
        "--warmup-epochs",
        0,
        "--data",
        tmp_path / "people",
        "--output",
        tmp_path / "tuned",
    )
    config = tmp_path / "whole.yaml"
    config.write_text("finetune: {makeup-transfer: {recognizers: [{name: facenet, alignment: whole}]}}")
    call("finetune", "makeup-transfer", "--config", config, *networks, *schedule, *passes)
    adapter = tmp_path / "tuned" / "adapter.safetensors"
    assert (read_about(adapter).model, read_about(adapter).surrogates) == (DDPM, ["facenet"])
    receipt, _ = anonymized(
        tmp_path, "--method", "makeup", "--adapter", adapter, "--clip", CLIP, "--steps", 0, *schedule
    )
    assert receipt["faces"][0]["details"]["adapter"] == "adapter.safetensors"


FACENET = (
    "The weights 'facenet-vggface2' (112 MB, MIT (code); VGGFace2 is for research) are not on this machine. "
    "Get them: privacy-faces weights pull facenet-vggface2  (or, with the file from "
    f"{weight('facenet-vggface2').origin}: privacy-faces weights add facenet-vggface2 FILE)"
)


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("makeup", ["ddpm-celebahq-256", "clip-vit-b-16", "lpips-alex"]),
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


def test_finetune_names_what_is_missing(empty: None, tmp_path: Path) -> None:
    arguments = ("--config", DIFFAM, "--data", tmp_path, "--output", tmp_path / "out", "--device", "cpu")
    text = call("finetune", "makeup-transfer", *arguments, code=2).stderr
    for weight_id in ("ddpm-celeba-hq", "clip-vit-b-16", "lpips-alex", "irse50", "mobileface", "facenet-diffam"):
        assert f"The weights '{weight_id}' (" in text
    assert "ir152" not in text
    text = call("finetune", "makeup-removal", *arguments, code=2).stderr
    for weight_id in ("ddpm-makeup", "facenet-diffam"):
        assert f"The weights '{weight_id}' (" in text
    assert not (tmp_path / "out").exists()


def test_the_profile_states_what_differs() -> None:
    plan = make_plan("makeup", profile="full")
    assert (plan.options.model, plan.options.frame_size) == (DDPM, 512)
    assert (plan.options.surrogates, plan.run.recognizers[0].name) == (["facenet"], "facenet")
    assert make_plan("makeup").options.model == "face-diffusion-128"


def test_a_plan_knows_its_weights() -> None:
    assert make_plan("makeup").weights() == ["face-diffusion-128", "face-prior", "makeup-clip", "dlib-resnet"]
    # A surrogate has the options that the run gives it.
    plan = make_plan(None, config=DIFFAM)
    networks = ["ddpm-celeba-hq", "clip-vit-b-16", "lpips-alex"]
    assert plan.weights() == [*networks, "irse50", "mobileface", "facenet-diffam", "ir152"]
