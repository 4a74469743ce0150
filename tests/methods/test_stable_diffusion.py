"""The inpainter `stable-diffusion` on a pipeline of the real classes, tiny and with random weights."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

import privacy_faces
from privacy_faces.config.registry import INPAINTERS
from privacy_faces.methods.context import Context
from privacy_faces.methods.inpainting.inpainters.stable_diffusion import StableDiffusion
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.faces import Face
from privacy_faces.weights.manifest import weight
from privacy_faces.weights.store import CorruptWeightError, MissingWeightError, is_present
from tests.tiny_models import inpainting_pipeline, put_in_hub

DEFAULT = "stable-diffusion-v1-5/stable-diffusion-inpainting"
SETTINGS = {"size": 64, "steps": 2}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline of Stable Diffusion 1.5 inpainting."""
    return inpainting_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the model hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def build(model: Path | str, **options: object) -> StableDiffusion:
    inpainter = INPAINTERS.build("stable-diffusion", {"model": str(model)} | SETTINGS | options, Context("cpu"))
    assert isinstance(inpainter, StableDiffusion)
    return inpainter


@pytest.fixture(scope="module")
def inpainter(model: Path) -> StableDiffusion:
    return build(model)


@pytest.fixture(scope="module")
def frames(sample: np.ndarray, sample_face: Face) -> Tensor:
    """The sample face and its mirror image (2, 3, 64, 64)."""
    frame = torch.from_numpy(sample_face.frame(sample, 64)).permute(2, 0, 1)
    return torch.stack([frame, frame.flip(2)])


@pytest.fixture(scope="module")
def masks() -> Tensor:
    """One hole in the first frame, two in the second (2, 1, 64, 64)."""
    masks = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    masks[0, :, 20:45, 13:50] = True
    masks[1, :, 8:24, 8:24] = True
    masks[1, :, 33:60, 21:40] = True
    return masks


def faces(frames: Tensor, *seeds: int) -> FrameBatch:
    """A batch of frames; this inpainter reads neither landmarks nor regions."""
    return FrameBatch(frames, torch.zeros(len(frames), 68, 2), {}, seeds)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_the_hole_changes(inpainter: StableDiffusion, frames: Tensor, masks: Tensor) -> None:
    filled = inpainter(faces(frames, 1, 2), masks)
    assert filled.shape == frames.shape
    assert filled.dtype == torch.float32
    assert 0 <= float(filled.min()) <= float(filled.max()) <= 1
    holes = masks.expand_as(frames)
    assert torch.equal(filled[~holes], frames[~holes])
    changes = (filled - frames).abs()[holes]
    assert float((changes > 0).float().mean()) > 0.99
    assert float(changes.mean()) > 0.1  # random weights paint noise, which is far from any face


def test_same_seed_same_picture(inpainter: StableDiffusion, frames: Tensor, masks: Tensor) -> None:
    first = inpainter(faces(frames, 1, 2), masks)
    assert torch.equal(inpainter(faces(frames, 1, 2), masks), first)
    other = inpainter(faces(frames, 1, 3), masks)
    assert float((other - first)[0].abs().max()) <= 2 / 255
    assert float((other - first)[1][masks[1].expand(3, -1, -1)].abs().mean()) > 0.02


def test_alone_and_in_a_batch(inpainter: StableDiffusion, frames: Tensor, masks: Tensor) -> None:
    both = inpainter(faces(frames, 1, 2), masks)
    for index, seed in enumerate((1, 2)):
        alone = inpainter(faces(frames[index : index + 1], seed), masks[index : index + 1])
        assert float((alone[0] - both[index]).abs().max()) <= 2 / 255


def test_strength_one_forgets_what_was_there(
    model: Path, inpainter: StableDiffusion, frames: Tensor, masks: Tensor
) -> None:
    blank = frames.masked_fill(masks, 0.5)
    holes = masks.expand_as(frames)
    assert torch.equal(inpainter(faces(blank, 1, 2), masks)[holes], inpainter(faces(frames, 1, 2), masks)[holes])
    weaker = build(model, strength=0.5)
    assert not torch.equal(weaker(faces(blank, 1, 2), masks)[holes], weaker(faces(frames, 1, 2), masks)[holes])


def test_specks_of_the_mask_are_hidden_on_a_coarser_grid(inpainter: StableDiffusion, frames: Tensor) -> None:
    # One pixel of each 4 x 4 block of the frame, in every second block: at 64 pixels the pipeline must hide the blocks'
    # whole cells.
    large = torch.nn.functional.interpolate(frames[:1], (256, 256), mode="bilinear")
    specks, blocks = (torch.zeros(1, 1, 256, 256, dtype=torch.bool) for _ in range(2))
    specks[..., 81:180:8, 65:190:8] = True
    for row in range(4):
        for column in range(4):
            blocks[..., 80 + row : 180 : 8, 64 + column : 190 : 8] = True
    assert int(blocks.sum()) == 16 * int(specks.sum())
    assert torch.equal(inpainter.fill(faces(large, 1), specks), inpainter.fill(faces(large, 1), blocks))


def test_xl(tmp_path: Path, hub: Path, frames: Tensor, masks: Tensor) -> None:
    repository = weight("stable-diffusion-xl-inpainting").origin
    with pytest.raises(
        MissingWeightError,
        match=(
            r"'stable-diffusion-xl-inpainting' \(13880 MB, .* privacy-faces weights pull "
            r"stable-diffusion-xl-inpainting$"
        ),
    ):
        build(repository)
    put_in_hub(hub, inpainting_pipeline(tmp_path, large=True), repository, "main", "e" * 40)
    inpainter = build(repository)
    assert type(inpainter.pipeline).__name__ == "StableDiffusionXLInpaintPipeline"
    filled = inpainter(faces(frames, 1, 2), masks)
    holes = masks.expand_as(frames)
    assert torch.equal(filled[~holes], frames[~holes])
    assert float((filled - frames).abs()[holes].mean()) > 0.05
    networks = (
        "text_encoder/model",
        "text_encoder_2/model",
        "unet/diffusion_pytorch_model",
        "vae/diffusion_pytorch_model",
    )
    assert [record["id"] for record in inpainter.weight_records] == [
        f"{repository}/{name}.safetensors" for name in networks
    ]


def test_options_reach_the_pipeline(model: Path, inpainter: StableDiffusion, frames: Tensor, masks: Tensor) -> None:
    base = inpainter(faces(frames, 1, 2), masks)
    # Guidance compares the prompt with the empty one: it tells only where there is a prompt.
    prompted = build(model, prompt="face")(faces(frames, 1, 2), masks)
    for option, other in (
        ({"steps": 3}, base),
        ({"size": 128}, base),
        ({"prompt": "face"}, base),
        ({"prompt": "face", "guidance": 1.0}, prompted),
    ):
        assert float((build(model, **option)(faces(frames, 1, 2), masks) - other).abs().max()) > 1e-3, option
    halved = build(model, dtype="bfloat16")
    assert (
        halved.pipeline.unet.dtype == halved.pipeline.vae.dtype == halved.pipeline.text_encoder.dtype == torch.bfloat16
    )
    assert inpainter.pipeline.unet.dtype == torch.float32
    filled = halved(faces(frames, 1, 2), masks)
    assert filled.dtype == torch.float32
    assert torch.equal(filled[~masks.expand_as(frames)], frames[~masks.expand_as(frames)])


def test_weight_records_list_what_was_loaded(model: Path, inpainter: StableDiffusion) -> None:
    loaded = [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert inpainter.weight_records == [{"id": f"{model}/{name}", "sha256": digest(model / name)} for name in loaded]


def test_model_in_the_hubs_cache(hub: Path, model: Path) -> None:
    snapshot = put_in_hub(hub, model, "someone/tiny", "v2", "b" * 40)
    # As published repositories have them: a half-precision copy, and a safety checker, which is neither downloaded nor
    # loaded.
    shutil.copy(
        snapshot / "unet" / "diffusion_pytorch_model.safetensors",
        snapshot / "unet" / "diffusion_pytorch_model.fp16.safetensors",
    )
    index = json.loads((snapshot / "model_index.json").read_text())
    index |= {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "requires_safety_checker": True}
    (snapshot / "model_index.json").write_text(json.dumps(index))
    for revision in ("v2", "b" * 40):
        found = build("someone/tiny", revision=revision)
        assert found.pipeline.safety_checker is None
        assert {record["revision"] for record in found.weight_records} == {"b" * 40}
        assert [record["id"] for record in found.weight_records] == [
            "someone/tiny/text_encoder/model.safetensors",
            "someone/tiny/unet/diffusion_pytorch_model.safetensors",
            "someone/tiny/vae/diffusion_pytorch_model.safetensors",
        ]
    with pytest.raises(
        MissingWeightError,
        match=r"'someone/tiny' \(revision main\) is neither.* hf download someone/tiny --revision main$",
    ):
        build("someone/tiny")


def test_missing_weights_say_what_where_and_how(hub: Path) -> None:
    assert not is_present("stable-diffusion-inpainting")
    with pytest.raises(MissingWeightError) as error:
        INPAINTERS.build("stable-diffusion", None, Context("cpu"))
    size = f"{weight('stable-diffusion-inpainting').bytes / 1e6:.0f} MB"
    assert str(error.value) == (
        f"The weights 'stable-diffusion-inpainting' ({size}, CreativeML Open RAIL-M) are not on this machine. "
        "Get them: privacy-faces weights pull stable-diffusion-inpainting"
    )


def test_revision_reaches_the_message(hub: Path, model: Path) -> None:
    put_in_hub(hub, model, DEFAULT, "main", "c" * 40)
    assert is_present("stable-diffusion-inpainting")
    assert build(DEFAULT).weight_records[0]["id"].startswith(DEFAULT)
    with pytest.raises(
        MissingWeightError, match=r"Get them: privacy-faces weights pull stable-diffusion-inpainting@v3$"
    ):
        build(DEFAULT, revision="v3")


def test_folder_that_is_no_pipeline(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"folder with model_index\.json\) at .*Write one with pipeline\.save_pretrained"
    ) as error:
        build(tmp_path)
    assert str(tmp_path) in str(error.value)
    with pytest.raises(
        MissingWeightError, match=r"nowhere' .*is neither a folder nor in the hub's cache on this machine"
    ):
        build(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["gone", "cut", "index", "tensor", "shape"])
def test_incomplete_and_damaged_pipelines(tmp_path: Path, hub: Path, model: Path, damage: str) -> None:
    def spoil(folder: Path) -> None:
        unet = folder / "unet" / "diffusion_pytorch_model.safetensors"
        if damage == "gone":
            unet.unlink()
        elif damage == "cut":
            unet.write_bytes(unet.read_bytes()[:1000])
        elif damage in ("tensor", "shape"):
            tensors = load_file(unet)
            kept = tensors.pop("conv_in.bias")
            save_file(
                tensors | ({"conv_in.bias": kept[:3].clone()} if damage == "shape" else {}),
                unet,
                metadata={"format": "pt"},
            )
        else:
            (folder / "model_index.json").write_text("{")

    spoil(shutil.copytree(model, tmp_path / "copy"))
    with pytest.raises(
        CorruptWeightError, match=r"copy is incomplete or damaged; .* Get it again: pipeline\.save_pretrained"
    ):
        build(tmp_path / "copy")
    spoil(put_in_hub(hub, model, DEFAULT, "main", "d" * 40))
    with pytest.raises(
        CorruptWeightError,
        match=r"is incomplete or damaged; .* Get it again: privacy-faces weights pull stable-diffusion-inpainting",
    ):
        build(DEFAULT)


def run_options(model: Path) -> dict[str, object]:
    return {"method": "inpaint-random", "inpainter": {"name": "stable-diffusion", "model": str(model)} | SETTINGS}


@pytest.fixture(scope="module")
def result(
    tmp_path_factory: pytest.TempPathFactory, model: Path, sample: np.ndarray
) -> tuple[privacy_faces.Result, Path]:
    """The sample photo through the Python API with seed 5, and its output folder."""
    folder = tmp_path_factory.mktemp("api")
    Image.fromarray(sample).save(folder / "astronaut.png")
    run = {"seed": 5, "save_masks": True, "device": "cpu"}
    return privacy_faces.anonymize(
        folder / "astronaut.png", **run_options(model), output=folder / "out", run=run
    ), folder / "out"


def test_api_changes_the_hole_and_nothing_else(
    result: tuple[privacy_faces.Result, Path], model: Path, sample: np.ndarray
) -> None:
    done, output = result
    image = np.asarray(done.image)
    hole = np.asarray(Image.open(output.with_name(f"{output.name}.masks") / "astronaut.mask.png")) > 0
    assert image.shape == (512, 512, 3)
    assert 1000 < int(hole.sum()) < 512 * 512 / 4
    assert np.array_equal(image[~hole], sample[~hole])
    assert float((image != sample).any(2)[hole].mean()) > 0.95
    (face,) = done.receipt.faces
    assert face.details["mask_fraction"] > 0.1
    used = {record.id: record.sha256 for record in done.receipt.weights}
    for name in (
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ):
        assert used[f"{model}/{name}"] == digest(model / name)
    assert done.receipt.options["inpainter"]["options"]["steps"] == 2


def test_api_repeats_itself_on_an_array(
    result: tuple[privacy_faces.Result, Path], model: Path, sample: np.ndarray
) -> None:
    again = privacy_faces.anonymize(sample, **run_options(model), run={"seed": 5, "device": "cpu"})
    assert np.array_equal(np.asarray(again.image), np.asarray(result[0].image))


@pytest.mark.slow(reason="a whole run in its own process, which imports torch and diffusers anew")
def test_command_gives_what_the_api_gives(
    tmp_path: Path, result: tuple[privacy_faces.Result, Path], model: Path
) -> None:
    command = [
        *(
            Path(sys.executable).with_name("privacy-faces"),
            "anonymize",
            "--method",
            "inpaint-random",
            "--output",
            tmp_path / "out",
            "--json",
        ),
        *(
            "--inpainter",
            "stable-diffusion",
            "--inpainter-model",
            model,
            "--inpainter-steps",
            "2",
            "--inpainter-size",
            "64",
        ),
        *("--seed", "5", "--device", "cpu"),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)  # stdout holds the one object, whatever diffusers prints while it loads and paints
    assert (report["done"], report["failed"]) == (1, 0)
    assert report["options"]["inpainter"] == {
        "name": "stable-diffusion",
        "options": {
            "model": str(model),
            "revision": "main",
            "dtype": "auto",
            "size": 64,
            "steps": 2,
            "guidance": 7.5,
            "prompt": "",
            "strength": 1.0,
        },
    }
    assert report["photos"][0]["receipt"]["weights"] == [record.model_dump() for record in result[0].receipt.weights]
    painted = np.asarray(Image.open(tmp_path / "out" / "astronaut.png")).astype(int)
    assert np.abs(painted - np.asarray(result[0].image).astype(int)).max() <= 2
