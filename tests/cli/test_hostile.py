"""Inputs that ended in a traceback, or forged what was printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import privacy_faces
from privacy_faces.cli.options import assignments_of
from privacy_faces.cli.outcomes import as_table
from privacy_faces.cli.printable import printable
from privacy_faces.config.options import OptionError
from privacy_faces.config.profiles import load_config
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.inputs import collect

FACE = Path(__file__).parents[2] / "assets" / "faces" / "007.png"


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return np.array(Image.open(FACE).convert("RGB").resize((160, 160)))


def test_name_of_a_file_forges_no_row(tmp_path: Path) -> None:
    name = "a\x1b[2K\nb.png  1  dlib-resnet (held-out)  1.000  0.1  0.9  no longer matched\u202e\u2028"
    (job,) = collect([tmp_path / name], tmp_path / "out").jobs
    rows = as_table([Outcome(job, "failed", f"found nothing at {name}")], tmp_path / "out\n1").splitlines()
    assert len(rows) == 5, "header, rule, one row, an empty line, where it was written"
    assert "a\\x1b[2K\\nb.png" in rows[2]
    assert "no longer matched\\u202e\\u2028" in rows[2]
    assert all(row.isprintable() for row in rows)


def test_printable_leaves_names_of_all_languages() -> None:
    assert printable("Zoë 写真 \N{GRINNING FACE}.jpg") == "Zoë 写真 \N{GRINNING FACE}.jpg"
    assert printable("two\nlines\r", keep="\n") == "two\nlines\\r"


def test_links_that_point_at_each_other_are_named_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").symlink_to(tmp_path / "in/b.png")
    (tmp_path / "in/b.png").symlink_to(tmp_path / "in/a.png")
    jobs = [
        *collect([tmp_path / "in"], tmp_path / "out").jobs,
        *collect([tmp_path / "in/a.png"], tmp_path / "out").jobs,
    ]
    assert [job.target.name for job in jobs] == ["a.png", "b.png", "a.png"]
    for job in jobs:
        with pytest.raises(ValueError, match=r"expected a readable photo at .*symbolic links"):
            job.read()


@pytest.mark.parametrize("detector", ["mtcnn", "dlib"])
@pytest.mark.parametrize(("height", "width"), [(60, 4000), (4000, 33), (32, 32)])
def test_strips_are_searched_like_other_photos(height: int, width: int, detector: str) -> None:
    finder = make_finder(detector)  # type: ignore[arg-type]
    assert finder.find(np.full((height, width, 3), 90, np.uint8)) == []


def test_face_as_high_as_a_strip_is_found(face: np.ndarray) -> None:
    """The smallest face sought followed the longer side alone, and 4000 x 60 was an error of torch."""
    strip = np.full((75, 4000, 3), 128, np.uint8)
    strip[:, 1000:1075] = np.array(Image.fromarray(face).resize((75, 75)))
    assert len(make_finder("mtcnn").find(strip)) == 1


@pytest.mark.parametrize("least", [161, 100_000])
def test_smallest_face_above_the_photo_finds_none(least: int, face: np.ndarray) -> None:
    assert make_finder("mtcnn", least).find(face) == []


@pytest.mark.parametrize("method", ["inpaint-random", "inpaint-gradcam"])
def test_fraction_that_hides_nothing_is_named(method: str, face: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"found none of face 1: --fraction 1e-09 of the frame"):
        privacy_faces.anonymize(face, method, fraction=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 20_000, "mine.yaml is not one: its values are nested too deeply"),
        ("run:\n  seed: 2001-99-99\n", "mine.yaml holds a value that cannot be: month must be in 1..12"),
    ],
    ids=["brackets", "date"],
)
def test_config_file_that_cannot_be_read_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(OptionError, match=message):
        load_config(tmp_path / "mine.yaml")


@pytest.mark.parametrize("text", ["[" * 20_000, "2001-99-99"], ids=["brackets", "date"])
def test_value_that_is_no_yaml_is_text(text: str) -> None:
    assert assignments_of((f"seed={text}",)) == {"seed": text}
