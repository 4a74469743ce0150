"""Fine-tuning on a folder of photos: what it writes, that a stopped run ends the same, what it refuses, and its
commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from click.testing import CliRunner, Result
from PIL import Image
from privacy_faces_makeup.diffusion.adapter import About, load, read_about
from privacy_faces_makeup.diffusion.latents import latents_of
from privacy_faces_makeup.finetune.removal import finetune_removal
from privacy_faces_makeup.finetune.transfer import finetune_transfer
from privacy_faces_makeup.loading import load_denoiser
from privacy_faces_makeup.options import RemovalFinetuneOptions, TransferFinetuneOptions
from safetensors.torch import load_file
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.datasets.folder import DatasetError
from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of
from privacy_faces.training.trainer import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")

# Four photos, two at a time, in one pass without the adversarial loss and one with it.
TINY: dict[str, Any] = {
    "images": 4,
    "batch": 2,
    "rank": 2,
    "learning_rate": 1e-3,
    "save_every": 2,
    "inversion_steps": 2,
    "generation_steps": 2,
    "device": "cpu",
}
EPOCHS = {"warmup_epochs": 1, "adversarial_epochs": 1}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five synthetic people, the first of whom is left out of training."""
    root = tmp_path_factory.mktemp("people")
    for number in range(5):
        (root / f"person-{number}").mkdir()
        shutil.copy(resource("assets/faces") / f"{number + 1:03}.png", root / f"person-{number}" / "photo.png")
    return root


def transfer_options(people: Path, output: Path, **values: Any) -> TransferFinetuneOptions:
    return TransferFinetuneOptions(**{"data": people, "output": output} | TINY | EPOCHS | values)


@pytest.fixture(scope="module")
def transfer(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run."""
    folder = tmp_path_factory.mktemp("transfer") / "out"
    assert finetune_transfer(transfer_options(people, folder)) == folder / "adapter.safetensors"
    return folder


def stopping(steps: int, after: int) -> Callable[[Any], Iterator[Any]]:
    """Progress that interrupts a run of so many steps after a number of them."""

    def progress(items: Any) -> Iterator[Any]:
        for place, item in enumerate(items):
            if items == range(steps) and place == after:
                raise KeyboardInterrupt
            yield item

    return progress


def curves(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text(encoding="utf-8").splitlines()]


def images(folder: Path, size: int) -> list[str]:
    """Names of the sample grids, each of one person before and after."""
    for path in (folder / "samples").iterdir():
        with Image.open(path) as image:
            assert image.size == (size, 2 * size)
    return sorted(path.name for path in (folder / "samples").iterdir())


class TestTransfer:
    def test_files(self, transfer: Path) -> None:
        names = {path.name for path in transfer.iterdir()}
        assert names == {
            "adapter.safetensors",
            "checkpoint.safetensors",
            "latents",
            "losses.jsonl",
            "portraits.safetensors",
            "samples",
        }
        assert images(transfer, 128) == ["000002.png", "000004.png"]
        assert len(list((transfer / "latents").glob("*.safetensors"))) == 4

    def test_losses_are_named_and_the_last_pass_is_adversarial(self, transfer: Path) -> None:
        lines = curves(transfer)
        assert [(line["step"], line["pass"]) for line in lines] == [(0, 0), (1, 0), (2, 1), (3, 1)]
        quiet = {"step", "pass", "histogram", "direction", "similarity", "l1"}
        assert [set(line) for line in lines] == [quiet, quiet, quiet | {"adversarial"}, quiet | {"adversarial"}]
        # Nothing is changed yet: no perceptual difference, and a direction of no agreement, 15 log 2.
        assert lines[0]["l1"] == pytest.approx(0, abs=1e-5)
        assert lines[0]["similarity"] == pytest.approx(0, abs=1e-5)
        assert lines[0]["direction"] == pytest.approx(10.397, abs=2e-3)
        assert lines[3]["l1"] > 0.01

    @pytest.mark.slow(reason="bfloat16 is emulated on most CPUs: two to four minutes")
    def test_bfloat16_and_frugal_take_the_same_way(self, people: Path, transfer: Path, tmp_path: Path) -> None:
        # accelerate keeps the first precision of a process.
        AcceleratorState._reset_state(reset_partial_state=True)
        try:
            finetune_transfer(transfer_options(people, tmp_path, precision="bf16", activation_checkpointing=True))
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)
        for line, exact in zip(curves(tmp_path), curves(transfer), strict=True):
            assert line.keys() == exact.keys()
            assert line["histogram"] == pytest.approx(exact["histogram"], rel=0.02)
            # What rounding changes of a face is less than a gray level, but CLIP is asked which way it went, and hardly
            # anything has changed yet.
            assert line["l1"] == pytest.approx(exact["l1"], abs=300 * 0.5 / 255, rel=0.02)
            assert line["direction"] == pytest.approx(exact["direction"], rel=0.25)
        assert (tmp_path / "adapter.safetensors").read_bytes() != (transfer / "adapter.safetensors").read_bytes()

    def test_adapter_says_what_it_is(self, transfer: Path) -> None:
        about = read_about(transfer / "adapter.safetensors")
        assert about == About("face-diffusion-128", "XMY-060", 2, "both", "000", ["dlib-resnet"], 60, 2, 2, 4)
        tensors = load_file(transfer / "adapter.safetensors")
        assert all(value.isfinite().all() for value in tensors.values())
        assert all(value.any() for value in tensors.values()), "all layers were trained"

    def test_adapter_changes_what_the_model_generates(
        self, transfer: Path, sample: np.ndarray, sample_face: Face
    ) -> None:
        denoiser, _ = load_denoiser("face-diffusion-128", torch.device("cpu"))
        latents = latents_of(denoiser, batch_of([sample], [sample_face], 128, [0]).frames, 60, 2, 2)
        load(denoiser.unet, transfer / "adapter.safetensors")
        with torch.no_grad():
            change = denoiser(latents.noisy, latents.condition, 60, 2) - latents.plain
        # Four steps at a thousandth: little, everywhere.
        assert 1e-5 < change.abs().mean() < 1e-2

    @pytest.fixture(scope="class")
    @staticmethod
    def stopped(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The folder of a run that was interrupted a step after its checkpoint, and then went on."""
        folder = tmp_path_factory.mktemp("stopped")
        options = transfer_options(people, folder)
        with pytest.raises(KeyboardInterrupt):
            finetune_transfer(options, stopping(4, 3))
        assert not (folder / "adapter.safetensors").exists()
        assert images(folder, 128) == ["000002.png"]
        shown: list[Any] = []
        finetune_transfer(options, lambda items: shown.append(items) or items)
        assert shown[-1] == range(2, 4), "from the checkpoint on"
        assert not any(isinstance(items, list) for items in shown), "no photo is searched again"
        return folder

    def test_a_stopped_run_goes_on_to_the_same_adapter(self, transfer: Path, stopped: Path) -> None:
        assert (stopped / "adapter.safetensors").read_bytes() == (transfer / "adapter.safetensors").read_bytes()
        ours, theirs = (load_file(folder / "checkpoint.safetensors") for folder in (stopped, transfer))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())

    def test_a_stopped_run_goes_on_with_the_same_curves(self, transfer: Path, stopped: Path) -> None:
        """Each step once, though one of them was taken twice."""
        assert curves(stopped) == curves(transfer)

    def test_a_finished_run_is_left_as_it_is(self, transfer: Path, people: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(transfer, tmp_path / "out"))
        finetune_transfer(transfer_options(people, folder))
        assert (folder / "adapter.safetensors").read_bytes() == (transfer / "adapter.safetensors").read_bytes()
        assert curves(folder) == curves(transfer)

    @pytest.mark.parametrize("change", [{"ref": "classic-red"}, {"target": "005"}])
    def test_a_checkpoint_of_another_run_is_refused(
        self, transfer: Path, people: Path, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        folder = Path(shutil.copytree(transfer, tmp_path / "out"))
        with pytest.raises(TrainingError, match="checkpoint"):
            finetune_transfer(transfer_options(people, folder, **change))
        assert (folder / "adapter.safetensors").read_bytes() == (transfer / "adapter.safetensors").read_bytes()

    def test_a_checkpoint_of_a_removal_is_refused(self, transfer: Path, people: Path, tmp_path: Path) -> None:
        """Both commands write to outputs/finetune unless they are told otherwise."""
        folder = Path(shutil.copytree(transfer, tmp_path / "out"))
        with pytest.raises(TrainingError, match="checkpoint"):
            finetune_removal(removal_options(people, folder))

    def test_a_checkpoint_of_another_rank_is_refused(self, transfer: Path, people: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(transfer, tmp_path / "out"))
        with pytest.raises(
            TrainingError, match=r"checkpoint\.safetensors is of another (network|run).*Train into an empty folder"
        ):
            finetune_transfer(transfer_options(people, folder, rank=3))

    def test_late_weights_and_terms_without_weight(self, people: Path, transfer: Path, tmp_path: Path) -> None:
        """Of one photo, the same in both passes; a rate so small that only the weights change."""
        shutil.copytree(transfer / "latents", tmp_path / "latents")
        shutil.copy(transfer / "portraits.safetensors", tmp_path)
        values = {
            "images": 1,
            "batch": 1,
            "learning_rate": 1e-12,
            "adversarial": 0.0,
            "similarity": 0.0,
            "adversarial_histogram": 2.5,
            "adversarial_direction": 3.0,
        }
        finetune_transfer(transfer_options(people, tmp_path, **values))
        before, after = curves(tmp_path)
        assert set(before) == set(after) == {"step", "pass", "histogram", "direction", "l1"}
        assert after["histogram"] / before["histogram"] == pytest.approx(2.5, rel=1e-4)
        assert after["direction"] / before["direction"] == pytest.approx(0.2, rel=1e-4)

    def test_rank_zero_trains_all_weights(self, people: Path, transfer: Path, tmp_path: Path) -> None:
        shutil.copytree(transfer / "latents", tmp_path / "latents")
        shutil.copy(transfer / "portraits.safetensors", tmp_path)
        path = finetune_transfer(
            transfer_options(
                people,
                tmp_path,
                rank=0,
                images=1,
                batch=1,
                adversarial_epochs=0,
                learning_rate=1e-4,
                activation_checkpointing=True,
            )
        )
        assert path == tmp_path / "weights.safetensors"
        assert not (tmp_path / "adapter.safetensors").exists()
        original, trained = (load_denoiser("face-diffusion-128", torch.device("cpu"))[0].unet for _ in range(2))
        assert load(trained, path) == About("face-diffusion-128", "XMY-060", 0, "", "", [], 60, 2, 2, 1), (
            "no goal without an adversarial pass"
        )
        names = dict(original.named_parameters())
        moves = {name: float((weight - names[name]).abs().max()) for name, weight in trained.named_parameters()}
        # The first step of Adam is the rate, whichever way.
        assert max(moves.values()) == pytest.approx(1e-4, rel=0.05)
        assert sum(move > 5e-5 for move in moves.values()) > 0.9 * len(moves)


class TestRemoval:
    @pytest.fixture(scope="class")
    @staticmethod
    def removal(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("removal") / "out"
        assert finetune_removal(removal_options(people, folder)) == folder / "adapter.safetensors"
        return folder

    def test_files_and_named_losses(self, removal: Path) -> None:
        assert images(removal, 128) == ["000002.png", "000004.png"]
        lines = curves(removal)
        assert [(line["step"], line["pass"]) for line in lines] == [(0, 0), (1, 0), (2, 1), (3, 1)]
        assert [set(line) for line in lines] == [{"step", "pass", "direction", "identity", "similarity", "l1"}] * 4
        # Nothing is changed yet: no agreement with the direction costs 5, all else nothing.
        assert lines[0]["direction"] == pytest.approx(5, abs=1e-2)
        assert [lines[0][name] for name in ("identity", "similarity", "l1")] == pytest.approx([0, 0, 0], abs=1e-4)
        assert read_about(removal / "adapter.safetensors") == About(
            "face-diffusion-128", "", 2, "", "", ["dlib-resnet"], 300, 2, 2, 4
        )

    def test_a_stopped_run_goes_on_to_the_same_adapter(self, removal: Path, people: Path, tmp_path: Path) -> None:
        shutil.copytree(removal / "latents", tmp_path / "latents")
        shutil.copy(removal / "portraits.safetensors", tmp_path)
        with pytest.raises(KeyboardInterrupt):
            finetune_removal(removal_options(people, tmp_path), stopping(4, 2))
        finetune_removal(removal_options(people, tmp_path))
        assert (tmp_path / "adapter.safetensors").read_bytes() == (removal / "adapter.safetensors").read_bytes()


def removal_options(people: Path, output: Path, **values: Any) -> RemovalFinetuneOptions:
    return RemovalFinetuneOptions(**{"data": people, "output": output, "epochs": 2} | TINY | values)


def gray(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (200, 200), "gray").save(path)


class TestRefused:
    @pytest.fixture(params=["transfer", "removal"])
    def finetune(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
        if request.param == "transfer":
            yield lambda data: finetune_transfer(transfer_options(data, tmp_path / "out"))
        else:
            yield lambda data: finetune_removal(removal_options(data, tmp_path / "out"))
        assert not (tmp_path / "out").exists()

    def test_no_folder(self, finetune: Callable[[Path], Path], tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"^Expected a folder of photos, found none at .*data\.$"):
            finetune(tmp_path / "data")

    def test_no_photos(self, finetune: Callable[[Path], Path], tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "notes.txt").write_text("no photo", encoding="utf-8")
        with pytest.raises(DatasetError, match=r"^Expected photos in .*data, found none with the endings .*\.jpg"):
            finetune(tmp_path / "data")

    def test_no_faces(self, finetune: Callable[[Path], Path], tmp_path: Path) -> None:
        gray(tmp_path / "data" / "nobody" / "a.png")
        with pytest.raises(ValueError, match=r"^Expected at least one photo with a face, found none\.$"):
            finetune(tmp_path / "data")

    def test_one_person(self, people: Path, tmp_path: Path) -> None:
        shutil.copytree(people / "person-1", tmp_path / "data" / "person-1")
        with pytest.raises(
            ValueError,
            match=(
                r"^Expected photos of at least two people in .*data: every twentieth person, the first of all, is "
                r"left out"
            ),
        ):
            finetune_transfer(transfer_options(tmp_path / "data", tmp_path / "out"))


class TestCommand:
    @staticmethod
    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["finetune", *map(str, arguments)])

    @staticmethod
    def config(path: Path, name: str, options: dict[str, Any]) -> Path:
        path.write_text(json.dumps({"finetune": {name: options}}), encoding="utf-8")  # JSON is YAML
        return path

    def test_flags_lie_over_the_config_file(self, people: Path, transfer: Path, tmp_path: Path) -> None:
        shutil.copytree(transfer / "latents", tmp_path / "out" / "latents")
        shutil.copy(transfer / "portraits.safetensors", tmp_path / "out")
        file = self.config(tmp_path / "tiny.yaml", "makeup-transfer", TINY | EPOCHS | {"rank": 5, "ref": "classic-red"})
        done = self.run(
            "makeup-transfer",
            "--data",
            people,
            "--output",
            tmp_path / "out",
            "--config",
            file,
            "--rank",
            3,
            "--images",
            2,
            "--goal",
            "dodge",
        )
        assert done.exit_code == 0, done.output
        assert done.stdout == f"written to {tmp_path / 'out' / 'adapter.safetensors'}\n"
        about = read_about(tmp_path / "out" / "adapter.safetensors")
        assert (about.rank, about.reference, about.goal, about.steps) == (3, "classic-red", "dodge", 2)
        assert len(curves(tmp_path / "out")) == 2

    def test_removal(self, people: Path, tmp_path: Path) -> None:
        file = self.config(
            tmp_path / "tiny.yaml", "makeup-removal", TINY | {"epochs": 1, "images": 1, "batch": 1, "t_0": 60}
        )
        done = self.run("makeup-removal", "--data", people, "--output", tmp_path / "out", "--config", file)
        assert done.exit_code == 0, done.output
        assert done.stdout == f"written to {tmp_path / 'out' / 'adapter.safetensors'}\n"
        assert read_about(tmp_path / "out" / "adapter.safetensors").t_0 == 60

    def test_help_lists_both_with_their_defaults(self) -> None:
        done = self.run("--help")
        assert done.exit_code == 0
        assert "makeup-removal" in done.output
        assert "makeup-transfer" in done.output
        done = self.run("makeup-transfer", "--help")
        assert done.exit_code == 0
        for part in (
            "--warmup-epochs",
            "--config FILE",
            "YAML file with options below finetune:",
            "[default: 8e-06]",
            "[required]",
        ):
            assert part in " ".join(done.output.split())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("makeup-transfer",), "data"),
            (("makeup-transfer", "--data", "{}/nowhere"), "Expected a folder of photos, found none at"),
            (("makeup-transfer", "--data", "{}", "--rank", "999"), "rank"),
            (("makeup-transfer", "--data", "{}", "--ref", "polka-dots"), "polka-dots"),
            (
                ("makeup-transfer", "--data", "{}", "--target", "777"),
                "Expected a synthetic face (000 to 023) or an image file as the target, got '777'.",
            ),
            (("makeup-transfer", "--data", "{}", "--surrogates", "eigenfaces"), "eigenfaces"),
            (("makeup-transfer", "--data", "{}", "--config", "{}/nowhere.yaml"), "Cannot read the config file"),
            (("makeup-removal", "--data", "{}", "--goal", "dodge"), "No such option"),
            (("makeup-mixing",), "No such command 'makeup-mixing'."),
        ],
    )
    def test_bad_input(self, people: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
        output = ("--output", tmp_path / "out") if "--data" in arguments else ()
        done = self.run(*(argument.format(people) for argument in arguments), *output)
        assert done.exit_code == 2, done.output
        assert message in " ".join(done.stderr.split())
        assert not (tmp_path / "out").exists()

    def test_config_with_an_unknown_option(self, people: Path, tmp_path: Path) -> None:
        file = self.config(tmp_path / "tiny.yaml", "makeup-transfer", {"color": "red"})
        done = self.run("makeup-transfer", "--data", people, "--output", tmp_path / "out", "--config", file)
        assert done.exit_code == 2
        assert "color" in done.stderr
        assert "finetune makeup-transfer" in done.stderr

    def test_config_for_a_command_that_does_not_exist(self, people: Path, tmp_path: Path) -> None:
        file = self.config(tmp_path / "tiny.yaml", "makeup-transfre", {})
        done = self.run("makeup-transfer", "--data", people, "--output", tmp_path / "out", "--config", file)
        assert done.exit_code == 2
        assert "Unknown name 'makeup-transfre' under finetune: in" in " ".join(done.stderr.split())
        assert "makeup-removal, makeup-transfer, recognizer" in " ".join(done.stderr.split())


SCRIPT = """
import sys
from pathlib import Path

import torch

from privacy_faces_makeup.finetune.transfer import finetune_transfer
from privacy_faces_makeup.options import TransferFinetuneOptions

torch.set_num_threads(1)
finetune_transfer(TransferFinetuneOptions.model_validate_json(Path(sys.argv[1]).read_text()))
"""


@pytest.mark.slow(reason="two processes that each load all networks")
def test_two_processes_train_what_one_does_with_twice_the_batch(people: Path, transfer: Path, tmp_path: Path) -> None:
    options = transfer_options(people, tmp_path / "out", batch=1)
    (tmp_path / "options.json").write_text(options.model_dump_json(), encoding="utf-8")
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    # On a machine without a GPU these are two processes of its CPU; with --cpu, accelerate starts one.
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        "--num_processes",
        "2",
        "--main_process_port",
        "0",
    ]
    done = subprocess.run(
        [*launch, tmp_path / "train.py", tmp_path / "options.json"],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line["step"] for line in curves(tmp_path / "out")] == [0, 1, 2, 3], (
        "half as many steps as one process takes, told by one of the two"
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in transfer.iterdir()}
    assert read_about(tmp_path / "out" / "adapter.safetensors") == read_about(transfer / "adapter.safetensors")

    def parts(folder: Path, part: str) -> Tensor:
        return torch.cat(
            [
                value.float().flatten()
                for name, value in sorted(load_file(folder / "adapter.safetensors").items())
                if part in name
            ]
        )

    # B starts at zero: it is all that was learnt. Adam takes whole steps along gradients that are nothing but rounding,
    # hence not closer: 0.008 was measured; another order of the photos gives 1.
    for part, tolerance in (("lora_A", 0.01), ("lora_B", 0.04)):
        one, two = parts(transfer, part), parts(tmp_path / "out", part)
        assert (two - one).norm() < tolerance * one.norm(), part
