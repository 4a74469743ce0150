"""`privacy-faces anonymize` and `privacy_faces.anonymize`: exit statuses, what goes to stdout, what is written where,
and what is done again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from skimage.data import astronaut, coffee

import privacy_faces
from privacy_faces.cli import main
from privacy_faces.config.options import OptionError
from privacy_faces.config.plan import make_plan
from privacy_faces.judge.receipt import Receipt
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.photos.faces import NoFaceError
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.attempt import attempt, finished
from privacy_faces.pipeline.batch import Watcher, run
from privacy_faces.pipeline.inputs import PHOTO_SUFFIXES, InputError, collect
from privacy_faces.pipeline.judges import settled
from tests.photos.test_photo_refuse import BAD_FILES

NO_FACE = (
    "no face found (detector {}). If there is one, try --min-face 20 or another --detector; --allow-no-face copies "
    "such photos."
)


def call(*args: object, code: int = 0) -> Result:
    """`privacy-faces anonymize` in this process, where torch is loaded already; a defect of the program is not an exit
    status."""
    result = CliRunner().invoke(main, ["anonymize", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def printed(result: Result) -> dict[str, Any]:
    """The one JSON object on stdout."""
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def counts(result: Result) -> tuple[int, int, int]:
    content = printed(result)
    return content["done"], content["skipped"], content["failed"]


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def version(path: Path) -> tuple[int, int]:
    """Changes when a file is written anew."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def put(path: Path, image: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """A photo with one face, (256, 256, 3)."""
    return np.ascontiguousarray(astronaut()[:256, 100:356])


@pytest.fixture(scope="module")
def no_face() -> np.ndarray:
    """A photo without a face: a cup of coffee, (400, 600, 3)."""
    assert make_finder().find(coffee()) == []
    return coffee()


@pytest.fixture(scope="module")
def detector() -> str:
    return make_finder().detector.name


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, face: np.ndarray) -> tuple[Path, Path, Result]:
    """A folder of photos, its output, and what the command printed; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("tree")
    put(folder / "in/a.png", face)
    put(folder / "in/sub/deep/b.jpg", face, quality=95)
    put(folder / "in/.trash/c.png", face)
    (folder / "in/notes.txt").write_text("not a photo")
    (folder / "in/sub/list.csv").write_text("not a photo")
    result = call(
        folder / "in",
        "--method",
        "pixelate",
        "--cells",
        "12",
        "--seed",
        "5",
        "--output",
        folder / "out",
        "--save-masks",
        "--receipts",
        "full",
        "--json",
    )
    return folder / "in", folder / "out", result


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, face: np.ndarray) -> Path:
    """A folder with in/a.png, done once with `fill` into out/; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("once")
    call(put(folder / "in/a.png", face), "--method", "fill", "--output", folder / "out")
    return folder


class TestUsage:
    """Wrong usage is exit status 2, says what is wrong, prints nothing on stdout and writes nothing."""

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ([], "No method given. Add --method NAME; installed: blur, dp-pix, fill, "),
            (["--method", "blurr"], "Unknown method 'blurr'. Installed: blur, dp-pix, fill, "),
            (["--method", "blur", "--cells", "3"], "--cells is an option of pixelate, not of blur."),
            (
                ["--method", "blur", "--inpainter-radius=0.1"],
                "--inpainter-radius is an option of inpaint-gradcam, inpaint-random, inpaint-saliency",
            ),
            (
                ["--method=inpaint-random", "--inpainter-revision", "x"],
                "--inpainter-revision goes with --inpainter stable-diffusion.\n",
            ),
            (["--cells", "3"], "--cells is an option of pixelate. Add --method NAME."),
            (["--method", "blur", "--nonsense"], "No such option"),
            (
                ["--method", "blur", "--sigma", "3"],
                "option 'sigma' of method blur: Input should be less than or equal to 0.3, got 3.0",
            ),
            (["--method", "blur", "--sigma", "much"], "Invalid value for '--sigma': 'much' is not a valid float."),
            (
                ["--method", "blur", "--set", "sigmaa=0.1"],
                "Unknown option 'sigmaa' of method blur: expected one of frame_size, sigma, recognizers, ",
            ),
            (["--method", "blur", "--set", "sigma"], "Invalid value for --set: expected KEY=VALUE, got 'sigma'"),
            (["--method", "inpaint-random", "--inpainter", "paint"], "Unknown inpainter 'paint'. Installed: "),
            (
                ["--method", "blur", "--recognizers", "nobody"],
                "option 'recognizers.0' of the run: Unknown recognizer 'nobody'. Installed: dlib-resnet",
            ),
            (
                ["--method", "blur", "--recognizers", ","],
                "option 'recognizers' of the run: List should have at least 1 item after validation, not 0",
            ),
            (
                ["--method", "blur", "--profile", "fast"],
                "Invalid value for '--profile': 'fast' is not one of 'embedded', 'full'.",
            ),
            (
                ["--method", "blur", "--config", "no.yaml"],
                "Cannot read the config file no.yaml: [Errno 2] No such file or directory: 'no.yaml'",
            ),
            (
                ["--method", "blur", "--device", "tpu"],
                "Invalid value for '--device': 'tpu' is not one of 'auto', 'cpu', 'cuda'.",
            ),
            (["--method", "blur", "--far", "0.5"], "No threshold for 'dlib-resnet' at FAR 0.5; known rates: "),
            (["."], "No method given."),
            ([".", "--method", "blur"], "No photo found in .: expected files such as .jpg, .png, .webp, .tif or .bmp."),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], message: str) -> None:
        monkeypatch.chdir(tmp_path)
        result = call(*args, code=2)
        assert result.stdout == ""
        assert f"Error: {message}" in result.stderr
        assert list(tmp_path.iterdir()) == []

    def test_a_config_file_with_a_mistake(self, tmp_path: Path) -> None:
        config = tmp_path / "mine.yaml"
        config.write_text("method: [")
        result = call("--config", config, "--output", tmp_path / "out", code=2)
        assert f"Error: The config file {config} is not YAML: while parsing a flow node\n" in result.stderr
        assert files_in(tmp_path) == ["mine.yaml"]

    def test_an_output_that_is_a_file(self, tmp_path: Path, face: np.ndarray) -> None:
        photo = put(tmp_path / "a.png", face)
        beneath = call(photo, "--method", "blur", "--output", photo / "out", code=2)
        assert (
            f"Error: Cannot write to the output folder {photo / 'out'}: {photo} is not a folder. Choose another with "
            "--output.\n" in beneath.stderr
        )
        assert "is a file" in call(photo, "--method", "blur", "--output", photo, code=2).stderr

    def test_two_photos_with_one_target(self, tmp_path: Path, face: np.ndarray) -> None:
        first, second, output = put(tmp_path / "x/a.png", face), put(tmp_path / "y/a.png", face), tmp_path / "out"
        result = call(first, second, "--method", "blur", "--output", output, code=2)
        message = (
            f"Error: {first} and {second} would both be written to {output / 'a.png'}. Run them separately, with two "
            "--output folders.\n"
        )
        assert message in result.stderr
        assert not output.exists()

    def test_two_photos_with_one_receipt(self, tmp_path: Path, face: np.ndarray) -> None:
        for name in ("a.jpg", "a.png", "a.jpg.png"):
            put(tmp_path / "in" / name, face)
        result = call(tmp_path / "in", "--method", "blur", "--output", tmp_path / "out", code=2)
        assert f"would both be written to {tmp_path / 'out' / 'a.jpg.receipt.json'}." in result.stderr

    @pytest.mark.parametrize("given", ["in", "in/a.png"])
    def test_a_photo_that_its_own_result_would_overwrite(self, tmp_path: Path, face: np.ndarray, given: str) -> None:
        photo = put(tmp_path / "in/a.png", face)
        before = photo.read_bytes()
        result = call(tmp_path / given, "--method", "blur", "--output", tmp_path / "in", code=2)
        assert (
            f"Error: {photo} would be overwritten by the result of {photo}. Choose another --output folder.\n"
            in result.stderr
        )
        assert photo.read_bytes() == before
        assert files_in(tmp_path) == ["in/a.png"]

    def test_a_photo_that_the_result_of_another_would_overwrite(self, tmp_path: Path, face: np.ndarray) -> None:
        put(tmp_path / "in/sub/a.png", face)
        other = put(tmp_path / "out/sub/a.png", face[::-1])
        before = other.read_bytes()
        result = call(tmp_path / "in", other, "--method", "blur", "--output", tmp_path / "out", code=2)
        message = (
            f"Error: {other} would be overwritten by the result of {tmp_path / 'in/sub/a.png'}. Choose another "
            "--output folder.\n"
        )
        assert message in result.stderr
        assert other.read_bytes() == before
        assert files_in(tmp_path) == ["in/sub/a.png", "out/sub/a.png"]

    def test_a_photo_reached_through_a_link_is_not_overwritten(self, tmp_path: Path, face: np.ndarray) -> None:
        photo = put(tmp_path / "in/a.png", face)
        (tmp_path / "out").symlink_to(tmp_path / "in")
        before = photo.read_bytes()
        assert "would be overwritten" in call(photo, "--method", "blur", "--output", tmp_path / "out", code=2).stderr
        assert photo.read_bytes() == before


class TestTree:
    def test_tree_and_names_are_kept(self, tree: tuple[Path, Path, Result]) -> None:
        assert files_in(tree[1]) == [
            "a.png",
            "a.receipt.json",
            "run.json",
            "sub/deep/b.jpg",
            "sub/deep/b.receipt.json",
        ]
        assert files_in(tree[1].with_name("out.masks")) == [
            "a.mask.png",
            "a.overlay.png",
            "sub/deep/b.mask.png",
            "sub/deep/b.overlay.png",
        ]
        assert "not for publication" in tree[2].stderr

    @pytest.mark.parametrize(("name", "format"), [("a.png", "PNG"), ("sub/deep/b.jpg", "JPEG")])
    def test_format_and_size_are_kept_and_the_face_is_changed(
        self, tree: tuple[Path, Path, Result], name: str, format: str
    ) -> None:
        with Image.open(tree[1] / name) as image:
            assert (image.format, image.size, image.mode) == (format, (256, 256), "RGB")
        change = np.abs(pixels(tree[1] / name).astype(int) - pixels(tree[0] / name)).mean(2)
        left, top, right, bottom = (
            int(value) for value in read_json((tree[1] / name).with_suffix(".receipt.json"))["faces"][0]["box"]
        )
        assert change[top:bottom, left:right].mean() > 8
        assert change[220:].mean() < 1.5

    def test_inputs_are_left_alone(self, tree: tuple[Path, Path, Result], face: np.ndarray) -> None:
        assert files_in(tree[0]) == [".trash/c.png", "a.png", "notes.txt", "sub/deep/b.jpg", "sub/list.csv"]
        assert np.array_equal(pixels(tree[0] / "a.png"), face)

    def test_stdout_is_one_json_object(self, tree: tuple[Path, Path, Result]) -> None:
        content = printed(tree[2])
        assert set(content) >= {
            "schema",
            "method",
            "profile",
            "options",
            "run",
            "version",
            "output",
            "done",
            "skipped",
            "failed",
            "photos",
        }
        assert (content["schema"], content["done"], content["skipped"], content["failed"]) == (1, 2, 0, 0)
        assert [(photo["input"], photo["output"], photo["status"], photo["reason"]) for photo in content["photos"]] == [
            (str(tree[0] / "a.png"), str(tree[1] / "a.png"), "done", None),
            (str(tree[0] / "sub/deep/b.jpg"), str(tree[1] / "sub/deep/b.jpg"), "done", None),
        ]
        assert content["photos"][1]["receipt"] == read_json(tree[1] / "sub/deep/b.receipt.json")

    def test_files_that_are_no_photos_are_named(self, tree: tuple[Path, Path, Result]) -> None:
        ignored = [str(tree[0] / "notes.txt"), str(tree[0] / "sub/list.csv")]
        assert f"ignored, not photos: {', '.join(ignored)}\n" in tree[2].stderr
        assert read_json(tree[1] / "run.json")["ignored"] == ignored

    def test_run_json(self, tree: tuple[Path, Path, Result]) -> None:
        run = read_json(tree[1] / "run.json")
        assert {name: run[name] for name in ("schema", "method", "profile", "options", "seed")} == {
            "schema": 1,
            "method": "pixelate",
            "profile": "embedded",
            "options": {"frame_size": 256, "cells": 12},
            "seed": 5,
        }
        assert (run["run"]["seed"], run["run"]["save_masks"], run["run"]["far"]) == (5, True, 0.001)
        assert run["run"]["recognizers"] == [{"name": "dlib-resnet", "options": {}}]
        assert run["version"] == privacy_faces.__version__
        assert run["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
        assert {"torch", "numpy", "pillow"} <= set(run["versions"])
        assert run["weights"] == read_json(tree[1] / "a.receipt.json")["weights"]
        assert [(photo["status"], photo["reason"]) for photo in run["photos"]] == [("done", None), ("done", None)]
        assert [photo["output"] for photo in run["photos"]] == [str(tree[1] / "a.png"), str(tree[1] / "sub/deep/b.jpg")]

    @pytest.mark.parametrize("name", ["a", "sub/deep/b"])
    def test_receipt(self, tree: tuple[Path, Path, Result], name: str) -> None:
        suffix = ".png" if name == "a" else ".jpg"
        receipt = read_json(tree[1] / f"{name}.receipt.json")
        assert {key: receipt[key] for key in ("schema", "input", "output", "method", "options", "seed")} == {
            "schema": 1,
            "input": str(tree[0] / f"{name}{suffix}"),
            "output": str(tree[1] / f"{name}{suffix}"),
            "method": "pixelate",
            "options": {"frame_size": 256, "cells": 12},
            "seed": 5,
        }
        (face,) = receipt["faces"]
        left, top, right, bottom = face["box"]
        assert 60 < left < right < 190
        assert 40 < top < bottom < 190
        assert 0.9 < face["detection_score"] <= 1
        assert set(face["recognizers"]) == {"dlib-resnet"}
        result = face["recognizers"]["dlib-resnet"]
        assert -1 <= result["similarity"] <= 1
        assert (result["far"], result["role"]) == (0.001, "held-out")
        assert result["matched"] is (result["similarity"] > result["threshold"])
        assert face["protected"] is not result["matched"]
        assert (face["target"], face["evidence"]) == (None, "held-out")
        assert 10 < face["quality"]["psnr"] < 60
        assert 0 < face["quality"]["ssim"] < 1
        assert face["quality"]["lpips"] is None or face["quality"]["lpips"] > 0
        assert receipt["weights"]
        assert all(set(weight) == {"id", "sha256"} and len(weight["sha256"]) == 64 for weight in receipt["weights"])
        assert "dlib-resnet" in {weight["id"] for weight in receipt["weights"]}
        assert set(receipt["seconds"]) >= {"detect", "protect", "paste", "judge"}
        assert min(receipt["seconds"].values()) >= 0

    def test_masks_show_where_the_photo_may_differ(self, tree: tuple[Path, Path, Result]) -> None:
        masks = tree[1].with_name("out.masks")
        mask, overlay = pixels(masks / "a.mask.png"), pixels(masks / "a.overlay.png")
        before, after = pixels(tree[0] / "a.png"), pixels(tree[1] / "a.png")
        assert (mask.shape, set(np.unique(mask))) == ((256, 256), {0, 255})
        assert 0.05 < (mask == 255).mean() < 0.4
        assert np.array_equal(after[mask == 0], before[mask == 0])
        assert (after[mask == 255] != before[mask == 255]).any(1).mean() > 0.9
        assert np.array_equal(overlay[mask == 0], before[mask == 0])
        assert np.array_equal(
            overlay[mask == 255], np.uint8(after[mask == 255] * 0.45 + np.array([255, 0, 160]) * 0.55 + 0.5)
        ), "it shows the protected face"

    def test_masks_are_no_input_of_the_next_run(self, tmp_path: Path, face: np.ndarray) -> None:
        put(tmp_path / "in/a.png", face)
        args = (tmp_path / "in", "--method", "fill", "--output", tmp_path / "in/out", "--save-masks", "--json")
        assert counts(call(*args)) == (1, 0, 0)
        assert files_in(tmp_path / "in/out.masks") == ["a.mask.png", "a.overlay.png"]
        assert counts(call(*args)) == (0, 1, 0)

    def test_without_save_masks_there_are_none(self, once: Path) -> None:
        assert files_in(once / "out") == ["a.png", "a.receipt.json", "run.json"]

    def test_same_stem_with_two_extensions(self, tmp_path: Path, face: np.ndarray) -> None:
        put(tmp_path / "in/a.jpg", face)
        put(tmp_path / "in/a.png", face)
        args = (tmp_path / "in", "--method", "fill", "--output", tmp_path / "out", "--receipts", "full", "--json")
        assert counts(call(*args)) == (2, 0, 0)
        assert files_in(tmp_path / "out") == ["a.jpg", "a.jpg.receipt.json", "a.png", "a.png.receipt.json", "run.json"]
        assert read_json(tmp_path / "out/a.jpg.receipt.json")["input"] == str(tmp_path / "in/a.jpg")
        assert counts(call(*args)) == (0, 2, 0)

    def test_an_output_folder_inside_the_input_is_not_searched(self, tmp_path: Path, face: np.ndarray) -> None:
        put(tmp_path / "in/a.png", face)
        args = (tmp_path / "in", "--method", "fill", "--output", tmp_path / "in/out", "--json")
        assert counts(call(*args)) == (1, 0, 0)
        assert counts(call(*args)) == (0, 1, 0)
        assert files_in(tmp_path / "in") == ["a.png", "out/a.png", "out/a.receipt.json", "out/run.json"]


class TestDefaults:
    def test_sample_photo_and_output_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        result = call("--method", "pixelate", "--receipts", "full")
        assert files_in(tmp_path) == [
            f"outputs/pixelate/{name}" for name in ("astronaut.png", "astronaut.receipt.json", "run.json")
        ]
        after = pixels(tmp_path / "outputs/pixelate/astronaut.png")
        assert np.array_equal(after[300:], astronaut()[300:])
        assert not np.array_equal(after[:300], astronaut()[:300])
        sentence, blank, header, rule, row, empty, last = result.stdout.splitlines()
        assert sentence == "1 face changed in 1 photo. A recognizer that took no part no longer matches it."
        assert blank == ""
        assert header.split() == ["photo", "face", "recognizer", "before", "after", "threshold", "result"]
        assert set(rule) == {"-", " "}
        scores = read_json(tmp_path / "outputs/pixelate/astronaut.receipt.json")["faces"][0]["recognizers"][
            "dlib-resnet"
        ]
        shown = [f"{scores[name]:.3f}" for name in ("similarity_before", "similarity", "threshold")]
        assert row.split() == ["astronaut.png", "1", "dlib-resnet", "(held-out)", *shown, "no", "longer", "matched"]
        assert (empty, last) == ("", f"written to {Path('outputs/pixelate')}")

    def test_options_come_from_the_config_file_the_assignments_and_the_flags(
        self, tmp_path: Path, face: np.ndarray
    ) -> None:
        config = tmp_path / "mine.yaml"
        config.write_text(
            "method: inpaint-random\nrun: {seed: 1}\nmethods: {inpaint-random: {frame_size: 128, fraction: 0.2, "
            "inpainter: {name: classical, radius: 0.03}}}"
        )
        layers = [
            "--receipts",
            "full",
            "--config",
            config,
            "--set",
            "seed=2",
            "--set",
            "fraction=0.3",
            "--set",
            "inpainter.algorithm=navier-stokes",
        ]
        call(
            put(tmp_path / "a.png", face),
            *layers,
            "--fraction",
            "0.4",
            "--inpainter-radius",
            "0.04",
            "--output",
            tmp_path / "out",
        )
        run = read_json(tmp_path / "out/run.json")
        assert (run["method"], run["seed"]) == ("inpaint-random", 2)
        assert run["options"] == {
            "frame_size": 128,
            "inpainter": {"name": "classical", "options": {"algorithm": "navier-stokes", "radius": 0.04}},
            "strength": None,
            "fallback": "none",
            "fraction": 0.4,
            "margin": 0.02,
            "surrogates": ["dlib-resnet"],
            "feather": 0.012,
            "denoise": False,
            "patch_size": 32,
            "area": "face",
            "draws": None,
        }


class TestAgain:
    """A second run does only what is not done yet, with these options, from this photo."""

    @pytest.fixture
    def folder(self, tmp_path: Path, once: Path) -> Path:
        shutil.copytree(once, tmp_path, dirs_exist_ok=True)
        return tmp_path

    def again(self, folder: Path, *more: object) -> tuple[int, int, int]:
        return counts(call(folder / "in/a.png", "--method", "fill", "--output", folder / "out", "--json", *more))

    def test_what_is_done_is_skipped_and_left_alone(self, folder: Path) -> None:
        before = {name: version(folder / "out" / name) for name in ("a.png", "a.receipt.json")}
        assert self.again(folder) == (0, 1, 0)
        assert {name: version(folder / "out" / name) for name in before} == before
        assert read_json(folder / "out/run.json")["photos"][0]["status"] == "skipped"

    def test_the_table_says_so(self, folder: Path) -> None:
        result = call(folder / "in/a.png", "--method", "fill", "--output", folder / "out")
        assert result.stdout.splitlines()[-1] == f"written to {folder / 'out'} (1 was done already)"

    @pytest.mark.parametrize("change", [["--color", "black"], ["--seed", "1"], ["--overwrite"]], ids=" ".join)
    def test_other_options_or_overwrite_do_it_again(self, folder: Path, change: list[str]) -> None:
        before = version(folder / "out/a.png")
        assert self.again(folder, *change) == (1, 0, 0)
        assert version(folder / "out/a.png") != before

    def test_a_result_that_someone_changed_is_done_again(self, folder: Path, once: Path) -> None:
        shutil.copy(folder / "in/a.png", folder / "out/a.png")
        assert self.again(folder) == (1, 0, 0)
        assert (folder / "out/a.png").read_bytes() == (once / "out/a.png").read_bytes()

    def test_what_counts_as_done(self, folder: Path, face: np.ndarray) -> None:
        (job,) = collect([folder / "in/a.png"], folder / "out").jobs
        fingerprint = settled(make_plan("fill"), print).fingerprint()
        receipt = job.receipt.read_bytes()
        found = finished(job, fingerprint)
        assert found is not None
        assert found.dump() == receipt
        assert finished(job, settled(make_plan("fill", run={"seed": 1}), print).fingerprint()) is None
        for content in (b"", b"[]", b"\xff", b'{"plan_sha256": 3}', receipt[:-20]):
            job.receipt.write_bytes(content)
            assert finished(job, fingerprint) is None
        job.receipt.unlink()
        assert finished(job, fingerprint) is None
        job.receipt.write_bytes(receipt)
        assert finished(job, fingerprint) is not None
        put(folder / "in/a.png", np.ascontiguousarray(face[:, ::-1]))
        assert finished(job, fingerprint) is None
        put(folder / "in/a.png", face)
        assert finished(job, fingerprint) is not None
        job.target.unlink()
        assert finished(job, fingerprint) is None

    def test_a_face_that_is_still_matched_is_told_every_time(self, folder: Path) -> None:
        args = (folder / "in/a.png", "--method", "pixelate", "--cells", "128", "--output", folder / "weak")
        args = (*args, "--receipts", "full")
        first, second = call(*args), call(*args)
        (face,) = read_json(folder / "weak/a.receipt.json")["faces"]
        score = face["recognizers"]["dlib-resnet"]
        assert (face["protected"], score["matched"]) == (False, True)
        margin = score["similarity"] - score["threshold"]
        warning = (
            f"{folder / 'in/a.png'}: face 1: NOT PROTECTED: dlib-resnet still matches: similarity "
            f"{score['similarity']:.3f}, "
            f"threshold {score['threshold']:.3f} at FAR 0.001 (margin {margin:.3f})"
        )
        for result in (first, second):
            assert warning in result.stderr
            assert result.stdout.splitlines()[4].endswith("NOT PROTECTED")
            assert result.stdout.splitlines()[0] == (
                "1 face changed in 1 photo. It can still be recognized: see NOT PROTECTED below."
            )


class TestReceipts:
    """What lies beside photos that people publish."""

    def told(self, folder: Path) -> str:
        return "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.json"))

    def test_by_default_nothing_names_the_user_or_leads_to_the_original(self, once: Path) -> None:
        assert files_in(once / "out") == ["a.png", "a.receipt.json", "run.json"]
        text = self.told(once / "out")
        original = (once / "in/a.png").read_bytes()
        for secret in (str(once), str(Path.home()), os.getcwd(), hashlib.sha256(original).hexdigest()):
            assert secret not in text
        receipt = read_json(once / "out/a.receipt.json")
        assert receipt.keys() <= {
            *(
                "schema",
                "output",
                "method",
                "profile",
                "detector",
                "metadata_kept",
                "surrogates",
                "faces",
                "sought",
                "warnings",
            ),
            *("written", "output_sha256", "input_salted", "plan_salted"),
        }
        assert (receipt["output"], receipt["written"]) == ("a.png", ["a.png"])
        (face,) = receipt["faces"]
        assert face["recognizers"] == {"dlib-resnet": {"far": 0.001, "matched": False, "role": "held-out"}}
        assert not {"box", "detection_score", "quality", "details"} & face.keys()
        assert read_json(once / "out/run.json")["photos"] == [{"photo": "a.png", "status": "done"}]

    def test_a_reason_stays_out_of_run_json(self, tmp_path: Path) -> None:
        call(tmp_path / "gone.jpg", "--method", "fill", "--output", tmp_path / "out", code=1)
        assert read_json(tmp_path / "out/run.json")["photos"] == [{"photo": "gone.jpg", "status": "failed"}]
        assert str(tmp_path) not in self.told(tmp_path / "out")

    def test_none_leaves_photos_only(self, tmp_path: Path, once: Path) -> None:
        shutil.copytree(once, tmp_path, dirs_exist_ok=True)
        args = (tmp_path / "in", "--method", "fill", "--output", tmp_path / "out", "--receipts", "none")
        call(*args)
        assert files_in(tmp_path / "out") == ["a.png"]
        assert (tmp_path / "out/a.png").read_bytes() == (once / "out/a.png").read_bytes()
        assert "no receipt of privacy-faces names it" in call(*args, code=2).stderr


class TestNoFace:
    def test_is_a_failure_and_nothing_is_written(self, tmp_path: Path, no_face: np.ndarray, detector: str) -> None:
        photo = put(tmp_path / "cup.png", no_face)
        result = call(photo, "--method", "fill", "--output", tmp_path / "out", "--json", "--receipts", "full", code=1)
        (row,) = printed(result)["photos"]
        reason = NO_FACE.format(detector)
        assert row == {
            "input": str(photo),
            "output": None,
            "status": "failed",
            "reason": reason,
            "warnings": [],
            "receipt": None,
        }
        assert f"{photo}: FAILED: {reason}" in result.stderr
        assert files_in(tmp_path / "out") == ["run.json"]
        assert read_json(tmp_path / "out/run.json")["photos"][0]["reason"] == reason

    def test_allow_no_face_copies_it_without_metadata(self, tmp_path: Path, no_face: np.ndarray) -> None:
        exif = Image.Exif()
        exif[0x010F] = "Camera maker"
        photo = put(tmp_path / "cup.jpg", no_face, exif=exif, comment=b"at home", quality=95)
        assert Image.open(photo).getexif()[0x010F] == "Camera maker"
        result = call(photo, "--method", "fill", "--output", tmp_path / "out", "--allow-no-face")
        copy = Image.open(tmp_path / "out/cup.jpg")
        assert dict(copy.getexif()) == {}
        assert "comment" not in copy.info
        assert np.abs(np.asarray(copy).astype(int) - no_face).mean() < 3
        assert read_json(tmp_path / "out/cup.receipt.json")["faces"] == []
        assert f"{photo}: no face found; copied without metadata" in result.stderr
        assert result.stdout.splitlines()[0] == "No face changed. 1 photo without a face copied."
        assert result.stdout.splitlines()[4].split() == [str(photo), "copied:", "no", "face", "found"]

    def test_a_copy_with_metadata_is_not_called_one_without(self, tmp_path: Path, no_face: np.ndarray) -> None:
        photo = put(tmp_path / "cup.png", no_face)
        result = privacy_faces.anonymize(photo, "fill", run={"keep_metadata": True, "allow_no_face": True})
        assert result.warnings == ["no face found; copied with metadata"]


class TestBadPhotos:
    """Bad files among good ones: each is named with its reason, and the good ones are done."""

    def test_bad_photos_do_not_stop_the_good_ones(
        self, tmp_path: Path, face: np.ndarray, no_face: np.ndarray, detector: str
    ) -> None:
        folder, output = tmp_path / "in", tmp_path / "out"
        good = [put(folder / name, face) for name in ("b.png", "k.jpg", "z/last.bmp")]
        whole = good[1].read_bytes()
        contents = {
            "a-empty.jpg": (b"", "expected a photo, found an empty file (0 bytes)"),
            "c-cut.jpg": (whole[: len(whole) // 2], "expected a whole JPEG, found one cut short"),
            "d-page.png": (
                b"<html>404</html>\n",
                "expected a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo, found a text file",
            ),
            "e-paper.jpg": (
                b"%PDF-1.7\n",
                "expected a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo, found a PDF document",
            ),
            "f-phone.heic": (
                b"\0\0\0\x18ftypheic" + bytes(40),
                "expected an intact HEIF, found one that cannot be decoded",
            ),
            "g-drawing.svg": (
                b"<svg/>",
                "expected a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo, found an SVG drawing",
            ),
        }
        reasons = {name: reason for name, (_, reason) in contents.items()}
        for name, (content, _) in contents.items():
            (folder / name).write_bytes(content)
        put(folder / "h-tiny.png", face[:16, :16])
        put(folder / "z/cup.png", no_face)
        reasons |= {
            "h-tiny.png": "expected sides of at least 32 pixels, found 16 x 16",
            "z/cup.png": NO_FACE.format(detector),
        }
        gone = tmp_path / "gone.jpg"

        result = call(folder, gone, "--method", "fill", "--output", output, "--receipts", "full", code=1)
        assert files_in(output) == [
            "b.png",
            "b.receipt.json",
            "k.jpg",
            "k.receipt.json",
            "run.json",
            "z/last.bmp",
            "z/last.receipt.json",
        ]
        run = read_json(output / "run.json")
        failed = {photo["input"]: photo["reason"] for photo in run["photos"] if photo["status"] == "failed"}
        assert set(failed) == {str(gone), *(str(folder / name) for name in reasons)}
        for path, reason in {
            str(gone): f"expected a photo at {gone}, found nothing there",
            **{str(folder / name): text for name, text in reasons.items()},
        }.items():
            assert failed[path].startswith(reason)
            assert f"{path}: FAILED: {failed[path]}" in result.stderr
        assert [photo["input"] for photo in run["photos"] if photo["status"] == "done"] == [str(path) for path in good]

        rows = {line.split()[0]: line for line in result.stdout.splitlines() if line}
        assert all(rows[path].endswith(f"FAILED: {reason}") for path, reason in failed.items())
        assert all(rows[str(path)].endswith(("no longer matched", "NOT PROTECTED")) for path in good)

    def test_every_kind_of_bad_file_at_once(self, tmp_path: Path, face: np.ndarray) -> None:
        folder, output = tmp_path / "in", tmp_path / "out"
        for name in ("a.png", "m.jpg", "zz.webp"):
            put(folder / name, face)
        bad = {
            f"bad{index:02}{suffix}": (make, message)
            for index, (suffix, make, message) in enumerate(BAD_FILES.values())
            if suffix in PHOTO_SUFFIXES
        }
        assert len(bad) >= 30
        for name, (make, _) in bad.items():
            (folder / name).write_bytes(make())
        call(folder, "--method", "fill", "--output", output, "--receipts", "full", code=1)
        photos = {Path(photo["input"]).name: photo for photo in read_json(output / "run.json")["photos"]}
        assert {name for name, photo in photos.items() if photo["status"] == "done"} == {"a.png", "m.jpg", "zz.webp"}
        for name, (_, message) in bad.items():
            assert photos[name]["status"] == "failed"
            assert re.search(message, photos[name]["reason"]), name


class NoPower:
    """A judge that breaks down."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def observer(self) -> None:
        raise self.error


class TestBreakdown:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [(ValueError("no power"), "no power"), (RuntimeError("no power"), "unexpected RuntimeError: no power")],
        ids=["known", "defect"],
    )
    def test_a_photo_that_was_not_judged_leaves_the_older_one_and_its_receipt(
        self, tmp_path: Path, once: Path, error: Exception, reason: str
    ) -> None:
        shutil.copytree(once, tmp_path, dirs_exist_ok=True)
        anonymizer = Anonymizer(make_plan("fill", options={"color": "black"}))
        anonymizer.judge = NoPower(error)  # type: ignore[assignment]
        collection = collect([tmp_path / "in"], tmp_path / "out")
        (outcome,) = run(
            anonymizer.plan,
            collection,
            tmp_path / "out",
            lambda jobs, plan, report: (attempt(anonymizer, job) for job in jobs),
            Watcher(),
        )
        assert (outcome.status, outcome.reason, outcome.receipt) == ("failed", reason, None)
        assert files_in(tmp_path / "out") == files_in(once / "out")
        for name in ("a.png", "a.receipt.json"):
            assert (tmp_path / "out" / name).read_bytes() == (once / "out" / name).read_bytes()


class TestKilled:
    @pytest.mark.slow(reason="a whole run in a process of its own, to be killed in the middle")
    def test_a_killed_run_leaves_whole_files_and_the_next_one_does_the_rest(
        self, tmp_path: Path, face: np.ndarray
    ) -> None:
        folder, output = tmp_path / "in", tmp_path / "out"
        for number in range(20):
            put(folder / f"{number:02}.png", np.roll(face, number, axis=1))
        args = ["anonymize", str(folder), "--method", "fill", "--output", str(output), "--json"]
        line = [sys.executable, "-m", "privacy_faces", *args]
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        deadline = time.monotonic() + 300
        while len(list(output.glob("*.receipt.json"))) < 8:
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        stdout, _ = process.communicate()
        assert (process.returncode, stdout) == (-signal.SIGKILL, b"")

        photos = [path for path in output.iterdir() if path.suffix in PHOTO_SUFFIXES]
        assert {path.name for path in photos} <= {f"{number:02}.png" for number in range(20)}
        for path in photos:
            assert pixels(path).shape == (256, 256, 3)
        finished = [path for path in output.glob("*.receipt.json") if read_json(path)["faces"]]
        assert 8 <= len(finished) < 20
        done, skipped, failed = counts(call(*args[1:]))
        # Killed between a photo and its receipt, it has one more that needs nothing but its receipt put in place.
        assert (done + skipped, failed) == (20, 0)
        assert len(finished) <= skipped <= len(finished) + 1
        assert files_in(output) == sorted(
            [f"{number:02}{end}" for number in range(20) for end in (".png", ".receipt.json")] + ["run.json"]
        )


def as_json(receipt: Receipt) -> Any:
    return json.loads(receipt.dump())


class TestPython:
    def test_returns_image_and_receipt_and_writes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: np.ndarray, once: Path
    ) -> None:
        photo = put(tmp_path / "a.png", face)
        monkeypatch.chdir(tmp_path)
        result = privacy_faces.anonymize("a.png", method="fill")
        assert np.array_equal(np.asarray(result.image), pixels(once / "out/a.png"))
        assert result.output is None
        assert (result.receipt.input, result.receipt.output, result.receipt.method) == ("a.png", None, "fill")
        written = read_json(once / "out/a.receipt.json")
        assert as_json(result.receipt.short())["faces"] == written["faces"]
        assert result.warnings == written["warnings"]
        assert np.array_equal(pixels(photo), face)
        assert files_in(tmp_path) == ["a.png"]

    def test_takes_an_image_in_memory(self, face: np.ndarray, once: Path) -> None:
        result = privacy_faces.anonymize(face, method="fill")
        assert np.array_equal(np.asarray(result.image), pixels(once / "out/a.png"))
        assert result.receipt.input == "image in memory"

    def test_with_output_it_writes_what_the_command_writes(self, tmp_path: Path, once: Path) -> None:
        result = privacy_faces.anonymize(once / "in/a.png", method="fill", output=tmp_path / "out")
        assert result.output == tmp_path / "out/a.png"
        assert result.output.read_bytes() == (once / "out/a.png").read_bytes()
        written, of_command = read_json(tmp_path / "out/a.receipt.json"), read_json(once / "out/a.receipt.json")
        assert as_json(result.receipt.short()) == written == of_command
        before = version(result.output)
        again = privacy_faces.anonymize(once / "in/a.png", method="fill", output=tmp_path / "out").receipt
        assert as_json(again) == written
        assert version(result.output) == before
        privacy_faces.anonymize(once / "in/a.png", method="fill", output=tmp_path / "out", overwrite=True)
        assert version(result.output) != before

    def test_options_of_the_method_and_of_the_run(self, face: np.ndarray) -> None:
        result = privacy_faces.anonymize(
            face, "inpaint-random", run={"seed": 3}, fraction=0.2, inpainter={"name": "classical", "radius": 0.03}
        )
        assert (result.receipt.seed, result.receipt.options["fraction"]) == (3, 0.2)
        assert result.receipt.options["inpainter"]["options"]["radius"] == 0.03

    def test_errors_are_exceptions_with_names(
        self, tmp_path: Path, face: np.ndarray, no_face: np.ndarray, detector: str
    ) -> None:
        with pytest.raises(
            OptionError, match=r"^unknown option 'seed' of method fill: expected one of frame_size, color$"
        ):
            privacy_faces.anonymize(face, method="fill", seed=3)
        with pytest.raises(NoFaceError) as error:
            privacy_faces.anonymize(no_face, method="fill")
        assert str(error.value) == NO_FACE.format(detector)
        with pytest.raises(
            InputError, match=r"^With output=\.\.\., photo must be the path of one file\. Got: ndarray\.$"
        ):
            privacy_faces.anonymize(face, method="fill", output=tmp_path / "out")
        with pytest.raises(InputError, match=r"^With output=\.\.\., photo must be the path of one file\. Got: "):
            privacy_faces.anonymize(tmp_path, method="fill", output=tmp_path / "out")
        assert os.listdir(tmp_path) == []
