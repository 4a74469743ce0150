"""Everybody can compute the numbers again: from the per-photo tables alone, by a script that shares no code with us."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.evaluation.results import read_results
from tests.evaluation.recompute import disagreements

pytestmark = pytest.mark.usefixtures("one_thread")

# Beside a checkout, where there is one.
_PORTRAITS = Path(__file__).parents[2].parent / "shared/data/portraits"


def recomputed(output: Path, *flags: str) -> int:
    done = CliRunner().invoke(main, ["benchmark", "--output", str(output), "--workers", "1", *flags])
    assert done.exit_code == 0, done.output
    wrong, compared = disagreements(output)
    assert not wrong, "\n".join(wrong[:10])
    return compared


def test_every_number_of_a_small_benchmark(tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for name in ("001", "010", "011", "012", "013"):
        shutil.copy(resource(f"assets/faces/{name}.png"), others)
    flags = ["--gallery", str(others), "--limit", "4", "--no-robustness"]
    assert recomputed(tmp_path / "out", "--methods", "pixelate,blur", *flags) > 150
    results = read_results(tmp_path / "out/results.json")
    assert "1 photos of the gallery are left out: they show the same shot as a judged photo." in results.notes
    assert "and 4 of 4 other people" in results.data.gallery
    rows = {row.measure: row for row in results.methods[0].success if row.far is None}
    assert rows["rank-5"].protected.n == 4, "six people are enrolled"


@pytest.mark.slow(reason="thirty portraits, three methods, every operation and attacker")
@pytest.mark.skipif(not _PORTRAITS.is_dir(), reason="needs the portraits")
def test_every_number_of_thirty_portraits(tmp_path: Path) -> None:
    flags = ["--data", str(_PORTRAITS), "--limit", "30"]
    assert recomputed(tmp_path, "--methods", "pixelate,blur,inpaint-gradcam", *flags) > 500


def test_the_per_photo_table_is_one_that_programs_read(tmp_path: Path) -> None:
    recomputed(tmp_path, "--methods", "fill", "--limit", "2", "--no-robustness", "--no-attackers")
    with (tmp_path / "photos.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["version"], row["photo"], row["matched"]) for row in rows] == [
        ("unprotected", "faces/001.png", "1"),
        ("unprotected", "second/001.png", "1"),
        ("protected", "faces/001.png", "0"),
        ("protected", "second/001.png", "0"),
    ]
