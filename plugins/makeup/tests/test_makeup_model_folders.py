"""Models that users name themselves, as diffusers and open_clip store them: what is computed from them, and what is
refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from diffusers import DDIMScheduler
from huggingface_hub import constants
from makeup_models import tiny_clip
from privacy_faces_makeup.clip.folder import ClipError
from privacy_faces_makeup.diffusion.ddpm_folder import DdpmError
from privacy_faces_makeup.diffusion.denoiser import PlainDenoiser
from privacy_faces_makeup.loading import load_clip, load_denoiser
from privacy_faces_makeup.options import MakeupOptions
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate, normalize

from privacy_faces.config.files import sha256_of
from privacy_faces.config.options import OptionError
from privacy_faces.models.schedule import Schedule
from privacy_faces.weights.store import CorruptWeightError, MissingWeightError
from tests import tiny_models

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
T = torch.tensor([3, 500])


@pytest.fixture(scope="module")
def ddpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.ddpm(tmp_path_factory.mktemp("models") / "ddpm")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the model hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def edit(path: Path, **values: Any) -> None:
    """Change a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def noise(count: int = 2, size: int = 16) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


class TestDdpm:
    @torch.no_grad()
    def test_it_is_the_network_that_was_saved(self, ddpm: Path) -> None:
        denoiser, used = load_denoiser(str(ddpm), CPU)
        assert isinstance(denoiser, PlainDenoiser)
        assert (denoiser.size, denoiser.prediction) == (16, "epsilon")
        torch.testing.assert_close(
            denoiser.unet(noise(), T).sample, tiny_models.unet()(noise(), T).sample, atol=1e-5, rtol=0
        )
        assert not any(weight.requires_grad for weight in denoiser.parameters())
        files = ("unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json")
        assert used == [{"id": f"{ddpm}/{name}", "sha256": sha256_of(ddpm / name)} for name in files]
        torch.testing.assert_close(denoiser.schedule.alphas_bar, Schedule.linear().alphas_bar, atol=1e-6, rtol=1e-4)

    def test_files_beside_each_other(self, ddpm: Path, hub: Path, tmp_path: Path) -> None:
        flat = tmp_path / "flat"
        shutil.copytree(ddpm / "unet", flat)
        shutil.copy(ddpm / "scheduler" / "scheduler_config.json", flat)
        shutil.copy(flat / "diffusion_pytorch_model.safetensors", flat / "diffusion_pytorch_model.fp16.safetensors")
        tiny_models.put_in_hub(hub, flat, "someone/flat", "v2", "e" * 40)
        denoiser, used = load_denoiser("someone/flat@v2", CPU)
        assert [(record["id"], record["revision"]) for record in used] == [
            ("someone/flat/diffusion_pytorch_model.safetensors", "e" * 40),
            ("someone/flat/scheduler_config.json", "e" * 40),
        ]
        assert torch.equal(
            denoiser.unet.state_dict()["conv_in.weight"], tiny_models.unet().state_dict()["conv_in.weight"]
        )
        with pytest.raises(
            MissingWeightError,
            match=r"'someone/flat' \(revision main\) is neither .* Get it: hf download someone/flat --revision main$",
        ):
            load_denoiser("someone/flat", CPU)

    def test_the_betas_are_the_schedulers(self, tmp_path: Path) -> None:
        folder = tiny_models.ddpm(tmp_path / "ddpm", beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
        denoiser, _ = load_denoiser(str(folder), CPU)
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        torch.testing.assert_close(denoiser.schedule.alphas_bar.double(), (1 - betas).cumprod(0), atol=1e-5, rtol=0)

    @torch.no_grad()
    def test_a_velocity_is_taken_as_one(self, tmp_path: Path) -> None:
        denoiser, _ = load_denoiser(str(tiny_models.ddpm(tmp_path / "ddpm", prediction_type="v_prediction")), CPU)
        velocity = denoiser.velocity(noise(), T, denoiser.condition(noise()))
        torch.testing.assert_close(velocity, tiny_models.unet()(noise(), T).sample, atol=1e-5, rtol=0)

    @torch.no_grad()
    @pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
    def test_generation_is_diffusers_ddim(self, tmp_path: Path, prediction: str) -> None:
        folder = tiny_models.ddpm(tmp_path / "ddpm", prediction_type=prediction)
        denoiser, _ = load_denoiser(str(folder), CPU)
        scheduler = DDIMScheduler(prediction_type=prediction, clip_sample=False)
        scheduler.num_inference_steps = 50  # the distance from a step to the one before: 20
        x, network = noise(), tiny_models.unet()
        for t in (40, 20):
            x = scheduler.step(network(x, t).sample, t, x).prev_sample
        # Ours ends with a step from 0 to the frame.
        alpha, sigma = denoiser.schedule.at(torch.tensor([0]))
        answer = network(x, 0).sample
        x = (x - sigma * answer) / alpha if prediction == "epsilon" else alpha * x - sigma * answer
        made = denoiser(noise(), denoiser.condition(noise()), 40, 3)
        torch.testing.assert_close(made, (x + 1) / 2, atol=1e-5, rtol=0)

    @pytest.mark.parametrize(
        ("file", "values", "message"),
        [
            ("unet/config.json", {"_class_name": "UNet2DConditionModel"}, r"found _class_name 'UNet2DConditionModel'"),
            ("unet/config.json", {"in_channels": 4, "sample_size": None}, r"found in_channels 4, sample_size None"),
            ("unet/config.json", {"num_class_embeds": 10}, r"found num_class_embeds 10"),
            (
                "scheduler/scheduler_config.json",
                {"prediction_type": "sample"},
                r"predicts epsilon or v_prediction at .*, found 1000 steps and sample",
            ),
            (
                "scheduler/scheduler_config.json",
                {"num_train_timesteps": 500},
                r"Expected a schedule of 1000 steps .*, found 500 steps and epsilon",
            ),
        ],
    )
    def test_other_models_are_refused(
        self, ddpm: Path, tmp_path: Path, file: str, values: dict[str, Any], message: str
    ) -> None:
        folder = shutil.copytree(ddpm, tmp_path / "copy")
        edit(folder / file, **values)
        with pytest.raises(DdpmError, match=message):
            load_denoiser(str(folder), CPU)

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(
            DdpmError,
            match=(
                r"unet/config\.json and "
                r"scheduler/scheduler_config\.json.*Write one with DDPMPipeline\.save_pretrained"
            ),
        ):
            load_denoiser(str(tmp_path), CPU)

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda path: path.unlink(), "safetensors"),
            (lambda path: torch.save(load_file(path), path.with_suffix(".bin")) or path.unlink(), "safetensors"),
            (lambda path: path.write_bytes(path.read_bytes()[:500]), ""),
            (
                lambda path: save_file({k: v for k, v in load_file(path).items() if k != "conv_in.bias"}, path),
                r"1 missing \(conv_in\.bias\)",
            ),
            (lambda path: save_file(load_file(path) | {"more": torch.zeros(1)}, path), r"1 unknown \(more\)"),
            (lambda path: save_file(load_file(path) | {"conv_in.bias": torch.zeros(3)}, path), r"conv_in\.bias"),
        ],
        ids=["gone", "pickled", "cut", "lacking", "more", "shape"],
    )
    def test_damage_is_told(
        self, ddpm: Path, tmp_path: Path, hub: Path, damage: Callable[[Path], Any], message: str
    ) -> None:
        folder = tiny_models.put_in_hub(hub, ddpm, "google/ddpm-celebahq-256", "main", "f" * 40)
        damage(folder / "unet" / "diffusion_pytorch_model.safetensors")
        with pytest.raises(
            CorruptWeightError,
            match=(
                r"(?s)incomplete or damaged; .* Get it again: privacy-faces weights pull ddpm-celebahq-256  "
                rf".*{message}"
            ),
        ):
            load_denoiser("google/ddpm-celebahq-256", CPU)


class TestClip:
    @torch.no_grad()
    def test_it_is_the_network_that_was_saved(self, clip: Path) -> None:
        model, used = load_clip(str(clip), CPU)
        assert used == [
            {"id": f"{clip}/open_clip_model.safetensors", "sha256": sha256_of(clip / "open_clip_model.safetensors")}
        ]
        network = open_clip.create_model(f"local-dir:{clip}")  # open_clip's own way to read it
        tokens = open_clip.get_tokenizer(f"local-dir:{clip}")(["face with makeup"])
        torch.testing.assert_close(model.embed_texts(["face with makeup"]), network.encode_text(tokens, normalize=True))
        frames = noise(size=48).sigmoid()
        small = interpolate(frames, (32, 32), mode="bilinear", antialias=True)
        torch.testing.assert_close(
            model.embed_images(frames), normalize(network.encode_image((small - 0.5) / 0.25), dim=1)
        )
        assert not any(weight.requires_grad for weight in model.parameters())

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ({"hf_tokenizer_name": "xlm-roberta-base"}, "Found hf_tokenizer_name: 'xlm-roberta-base'"),
            ({"vocab_size": 100}, "49408 tokens at .*, found one of 100"),
            ({"depth": 3}, "under model_cfg: .*depth"),
        ],
    )
    def test_other_models_are_refused(self, clip: Path, tmp_path: Path, text: dict[str, Any], message: str) -> None:
        folder = shutil.copytree(clip, tmp_path / "copy")
        config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
        edit(folder / "open_clip_config.json", model_cfg=config | {"text_cfg": config["text_cfg"] | text})
        with pytest.raises(ClipError, match=message):
            load_clip(str(folder), CPU)

    def test_incomplete_folders(self, clip: Path, tmp_path: Path) -> None:
        with pytest.raises(ClipError, match=r"Expected an open_clip model at .*Found: nothing\."):
            load_clip(str(tmp_path), CPU)
        shutil.copy(clip / "open_clip_config.json", tmp_path)
        (tmp_path / "open_clip_pytorch_model.bin").touch()
        with pytest.raises(
            ClipError,
            match=r"open_clip_model\.safetensors.*Found: open_clip_config\.json, open_clip_pytorch_model\.bin\.",
        ):
            load_clip(str(tmp_path), CPU)
        (tmp_path / "open_clip_config.json").write_text("[]")
        (tmp_path / "open_clip_model.safetensors").touch()
        with pytest.raises(ClipError, match="under model_cfg"):
            load_clip(str(tmp_path), CPU)

    def test_tensors_of_another_model(self, clip: Path, hub: Path) -> None:
        folder = tiny_models.put_in_hub(hub, clip, "someone/clip", "main", "f" * 40)
        tensors = load_file(folder / "open_clip_model.safetensors")
        save_file(
            tensors | {"ln_final.weight": torch.zeros(3), "more": torch.zeros(1)},
            folder / "open_clip_model.safetensors",
        )
        with pytest.raises(
            CorruptWeightError,
            match=r"Get it again: hf download someone/clip --revision main .*1 unknown \(more\); 1 of another shape",
        ):
            load_clip("someone/clip", CPU)


@pytest.mark.parametrize(
    ("option", "known"),
    [("model", "face-diffusion-128, ddpm-celeba-hq, ddpm-makeup"), ("clip", "makeup-clip, clip-vit-b-16")],
)
@pytest.mark.parametrize("name", ["ddpm", "a/b/c", "a b/c", "google/ddpm@", "/nowhere/at/all"])
def test_names_that_can_be_no_model(option: str, known: str, name: str) -> None:
    with pytest.raises(OptionError) as error:
        MakeupOptions.validated({option: name}, "M")
    hubs = "a folder, or a repository of the model hub (OWNER/NAME, OWNER/NAME@REVISION)"
    assert str(error.value) == f"option '{option}' of M: expected {known}, {hubs}, got '{name}'"
