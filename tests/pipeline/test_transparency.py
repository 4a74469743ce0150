"""A face that stands in the alpha plane is a face of the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privacy_faces.config.plan import make_plan
from privacy_faces.evaluation.folders import Request, evaluate_pairs
from privacy_faces.evaluation.probes import Probe, find_probes
from privacy_faces.judge.thresholds import load_thresholds
from privacy_faces.judge.views import view_of
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.photo import Photo, PhotoError
from privacy_faces.photos.transparency import BLACK, WHITE, flattened, on
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.destination import Memory
from privacy_faces.pipeline.faces import faces_shown
from privacy_faces.pipeline.layouts.pairs import find_pairs

FACES = Path(__file__).parents[2] / "assets" / "faces"
SIDE = 300


@pytest.fixture(scope="module")
def fill() -> Anonymizer:
    return Anonymizer(make_plan("fill"))


@pytest.fixture(scope="module")
def colors() -> np.ndarray:
    return np.array(Image.open(FACES / "007.png").convert("RGB").resize((SIDE, SIDE)))


def gray(colors: np.ndarray) -> np.ndarray:
    return np.array(Image.fromarray(colors).convert("L"))


@pytest.mark.parametrize("case", ["beside the colors", "alone", "inverted", "gray"])
def test_alpha_that_shows_the_face_never_gets_out(case: str, fill: Anonymizer, colors: np.ndarray) -> None:
    """The old code said "protected" of the first, and alpha alone matched at 0.994."""
    luma = gray(colors)
    pixels = {
        "beside the colors": np.dstack([colors, luma]),
        "alone": np.dstack([np.zeros_like(colors), 255 - luma]),
        "inverted": np.dstack([colors, 255 - luma]),
        "gray": np.dstack([luma, luma]),
    }[case]
    (face,) = fill.finder.find(colors)
    memory = Memory(case)
    receipt = fill.anonymize(photo_from_array(pixels), memory)
    result = read_photo(memory.data)
    assert (result.mode, result.rgb.shape) == ("L" if case == "gray" else "RGB", colors.shape)
    assert "the transparency shows a face" in receipt.warnings[0]
    assert receipt.short().warnings[0] == receipt.warnings[0]
    assert [verdict.protected for verdict in receipt.faces] == [True]
    observer = fill.judge.observer()
    before, after = (observer.embed([view_of(rgb, face)])["dlib-resnet"] for rgb in (colors, result.rgb))
    assert (before * after).sum() < fill.judge.thresholds["dlib-resnet"].threshold


def test_cutout_keeps_its_transparency(fill: Anonymizer, colors: np.ndarray) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    alpha = np.where(np.hypot(rows, columns) < 0.48 * SIDE, 255, 0).astype(np.uint8)
    memory = Memory("cutout")
    receipt = fill.anonymize(photo_from_array(np.dstack([colors, alpha])), memory)
    assert receipt.warnings == []
    np.testing.assert_array_equal(read_photo(memory.data).native[..., 3], alpha)


def test_face_that_no_background_shows_is_refused(fill: Anonymizer, colors: np.ndarray) -> None:
    """Also with --allow-no-face: a copy would show the colors to whoever drops the alpha plane."""
    photo = photo_from_array(np.dstack([colors, gray(colors)]))
    faces = fill.finder.find(colors)
    with pytest.raises(PhotoError, match="save the photo without transparency first"):
        faces_shown(photo, lambda picture: faces if picture is photo.rgb else [])


def test_judge_looks_at_the_photo_in_front_of_black_and_white(fill: Anonymizer, colors: np.ndarray) -> None:
    """The colors of the second photo are blank; in front of white it shows the face."""
    faces = fill.finder.find(colors)
    photo = photo_from_array(colors)
    other = Photo.from_native(np.dstack([np.zeros_like(colors), 255 - gray(colors)]), "RGBA", "PNG")
    (verdict,) = fill.judge.judge(photo, faces, lambda: other, lambda: photo, [])
    assert not verdict.protected
    assert verdict.recognizers["dlib-resnet"].similarity > 0.95


def test_evaluation_looks_at_the_photo_in_front_of_black_and_white(
    fill: Anonymizer, colors: np.ndarray, tmp_path: Path
) -> None:
    """It looked at the colors alone, and found this unprotected photo protected."""
    for folder, pixels in (
        ("originals", colors),
        ("protected", np.dstack([np.zeros_like(colors), 255 - gray(colors)])),
    ):
        (tmp_path / folder).mkdir()
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    results, _ = evaluate_pairs(
        find_pairs(tmp_path / "originals", tmp_path / "protected"),
        fill.judge.observer(),
        load_thresholds(),
        Request("other", None, robustness=False, attackers=False),
        data_name="one",
        command="",
        progress=lambda rows, what: rows,
    )
    (method,) = results.methods
    (row,) = (row for row in method.success if (row.measure, row.far, row.group) == ("dodging", 0.001, None))
    assert row.protected.value == 0.0


def test_original_whose_transparency_hides_a_face_is_left_out(
    fill: Anonymizer, colors: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(np.dstack([np.zeros_like(colors), 255 - gray(colors)])).save(tmp_path / "a.png")
    probes, faces, unusable = find_probes([Probe("a.png", "a", tmp_path / "a.png")], fill.judge.observer())
    assert (probes, faces) == ([], [])
    assert "its transparency shows a face" in unusable["a.png"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_composition_by_hand(dtype: type) -> None:
    most = np.iinfo(dtype).max
    pixels = np.zeros((32, 32, 4), dtype)
    pixels[0, 0] = [most, 0, most // 5, most // 5 * 2]  # two fifths opaque
    pixels[0, 1] = [7, 8, 9, most]
    photo = Photo.from_native(pixels, "RGBA", "PNG")
    fifth = most // 5
    assert on(photo, BLACK)[0, 0].tolist() == [2 * fifth, 0, round(fifth * 2 / 5)]
    assert on(photo, WHITE)[0, 0].tolist() == [most, 3 * fifth, round(fifth * 17 / 5)]
    flat = flattened(photo, WHITE)
    assert (flat.mode, flat.native[0, 1].tolist(), flat.native[1, 1].tolist()) == ("RGB", [7, 8, 9], [most] * 3)
