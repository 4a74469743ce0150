"""One observer for receipts and evaluations: what was wrong while there were two, with the numbers that it cost."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from privacy_faces.config.files import resource
from privacy_faces.config.plan import make_plan
from privacy_faces.datasets.pairs import Pair
from privacy_faces.evaluation.entries import Entry
from privacy_faces.evaluation.folders import Request, evaluate_pairs
from privacy_faces.evaluation.identification import best_ranks, ranks
from privacy_faces.evaluation.probes import Probe, find_probes
from privacy_faces.evaluation.processes import Task, see
from privacy_faces.evaluation.results import MethodResults
from privacy_faces.evaluation.rows import Success
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.judge import Judge
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.placed import is_placed
from privacy_faces.judge.receipt import FaceReceipt, Receipt
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import load_thresholds
from privacy_faces.judge.verdicts import best_of_person, similarity
from privacy_faces.methods.context import Context
from privacy_faces.photos.detection.finder import FaceFinder, make_finder
from privacy_faces.photos.formats.read import photo_from_array
from privacy_faces.pipeline.judges import settled
from privacy_faces.pipeline.layouts.pairs import find_pairs
from privacy_faces.recognizers.ensemble import Ensemble

pytestmark = pytest.mark.usefixtures("one_thread")

FACES = tuple(f"{number:03}" for number in range(1, 9))
Change = Callable[[np.ndarray], np.ndarray]


def portrait(name: str) -> np.ndarray:
    return np.asarray(Image.open(resource(f"assets/faces/{name}.png")).convert("RGB"))


def scene(*names: str) -> np.ndarray:
    """A photo of 512 x 768 pixels with a textured ground and some faces side by side, the first one on the left."""
    noise = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    ground = np.asarray(Image.fromarray(noise).resize((768, 512), Image.Resampling.BICUBIC)).copy()
    for place, name in enumerate(names):
        left = 20 + 380 * place
        ground[128:384, left : left + 256] = portrait(name)
    return ground


def blurred(rgb: np.ndarray, left: int) -> np.ndarray:
    """The face that begins at `left` blurred beyond recognition."""
    image = Image.fromarray(rgb)
    box = (left, 128, left + 256, 384)
    image.paste(image.crop(box).filter(ImageFilter.GaussianBlur(24)), box)
    return np.asarray(image)


@pytest.fixture(scope="module")
def observer() -> Observer:
    context = Context("cpu")
    return Observer(make_finder("mtcnn"), Ensemble([context.recognizer("dlib-resnet")]), context.device)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes")
    for name in FACES:
        Image.fromarray(scene(name)).save(root / f"{name}.png")
    return root


def evaluated(
    originals: Path, protected: Path, observer: Observer, surrogates: list[str] | None = None
) -> MethodResults:
    request = Request("changed", surrogates, robustness=False, attackers=False)
    results, _ = evaluate_pairs(
        find_pairs(originals, protected),
        observer,
        load_thresholds(),
        request,
        data_name="scenes",
        command="",
        progress=lambda rows, what: rows,
    )
    return results.methods[0]


def changed(originals: Path, root: Path, change: Change) -> Path:
    root.mkdir()
    for path in originals.glob("*.png"):
        Image.fromarray(np.ascontiguousarray(change(np.asarray(Image.open(path))))).save(root / path.name)
    return root


def of(method: MethodResults, measure: str) -> Success:
    (row,) = (row for row in method.success if (row.measure, row.far, row.group) in {(measure, 0.001, None)})
    return row


class TestUnprotectedVersions:
    @pytest.mark.parametrize(
        ("change", "placed"),
        [
            (lambda rgb: rgb[:, :384], False),
            (lambda rgb: rgb[:, 40:552], False),
            (lambda rgb: rgb[:, ::-1], False),
            (np.rot90, False),
            (lambda rgb: np.pad(rgb, ((200, 0), (0, 0), (0, 0))), False),
            (lambda rgb: np.asarray(Image.fromarray(rgb).resize((500, 333))), True),
        ],
        ids=["left-half", "square", "mirrored", "turned", "padded", "resized"],
    )
    def test_dodge_nothing(  # all 8 of 8 were called dodged, but for the resized ones
        self, change: Change, placed: bool, scenes: Path, observer: Observer, tmp_path: Path
    ) -> None:
        method = evaluated(scenes, changed(scenes, tmp_path / "changed", change), observer)
        dodging = of(method, "dodging").protected
        assert (dodging.value, dodging.n) == (0.0, 8)
        assert method.found == {"at its place": 8 * placed, "elsewhere": 8 * (not placed), "nowhere": 0}
        assert method.quality.detected.value == 1.0
        assert (method.quality.ssim.value is None) is not placed

    def test_roles_are_unknown_where_nothing_tells_them(self, scenes: Path, observer: Observer, tmp_path: Path) -> None:
        same = changed(scenes, tmp_path / "same", lambda rgb: rgb)
        method = evaluated(scenes, same, observer)
        assert ({row.role for row in method.success}, method.evidence) == ({"unknown"}, "unknown")
        told = evaluated(scenes, same, observer, ["facenet"])
        assert ({row.role for row in told.success}, told.evidence) == ({"held-out"}, "held-out")
        assert told.surrogates == ["facenet"], "listed, though it does not judge"


class TestPlaced:
    def test_protection_stays_in_its_place(self, observer: Observer) -> None:
        rgb = scene("001")
        faces = observer.faces(rgb)
        assert is_placed(rgb, blurred(rgb, 20), faces)
        assert is_placed(rgb, (rgb * 0.8).astype(np.uint8), faces), "darker"
        assert is_placed(rgb, rgb[::2, ::2], faces)
        for moved in (rgb[:, ::-1], rgb[::-1], np.rot90(rgb, 2), rgb[:, :700], np.roll(rgb, 60, 1)):
            assert not is_placed(rgb, moved, faces)


class TestEveryFace:
    def test_two_people_one_blurred_is_half(self, observer: Observer, tmp_path: Path) -> None:
        rgb = scene("002", "003")
        paths = [tmp_path / name for name in ("before.png", "after.png")]
        for path, picture in zip(paths, (rgb, blurred(rgb, 20)), strict=True):
            Image.fromarray(picture).save(path)
        results, _ = evaluate_pairs(
            [Pair("both", "somebody", *paths)],
            observer,
            load_thresholds(),
            Request("blur", [], robustness=False, attackers=False),
            data_name="two",
            command="",
            progress=lambda rows, what: rows,
        )
        (method,) = results.methods
        dodging = of(method, "dodging").protected
        assert (dodging.value, dodging.n) == (0.5, 2), "the larger face alone would make 0 or 100 %"
        assert (method.photos, method.faces, results.data.photos, results.data.faces) == (1, 2, 1, 2)
        (rank,) = (row for row in method.success if row.measure == "rank-1" and row.group is None)
        assert rank.protected.missing is not None, "of the other face nothing says who it is"
        assert "the gallery holds 1 people" in rank.protected.missing

    def test_a_person_of_their_own(self, observer: Observer, tmp_path: Path) -> None:
        Image.fromarray(scene("002", "003")).save(tmp_path / "a.png")
        probes, faces, _ = find_probes([Probe("a.png", "ann", tmp_path / "a.png")], observer)
        assert [(probe.person, probe.face, probe.label) for probe in probes] == [
            ("ann", 0, "a.png"),
            ("a.png#2", 1, "a.png#2"),
        ]
        assert len(faces) == 2


class TestTurned:
    def receipts(self, observer: Observer, rgb: np.ndarray, result: np.ndarray) -> FaceReceipt:
        judge = Judge(observer.ensemble, observer.finder, load_thresholds(), 0.001, observer.device)
        photo = photo_from_array(rgb)
        (receipt,) = judge.judge(photo, observer.faces(rgb), lambda: photo_from_array(result), lambda: photo, [])
        return receipt

    @pytest.mark.parametrize("quarters", [1, 2])
    def test_receipts_agree_with_the_upright_photo(self, quarters: int, observer: Observer) -> None:
        """A mild change that recognition survives: 8 of 8 turned photos were called protected."""
        for name in FACES:
            rgb = portrait(name)
            noisy = np.clip(rgb + np.random.default_rng(0).normal(0, 4, rgb.shape), 0, 255).astype(np.uint8)
            upright = self.receipts(observer, rgb, noisy)
            turned = self.receipts(observer, np.rot90(rgb, quarters).copy(), np.rot90(noisy, quarters).copy())
            assert (turned.protected, turned.found) == (upright.protected, upright.found) == (False, "at its place")
            a, b = (item.recognizers["dlib-resnet"].similarity for item in (upright, turned))
            assert a == pytest.approx(b, abs=0.04), "found in another copy, so aligned a little differently"

    def test_a_face_that_came_back_turned_is_found(self, observer: Observer) -> None:
        """Another tool saved the photo on its head: the place is lost, the person is not."""
        rgb = portrait("005")
        receipt = self.receipts(observer, rgb, np.rot90(rgb, 2).copy())
        assert (receipt.found, receipt.protected, receipt.detected_after) == ("elsewhere", False, False)

    def test_where_nothing_is_found_all_quarter_turns_of_the_place_count(self, observer: Observer) -> None:
        rgb = portrait("001")
        (seen,) = observer.look(np.full_like(rgb, 127), observer.faces(rgb))
        assert (seen.found, len(seen.views), seen.face) == ("nowhere", 4, None)
        first, second = seen.views[:2]
        np.testing.assert_array_equal(np.rot90(first.frame), second.frame)


class TestCandidates:
    def test_the_best_one_counts(self) -> None:
        angles = np.deg2rad([0.0, 40, 90, 100, 10])
        rows = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
        probes = Candidates(rows, np.array([2, 2, 1]))
        np.testing.assert_array_equal(probes.members, [[0, 1], [2, 3], [4, -1]])
        reference = np.array([[1, 0]] * 3, dtype=np.float32)
        np.testing.assert_allclose(similarity(probes, reference), np.cos(np.deg2rad([0, 90, 10])), atol=1e-6)
        np.testing.assert_array_equal(probes.take(np.array([2, 0])).embeddings, rows[[4, 0, 1]])
        people = np.array([0, 1, 0])
        # Face 0 by its candidate at 0 degrees: 10 to face 2; face 2 has both, 10 degrees off the nearer.
        best = best_of_person(probes, people, probes, people, np.arange(3))
        np.testing.assert_allclose(best[[0, 2]], np.cos(np.deg2rad([10, 10])), atol=1e-6)
        assert np.isnan(best[1])
        gallery = rows[[2, 4]]
        assert best_ranks(probes, gallery, np.array([1, 0]), people).tolist() == [1, 1, 1]

    def test_one_candidate_each_changes_nothing(self) -> None:
        random = np.random.default_rng(0)
        rows = random.normal(size=(30, 8)).astype(np.float32)
        people = random.integers(0, 9, 30)
        single = Candidates.single(rows)
        own = np.arange(30)
        np.testing.assert_array_equal(
            best_ranks(single, rows, people, people, single.members), ranks(rows, rows, people, people, own)
        )


class TestNothingIsLookedAtTwice:
    def test_a_benchmark_uses_what_the_receipts_judge_saw(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("001", "002"):
            Image.fromarray(portrait(name)).save(tmp_path / f"{name}.png")
        plan = settled(make_plan("pixelate", run={"receipts": "full"}), print)  # as `benchmark` keeps them
        context = Context("cpu")
        recognizer = context.recognizer("dlib-resnet")
        observer = Observer(make_finder(), Ensemble([recognizer]), context.device, Store(tmp_path / "out/seen.sqlite"))
        photos = [Probe(f"{name}.png", name, tmp_path / f"{name}.png") for name in ("001", "002")]
        probes, faces, _ = find_probes(photos, observer)
        task = Task(Entry(plan, "pixelate"), plan.run, probes, faces, tmp_path / "out", False, False, 1)

        counts: dict[str, int] = {"embedded": 0, "searched": 0}
        features, find = type(recognizer).features, FaceFinder.upright

        def counted_features(self: object, chips: object) -> object:
            counts["embedded"] += len(chips)  # type: ignore[arg-type]
            return features(self, chips)  # type: ignore[arg-type]

        def counted_find(self: FaceFinder, *args: object, **options: object) -> object:
            counts["searched"] += 1
            return find(self, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(type(recognizer), "features", counted_features)
        monkeypatch.setattr(FaceFinder, "upright", counted_find)
        done = see(task)
        receipts = [
            Receipt.parse(path.read_bytes(), path.name)
            for path in sorted((tmp_path / "out/photos/pixelate").glob("*.receipt.json"))
        ]
        assert len(receipts) == 2
        assert counts["embedded"] == 2 + sum(
            len(done.seen.embeddings["written"]["dlib-resnet"].take(np.array([row])).embeddings) for row in range(2)
        ), "each original once, each candidate of each written file once"
        before = dict(counts)
        again = see(task)
        assert counts == before, "the second time everything is remembered"
        # The same file, the same number.
        for row, receipt in enumerate(receipts):
            embedded = observer.embed([observer.look(portrait(f"00{row + 1}"), [faces[row]])[0].views[0]])
            value = similarity(
                again.seen.embeddings["written"]["dlib-resnet"].take(np.array([row])), embedded["dlib-resnet"]
            )
            (face,) = receipt.faces
            assert round(float(value[0]), 4) == face.recognizers["dlib-resnet"].similarity
            assert again.seen.found["written"][row] == face.found


def test_pairs_by_table_still_work(scenes: Path, observer: Observer, tmp_path: Path) -> None:
    """One original in two rows: each row is judged, whatever its photo is called."""
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("original", "protected"), ("001.png", "001.png"), ("002.png", "002.png")])
    pairs = find_pairs(scenes, scenes, tmp_path / "pairs.csv")
    probes, _, _ = find_probes([Probe(pair.name, pair.person, pair.original) for pair in pairs], observer)
    assert len({probe.name for probe in probes}) == 2
