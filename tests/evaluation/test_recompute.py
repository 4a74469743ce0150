"""Everybody can compute the numbers again: from the per-photo tables alone, by a script that shares no code with us."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

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


def test_every_number_of_three_seeds(tmp_path: Path) -> None:
    """Each seed's row is as whole as the first; the spread says how far they lie apart."""
    flags = ["--limit", "4", "--seeds", "3", "--no-robustness", "--no-attackers"]
    assert recomputed(tmp_path, "--methods", "dp-pix,fill", *flags) > 100
    results = read_results(tmp_path / "results.json")
    rows = {row.label: row for row in results.methods}
    assert list(rows) == ["dp-pix", "fill", *(f"{name}-seed-{seed}" for name in ("dp-pix", "fill") for seed in (1, 2))]
    assert not np.array_equal(imread(tmp_path, "dp-pix"), imread(tmp_path, "dp-pix-seed-1")), "its noise is another"
    assert np.array_equal(imread(tmp_path, "fill"), imread(tmp_path, "fill-seed-1")), "nothing of it is random"
    assert {row.method for row in results.spreads} == {"dp-pix", "fill"}
    for row in results.spreads:
        labels = [row.method, f"{row.method}-seed-1", f"{row.method}-seed-2"]
        wanted = row.measure, row.recognizer, row.far
        shares = [
            item.protected.value
            for label in labels
            for item in rows[label].success
            if (item.measure, item.recognizer, item.far) == wanted and item.group is None
        ]
        assert row.shares == shares
        assert row.deviation == pytest.approx(np.std(shares, ddof=1), abs=1e-6)
        assert row.deviation == 0 or row.method == "dp-pix"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h3>With other seeds</h3>" in page
    assert "deviation over seeds" in (tmp_path / "results.csv").read_text(encoding="utf-8")


def imread(output: Path, method: str) -> np.ndarray:
    """The first protected photo of a method."""
    return np.asarray(Image.open(output / "photos" / method / "faces/001.png"))


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
