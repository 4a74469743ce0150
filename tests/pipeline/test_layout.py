"""`--layout ppd`: PrivacyPreservingDiffusion's folders and names, which `evaluate` reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.pipeline.inputs import InputError, collect

pytestmark = pytest.mark.usefixtures("one_thread")

PATTERNS = {
    "results": re.compile(r"(\w+)-generated-label-(\d+)\.jpg"),
    "masks": re.compile(r"(\w+)-masks-label-(\d+)\.jpg"),
    "original": re.compile(r"(\w+)-img-label-(\d+)\.jpg"),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people: a PNG with alpha of one, a 16-bit gray TIFF and a JPEG of the other."""
    root, faces = tmp_path_factory.mktemp("photos"), resource("assets/faces")
    (root / "7").mkdir()
    (root / "12").mkdir()
    Image.open(faces / "007.png").convert("RGBA").save(root / "7" / "000001.png")
    gray = np.asarray(Image.open(faces / "012.png").convert("L")).astype(np.uint16) * 257
    Image.fromarray(gray).save(root / "12" / "000002.tif")
    Image.open(faces / "second/012.png").save(root / "12" / "000003.jpg", quality=95)
    return root


def anonymize(photos: Path, output: Path) -> Result:
    flags = ["--method", "pixelate", "--layout", "ppd", "--save-masks", "--output", str(output), "--json"]
    return CliRunner().invoke(main, ["anonymize", str(photos), *flags])


@pytest.fixture(scope="module")
def output(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ppd")
    done = anonymize(photos, folder)
    assert done.exit_code == 0, done.output
    return folder


def test_names_are_those_of_the_original(output: Path) -> None:
    for folder, pattern in PATTERNS.items():
        matches = [pattern.fullmatch(path.name) for path in sorted((output / folder).glob("*.jpg"))]
        assert [match.groups() for match in matches if match] == [("000001", "7"), ("000002", "12"), ("000003", "12")]
    receipts = sorted((output / "results").glob("*.receipt.json"))
    assert [path.name for path in receipts] == [
        f"{name}.receipt.json" for name in sorted(path.stem for path in (output / "results").glob("*.jpg"))
    ]
    assert {path.name for path in output.iterdir()} == {*PATTERNS, "run.json"}
    overlays = sorted(path.name for path in (output / "masks").glob("*.png"))
    assert overlays == [
        "000001-generated-label-7.overlay.png",
        "000002-generated-label-12.overlay.png",
        "000003-generated-label-12.overlay.png",
    ]


def test_pictures_are_what_their_folders_say(photos: Path, output: Path) -> None:
    before, mask, after = (
        np.asarray(Image.open(output / name).convert("RGB")).astype(int)
        for name in (
            "original/000001-img-label-7.jpg",
            "masks/000001-masks-label-7.jpg",
            "results/000001-generated-label-7.jpg",
        )
    )
    source = np.asarray(Image.open(photos / "7/000001.png").convert("RGB")).astype(int)
    assert np.abs(before - source).mean() < 2
    hidden = mask[..., 0] > 127
    assert 0.1 < hidden.mean() < 0.6
    assert np.abs(after - before)[hidden].mean() > 5 * np.abs(after - before)[~hidden].mean()


def test_second_run_does_what_is_missing(photos: Path, output: Path) -> None:
    (output / "original/000002-img-label-12.jpg").unlink()
    found = json.loads(anonymize(photos, output).stdout)
    assert (found["done"], found["skipped"]) == (1, 2)
    assert (output / "original/000002-img-label-12.jpg").is_file()


def test_evaluate_judges_it(output: Path, tmp_path: Path) -> None:
    flags = ["--output", str(tmp_path), "--recognizers", "dlib-resnet", "--no-robustness", "--no-attackers", "--json"]
    done = CliRunner().invoke(main, ["evaluate", str(output), str(output), *flags])
    assert done.exit_code == 0, done.output
    (method,) = json.loads(done.stdout)["methods"]
    assert method["photos"] == 3
    assert method["failures"] == []
    (dodging,) = [
        row for row in method["success"] if (row["measure"], row["far"], row.get("group")) == ("dodging", 0.001, None)
    ]
    assert dodging["protected"]["value"] == 1


def test_photos_that_would_share_a_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a/7", "b/7"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"would both be written to .*1-generated-label-7\.jpg"):
        collect([tmp_path / "in"], tmp_path / "out", "ppd")


def test_photo_without_a_folder_is_a_class_of_its_own(tmp_path: Path) -> None:
    (job,) = collect([], tmp_path, "ppd").jobs
    assert job.target.name == "astronaut-generated-label-astronaut.jpg"
