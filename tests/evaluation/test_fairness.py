"""What could flatter a method: copies that count as other photos, files that meet the wrong partner, originals that
count several times, small galleries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.evaluation.known import KnownSet, digest_of, known_sets, left_out
from privacy_faces.evaluation.results import Results, read_results
from privacy_faces.evaluation.setting import Gallery, Setting
from privacy_faces.evaluation.tables.attacks import attack_table
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.success import success_table
from privacy_faces.judge.thresholds import load_thresholds
from privacy_faces.pipeline.layouts.pairs import find_pairs
from tests.judge.test_success import ORIGINAL, PROTECTED, result, seen, setting, unit

pytestmark = pytest.mark.usefixtures("one_thread")


def face(person: str, folder: str = "faces") -> Image.Image:
    return Image.open(resource(f"assets/{folder}/{person}.png"))


def evaluated(root: Path, *flags: str) -> Results:
    call = ["evaluate", str(root / "in"), str(root / "out"), "--output", str(root / "results"), *flags]
    done = CliRunner().invoke(main, [*call, "--no-robustness", "--no-attackers"])
    assert done.exit_code in (0, 1), done.output
    return read_results(root / "results/results.json")


class TestSameShot:
    def test_a_copy_is_no_other_photo(self) -> None:
        """Ann's second photo is a crop of her first, 3 degrees away: cos 3 = 0.9986."""
        angles = (0.0, 3.0, *ORIGINAL[2:])
        near = Setting(
            setting().probes, {"toy": unit(*angles)}, seen(unit(*angles)), setting().thresholds, setting().far
        )
        part = Result(near, seen(unit(*PROTECTED)), {"toy": "held-out"})
        assert near.shots == 5
        assert near.has_other_photo.tolist() == [False, False, True, True, True, True]
        rows = {row.measure: row for row in success_table(part) if row.group is None and row.far in (None, 0.001)}
        for measure in ("dodging-other-photo", "dodging-protected", "rank-1"):
            assert rows[measure].protected.n == 4, measure
        assert rows["rank-1-same-photo"].protected.n == 6
        assert {row.protected.n for row in attack_table(part)} == {4, 2}

    def test_a_larger_gallery_hides_more(self) -> None:
        """A stranger at 97 degrees is nearer to bob's 100 and 90 than bob's 60 and 75 are."""
        whole = setting()
        gallery = Gallery(["x/1.png"], ["x"], {"toy": unit(97.0)})
        among = Setting(whole.probes, whole.original, whole.clean, whole.thresholds, whole.far, gallery)
        found = []
        for each in (whole, among):
            part = Result(each, result().seen, {"toy": "held-out"})
            (row,) = (row for row in success_table(part) if row.measure == "rank-1" and row.group is None)
            found.append(row.protected.value)
        assert found == [pytest.approx(1 / 6, abs=1e-6), pytest.approx(2 / 6, abs=1e-6)]


class TestPartners:
    def test_the_exact_name_comes_first(self, tmp_path: Path) -> None:
        """a.png was compared with the copy of a.bmp."""
        for folder in ("in", "out"):
            (tmp_path / folder).mkdir()
            face("001").save(tmp_path / folder / "a.png")
            face("002").save(tmp_path / folder / "a.bmp")
        face("003").save(tmp_path / "in/b.png")
        face("003").save(tmp_path / "out/b.jpg")
        pairs = {pair.name: pair.protected for pair in find_pairs(tmp_path / "in", tmp_path / "out")}
        expected = {"a.bmp": "a.bmp", "a.png": "a.png", "b.png": "b.jpg"}
        assert pairs == {name: tmp_path / "out" / other for name, other in expected.items()}
        (tmp_path / "out/a.bmp").unlink()
        assert find_pairs(tmp_path / "in", tmp_path / "out")[0].protected is None, "a.png is another photo"

    def test_files_without_an_original_are_named(self, tmp_path: Path) -> None:
        for folder, names in (("in", ("a", "b")), ("out", ("a", "c"))):
            (tmp_path / folder).mkdir()
            for name in names:
                face("001").save(tmp_path / folder / f"{name}.png")
        results = evaluated(tmp_path)
        assert "1 photos in out belong to no original, and count nowhere: c.png." in results.notes
        assert [(item.photo, item.reason) for item in results.methods[0].failures] == [
            ("b.png", "no protected version")
        ]

    def test_an_original_counts_once(self, tmp_path: Path) -> None:
        """Three versions of one photo, one of which dodges, and one of another: the share was 2 in 4."""
        for folder in ("in", "out"):
            (tmp_path / folder).mkdir()
        face("001").save(tmp_path / "in/a.png")
        face("002").save(tmp_path / "in/b.png")
        for name, picture in (("a1", face("001")), ("a2", face("001")), ("a3", face("007")), ("b", face("007"))):
            picture.save(tmp_path / f"out/{name}.png")
        table = "original,protected\n" + "".join(f"{name[0]}.png,{name}.png\n" for name in ("a1", "a2", "a3", "b"))
        (tmp_path / "pairs.csv").write_text(table)
        results = evaluated(tmp_path, "--pairs", str(tmp_path / "pairs.csv"))
        (row,) = (row for row in results.methods[0].success if (row.measure, row.far) == ("dodging", 0.001))
        assert (row.protected.value, row.protected.n) == (pytest.approx((1 / 3 + 1) / 2, abs=1e-6), 2)
        assert (results.data.photos, results.data.shots, results.data.people_with_other_photos) == (2, 2, 0)
        assert np.isclose(row.clean.value or 0, 0)


class TestSeenBefore:
    """Thresholds and models were made with photos; who is judged on these is judged too kindly."""

    @pytest.fixture
    def known(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
        """Photos of three people, of whom the first two are known to have been trained on."""
        paths = []
        for person in "abc":
            path = tmp_path / "in" / person / "1.png"
            path.parent.mkdir(parents=True)
            face(f"00{ord(person) - ord('a') + 1}").save(path)
            paths.append(path)
        photos = frozenset(digest_of(path) for path in paths)
        trained = frozenset(digest_of(path) for path in paths[:2])
        sets = [
            KnownSet("three", "calibration", ("dlib-resnet",), photos),
            KnownSet("two", "training", ("some-model",), trained),
        ]
        monkeypatch.setattr("privacy_faces.evaluation.known.known_sets", lambda: sets)
        return paths

    def test_people_that_models_were_trained_on_are_left_out(self, known: list[Path]) -> None:
        def chosen(paths: list[Path], people: str | None) -> list[str]:
            kept, _ = left_out(paths, lambda path: path, lambda path: path.parent.name, people)
            return [path.parent.name for path in kept]

        assert chosen(known, None) == ["c"]
        assert chosen(known, "all") == ["a", "b", "c"]
        with pytest.raises(ValueError, match="whom no shipped model was trained on, found none among 2"):
            chosen(known[:2], "left-out")

    def test_the_first_screen_says_so(self, known: list[Path], tmp_path: Path) -> None:
        for path in known:
            target = tmp_path / "out" / path.relative_to(tmp_path / "in")
            target.parent.mkdir(parents=True)
            Image.new("RGB", (64, 64)).save(target)
        results = evaluated(tmp_path, "--people", "all", "--recognizers", "dlib-resnet")
        worse = "; what is found on photos of others may be worse."
        assert results.flags[:2] == [
            f"SEEN BEFORE: the thresholds of dlib-resnet were calibrated with 3 of these 3 photos (three){worse}",
            f"SEEN BEFORE: some-model were trained with 2 of these 3 photos (two){worse}",
        ]
        assert len(results.recognizers[0].false_accepts) == 3
        page = (tmp_path / "results/report.html").read_text(encoding="utf-8")
        assert "SEEN BEFORE: the thresholds of dlib-resnet" in page[: page.index('id="leaderboard"')]
        assert evaluated(tmp_path).data.people == 1, "left-out is the default for photos that are known"

    def test_the_shipped_list_is_that_of_the_thresholds(self) -> None:
        sizes = {f"{known.role} {name}": len(known.photos) for known in known_sets() for name in known.of}
        thresholds = load_thresholds().calibrated
        assert {count for of, count in sizes.items() if of.startswith("training")} == {870}
        calibrated = {of: count for of, count in sizes.items() if of.startswith("calibration")}
        assert calibrated == {f"calibration {name}": found.data["photos"] for name, found in thresholds.items()}
