"""The evaluator end to end, on the synthetic faces that ship: operations, attackers, folders of any tool, and the two
extremes, no change and a black face."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.registry import METHODS
from privacy_faces.datasets.folder import DatasetError, metadata_of
from privacy_faces.datasets.pairs import PairsError
from privacy_faces.datasets.samples import sample_photos
from privacy_faces.evaluation.attackers.crops import averaged, crops, mirrored_landmarks
from privacy_faces.evaluation.attackers.fine_tuned import named_after_tuning
from privacy_faces.evaluation.attackers.purification import purifier
from privacy_faces.evaluation.attackers.registry import (
    GROWING_GALLERY,
    LINEAR_PROBE,
    PICTURE_ATTACKERS,
    PROTECTED_GALLERY,
    REVERSAL,
)
from privacy_faces.evaluation.attackers.reversal import reversal
from privacy_faces.evaluation.attackers.searches import linked, named
from privacy_faces.evaluation.attackers.sharpening import blur_and_sharpen
from privacy_faces.evaluation.attackers.trained_purifier import Pairs, purified_by_others
from privacy_faces.evaluation.detectability import detectability
from privacy_faces.evaluation.results import Results, ResultsError, read_results
from privacy_faces.evaluation.robustness import OPERATIONS, through_jpeg
from privacy_faces.evaluation.trained import told_once
from privacy_faces.evaluation.utility import (
    attributes_kept,
    coarse_similarity,
    color_shift,
    eyes_open,
    gaze,
    gaze_shift,
    landmark_shift,
    mouth_open,
    pose_shift,
    tone_shift,
)
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.receipt import Receipt
from privacy_faces.judge.store import Store
from privacy_faces.judge.views import View, moved, view_of
from privacy_faces.methods.context import Context
from privacy_faces.methods.targets import TargetError, read_target, scored_image
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.frames import transform
from privacy_faces.photos.regions import region_masks
from privacy_faces.pipeline.layouts.pairs import find_pairs
from privacy_faces.recognizers.closed_set import ClassifierError, ClosedSet, load_classifier, save_classifier
from privacy_faces.recognizers.ensemble import Ensemble
from tests.evaluation.recompute import disagreements

pytestmark = pytest.mark.usefixtures("one_thread")

PEOPLE = ("001", "002", "003", "004")


@pytest.fixture
def observer(finder: FaceFinder, context: Context) -> Observer:
    return Observer(finder, Ensemble([context.recognizer("dlib-resnet")]), context.device)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people, two photos each, one folder per person; and groups."""
    root = tmp_path_factory.mktemp("originals")
    rows = []
    for person in PEOPLE:
        (root / person).mkdir()
        for name, folder in (("a", "assets/faces"), ("b", "assets/faces/second")):
            (root / person / f"{name}.png").write_bytes((resource(folder) / f"{person}.png").read_bytes())
            rows.append(
                {
                    "file_name": f"{person}/{name}.png",
                    "identity": person,
                    "half": "first" if person < "003" else "second",
                }
            )
    with (root / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def protected_by(originals: Path, root: Path, change: object) -> Path:
    for path in originals.rglob("*.png"):
        target = root / path.relative_to(originals)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(change(np.asarray(Image.open(path)).copy())).save(target)  # type: ignore[operator]
    return root


def evaluated(originals: Path, protected: Path, output: Path, *flags: str) -> tuple[Results, Result]:
    done = CliRunner().invoke(main, ["evaluate", str(originals), str(protected), "--output", str(output), *flags])
    assert done.exit_code in (0, 1), done.output
    return read_results(output / "results.json"), done


def receipt_of(path: Path) -> dict[str, Any]:
    """What the contract names of a receipt, and no more: one face, made with dlib-resnet to resemble face 000."""
    verdict = {"similarity": 0.5, "threshold": 0.9, "far": 0.001, "matched": False, "role": "surrogate"}
    face = {
        "box": [0, 0, 10, 10],
        "detection_score": 1.0,
        "recognizers": {"dlib-resnet": verdict},
        "target": {"name": "synthetic face 000"},
        "quality": {"psnr": 30.0, "ssim": 0.9, "lpips": None},
        "protected": True,
        "evidence": "surrogate-only",
    }
    photo = {"input": path.name, "output": path.name, "method": "makeup", "options": {}, "seed": 0}
    return {"schema": 1, **photo, "faces": [face], "weights": [], "seconds": {"protect": 1.0}}


# Operations and attackers are looked at where nothing was changed.
BRIEF = ("--no-robustness", "--no-attackers")


class TestExtremes:
    def test_unchanged_photos_dodge_nothing_and_are_flagged(self, originals: Path, tmp_path: Path) -> None:
        protected = protected_by(originals, tmp_path / "same", lambda rgb: rgb)
        results, done = evaluated(originals, protected, tmp_path / "out")
        (method,) = results.methods
        assert method.flags == [
            "UNCHANGED: 8 of 8 photos came back with the very same pixels: nothing was protected in them."
        ]
        assert "UNCHANGED: 8 of 8" in done.stdout
        assert {row.protected.value for row in method.success if not row.protected.missing} == {0.0}, "all are found"
        assert {row.lift.value for row in method.success if not row.lift.missing} == {0.0}
        # Four people, of whom everybody is among the first five.
        assert {row.measure for row in method.success if row.lift.missing} == {"rank-5", "rank-5-same-photo"}
        assert {row.dodging.value for row in method.robustness} == {0.0}
        assert {row.operation for row in method.robustness} == set(OPERATIONS)
        assert {row.attacker for row in method.attacks} == {
            attacker.name for attacker in (*PICTURE_ATTACKERS, PROTECTED_GALLERY, LINEAR_PROBE, GROWING_GALLERY)
        } - {REVERSAL.name}, "nothing says what operation it was"
        assert {row.protected.value for row in method.attacks} == {0.0}
        assert (method.quality.psnr.value, method.quality.ssim.value) == (None, 1.0)
        assert method.examples[0].psnr is None
        assert method.evidence == "unknown"
        assert {row.role for row in method.success} == {"unknown"}
        assert (method.photos, method.faces, method.found["at its place"]) == (8, 8, 8)
        assert any("Nothing says which recognizers helped" in note for note in results.notes)
        assert results.data.people_with_other_photos == 4
        assert {row.group.value for row in method.success if row.group} == {"first", "second"}
        assert (tmp_path / "out/report.html").is_file()

    @pytest.mark.slow(reason="every attacker on photos that only look changed, three times")
    @pytest.mark.parametrize(
        "change",
        [
            lambda rgb: np.asarray(through_jpeg(Image.fromarray(rgb), 90)),
            lambda rgb: rgb[8:-8, 8:-8],
            lambda rgb: np.ascontiguousarray(rgb[:, ::-1]),
            lambda rgb: np.rot90(rgb).copy(),
            lambda rgb: np.asarray(Image.fromarray(rgb).rotate(10, Image.Resampling.BICUBIC, expand=True)),
        ],
        ids=["re-encoded", "cropped", "mirrored", "a quarter turn", "ten degrees"],
    )
    def test_what_protects_nothing_gets_nothing(self, change: Any, originals: Path, tmp_path: Path) -> None:
        """No measure and no attacker says that anybody is hidden."""
        protected = protected_by(originals, tmp_path / "null", change)
        results, _ = evaluated(originals, protected, tmp_path / "out", "--no-robustness")
        (method,) = results.methods
        hidden = [row.measure for row in method.success if not row.protected.missing and row.protected.value != 0]
        assert hidden == []
        assert [row.attacker for row in method.attacks if row.protected.value != 0] == []

    def test_black_faces_dodge_everything_and_the_price_shows(self, originals: Path, tmp_path: Path) -> None:
        def black(rgb: np.ndarray) -> np.ndarray:
            rgb[40:230, 50:206] = 0
            return rgb

        protected = protected_by(originals, tmp_path / "black", black)
        results, _ = evaluated(originals, protected, tmp_path / "out", "--surrogates", "dlib-resnet", *BRIEF, "--json")
        (method,) = results.methods
        found = {row.measure: row for row in method.success if row.far == 0.001 and row.group is None}
        assert (found["dodging"].protected.value, found["dodging"].clean.value, found["dodging"].lift.value) == (
            1.0,
            0.0,
            1.0,
        )
        assert method.flags == []
        assert method.evidence == "surrogate-only"
        assert method.quality.detected.value == 0.0
        assert method.quality.psnr.value is not None
        assert method.quality.psnr.value < 15
        assert method.quality.ssim.value is not None
        assert method.quality.ssim.value < 0.7
        assert method.quality.landmark_shift.value is None
        assert not method.attacks
        assert not method.robustness


class TestFolders:
    def test_pairs_by_path_whatever_the_ending(self, originals: Path, tmp_path: Path) -> None:
        (tmp_path / "p/001").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "p/001/a.jpg")
        (tmp_path / "p/masks/001").mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "p/masks/001/b.png")
        pairs = find_pairs(originals, tmp_path / "p")
        assert [(pair.name, pair.person, pair.protected is not None) for pair in pairs[:3]] == [
            ("001/a.png", "001", True),
            ("001/b.png", "001", False),
            ("002/a.png", "002", False),
        ]
        assert pairs[0].groups == {"half": "first"}

    def test_a_table_of_pairs(self, originals: Path, tmp_path: Path) -> None:
        table = tmp_path / "pairs.csv"
        table.write_text(
            "original,protected,person,target,light\n001/a.png,002/a.png,ann,bob,warm\n003/a.png,003/b.png,,,\n"
        )
        first, second = find_pairs(originals, originals, table)
        assert (first.person, first.target, first.groups, first.protected) == (
            "ann",
            "bob",
            {"light": "warm"},
            originals / "002/a.png",
        )
        assert (second.person, second.target, second.groups) == ("003", None, {})
        table.write_text("original,protected\n../secret.png,001/a.png\n")
        with pytest.raises(PairsError, match=r"Expected a file below .* in line 2 of .*, found '../secret.png'"):
            find_pairs(originals, originals, table)
        table.write_text("before,after\na,b\n")
        with pytest.raises(
            PairsError, match=r"Expected rows with the columns original, protected in .*, found before, after"
        ):
            find_pairs(originals, originals, table)
        with pytest.raises(PairsError, match="found none"):
            find_pairs(originals, originals, tmp_path / "none.csv")

    def test_folders_that_do_not_match_are_refused(self, originals: Path, tmp_path: Path) -> None:
        Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
        with pytest.raises(PairsError, match=r"found no pair among 8 originals. Name them in a table: --pairs FILE"):
            find_pairs(originals, tmp_path)
        done = CliRunner().invoke(main, ["evaluate", str(originals), str(tmp_path), "--output", str(tmp_path / "out")])
        assert done.exit_code == 2
        assert "found no pair among 8 originals" in done.stderr
        assert not (tmp_path / "out/results.json").exists()

    def test_metadata_must_stay_inside(self, tmp_path: Path) -> None:
        (tmp_path / "metadata.csv").write_text("file_name,age\n../x.png,old\n")
        with pytest.raises(DatasetError, match="Expected photos inside"):
            metadata_of(tmp_path)
        (tmp_path / "metadata.csv").write_text("file,age\nx.png,old\n")
        with pytest.raises(DatasetError, match="Expected a column file_name"):
            metadata_of(tmp_path)

    def test_photos_without_a_version_are_failures(self, originals: Path, tmp_path: Path) -> None:
        protected = protected_by(originals, tmp_path / "p", lambda rgb: rgb[::2, ::2])
        (protected / "004/b.png").unlink()
        (protected / "004/a.png").unlink()
        results, done = evaluated(originals, protected, tmp_path / "out", "--no-robustness", "--no-attackers")
        (method,) = results.methods
        assert done.exit_code == 1
        assert [(item.photo, item.reason) for item in method.failures] == [
            ("004/a.png", "no protected version"),
            ("004/b.png", "no protected version"),
        ]
        assert method.flags == ["FAILED: 2 of 8 photos have no result, and count nowhere below."]
        found = {row.measure: row for row in method.success if row.far == 0.001 and row.group is None}
        # Half the size is the same face: another tool may scale its photos.
        assert (found["dodging"].protected.value, found["dodging"].protected.n) == (0.0, 6)

    @pytest.mark.parametrize("short", [False, True])
    def test_receipts_tell_surrogates_and_target(self, originals: Path, tmp_path: Path, short: bool) -> None:
        protected = protected_by(originals, tmp_path / "p", lambda rgb: rgb)
        for path in protected.rglob("*.png"):
            receipt = Receipt.parse(json.dumps(receipt_of(path)), "")
            path.with_name(f"{path.name}.receipt.json").write_bytes((receipt.short() if short else receipt).dump())
        results, _ = evaluated(originals, protected, tmp_path / "out", "--no-robustness", "--no-attackers")
        (method,) = results.methods
        assert (method.surrogates, method.evidence, method.target, method.label) == (
            ["dlib-resnet"],
            "surrogate-only",
            "synthetic face 000",
            "p as synthetic face 000",
        )
        assert {"impersonation", "dodging-and-impersonation", "targeted-rank-1", "targeted-rank-5"} <= {
            row.measure for row in method.success
        }

    def test_the_layout_of_privacy_preserving_diffusion_and_its_fooling_rate(
        self, originals: Path, tmp_path: Path, observer: Observer
    ) -> None:
        """The fooling rate and the accuracy of a fine-tuned closed-set classifier, against ten lines that compute them
        directly."""
        labels = {person: str(index) for index, person in enumerate(PEOPLE)}
        (tmp_path / "ppd/original").mkdir(parents=True)
        (tmp_path / "ppd/results").mkdir()
        for path in sorted(originals.rglob("*.png")):
            image, label = Image.open(path), labels[path.parent.name]
            stem = f"{path.parent.name}{path.stem}"
            image.save(tmp_path / f"ppd/original/{stem}-img-label-{label}.png")
            # Some of the results show somebody else.
            if label in "12" and path.stem == "a":
                image = Image.open(originals / "004/a.png")
            image.save(tmp_path / f"ppd/results/{stem}-generated-label-{label}.png")

        def embeddings(folder: str) -> np.ndarray:
            pictures = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "ppd" / folder).iterdir())]
            return observer.embed(view_of(rgb, observer.faces(rgb)[0]) for rgb in pictures)["dlib-resnet"]

        before, after = embeddings("original"), embeddings("results")
        truth = np.array([0, 0, 1, 1, 2, 2, 3, 3])
        # A head that names people by their two photos, and one of them never.
        weight = (before[::2] + before[1::2]) / 2
        weight[0] /= 2
        classifier = ClosedSet("dlib-resnet", tuple("0123"), weight, np.zeros(4, dtype=np.float32))
        save_classifier(classifier, tmp_path / "head.safetensors")

        logits = [np.maximum(side, 0) @ weight.T for side in (before, after)]
        said_before, said_after = (row.argmax(1) for row in logits)
        right = said_before == truth
        accuracy, fooling = right.mean(), (said_after[right] != truth[right]).mean()
        assert 0 < accuracy < 1
        assert 0 < fooling < 1

        flags = ["--classifier", str(tmp_path / "head.safetensors"), "--no-robustness", "--no-attackers"]
        results, _ = evaluated(tmp_path / "ppd", tmp_path / "ppd", tmp_path / "out", *flags)
        rows = {row.measure: row for row in results.methods[0].success if row.recognizer == "classifier on dlib-resnet"}
        assert rows["fooling"].protected.value == pytest.approx(fooling, abs=1e-6)
        assert rows["fooling"].protected.n == right.sum()
        assert rows["misclassification"].clean.value == pytest.approx(1 - accuracy, abs=1e-6)
        assert rows["misclassification"].protected.value == pytest.approx((said_after != truth).mean(), abs=1e-6)

    def test_classifiers_that_do_not_fit_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "none.safetensors").write_bytes(b"nothing")
        with pytest.raises(ClassifierError, match="Expected a closed-set classifier"):
            load_classifier(tmp_path / "none.safetensors")
        save_classifier(
            ClosedSet("dlib-resnet", ("a", "b"), np.zeros((3, 128), np.float32), np.zeros(3, np.float32)),
            tmp_path / "wrong.safetensors",
        )
        with pytest.raises(
            ClassifierError, match=r"Expected weight \(2, D\) and bias \(2,\) in .*, found \(3, 128\), \(3,\)"
        ):
            load_classifier(tmp_path / "wrong.safetensors")


class TestObserver:
    def test_every_network_sees_a_picture_once(
        self, sample: np.ndarray, finder: FaceFinder, context: Context, tmp_path: Path
    ) -> None:
        recognizer = context.recognizer("dlib-resnet")
        calls: list[int] = []
        original = type(recognizer).features
        try:
            type(recognizer).features = lambda self, chips: (calls.append(len(chips)), original(self, chips))[1]  # type: ignore[method-assign]
            first = Observer(finder, Ensemble([recognizer]), context.device, Store(tmp_path / "seen.sqlite"))
            (face,) = first.faces(sample)
            (seen,) = first.look(sample, [face])
            assert seen.found == "at its place"
            once = first.embed([*seen.views, *seen.views])
            assert calls == [1]
            # Another process, later: it asks the file.
            second = Observer(finder, Ensemble([recognizer]), context.device, Store(tmp_path / "seen.sqlite"))
            twice = second.embed(second.look(sample, second.faces(sample))[0].views)
            assert calls == [1]
        finally:
            type(recognizer).features = original  # type: ignore[method-assign]
        np.testing.assert_array_equal(once["dlib-resnet"][0], twice["dlib-resnet"][0])

    def test_the_batch_changes_nothing(self, sample: np.ndarray, observer: Observer) -> None:
        (face,) = observer.faces(sample)
        views = [view_of((sample * scale).astype(np.uint8), face) for scale in (1.0, 0.8, 0.6)]
        together = observer.embed(views)["dlib-resnet"]
        alone = [
            Observer(observer.finder, observer.ensemble, observer.device).embed([view])["dlib-resnet"][0]
            for view in views
        ]
        np.testing.assert_allclose(np.stack(alone), together, atol=1e-5)

    def test_nothing_to_see(self, observer: Observer) -> None:
        assert observer.embed([])["dlib-resnet"].shape == (0, 128)


class TestOperations:
    @pytest.mark.parametrize("name", OPERATIONS)
    def test_changes_the_picture_and_says_where_the_face_went(
        self, name: str, sample: np.ndarray, sample_face: Face, finder: FaceFinder
    ) -> None:
        rgb, affine = OPERATIONS[name](sample)
        assert rgb.dtype == np.uint8
        if rgb.shape == sample.shape:
            assert not np.array_equal(rgb, sample)
        expected = moved(sample_face, affine)
        again = min(finder.find(rgb), key=lambda face: float(np.abs(face.landmarks - expected.landmarks).mean()))
        assert np.abs(again.landmarks - expected.landmarks).mean() < 0.05 * expected.eye_distance
        np.testing.assert_allclose(expected.box.reshape(2, 2), transform(affine, sample_face.box.reshape(2, 2)))

    def test_geometry_by_hand(self) -> None:
        """Half the size of 100 pixels: the outer edge stays the edge, -0.5 to -0.5 and 99.5 to 49.5.

        A crop of 6 % begins at pixel 6.
        """
        _, affine = OPERATIONS["messenger"](np.zeros((100, 100, 3), dtype=np.uint8))
        np.testing.assert_allclose(transform(affine, np.array([[-0.5, 99.5]])), [[-0.5, 49.5]])
        cut, affine = OPERATIONS["crop"](np.zeros((100, 100, 3), dtype=np.uint8))
        assert cut.shape == (88, 88, 3)
        np.testing.assert_allclose(transform(affine, np.array([[6.0, 50.0]])), [[0.0, 44.0]])

    def test_takes_sixteen_bits(self) -> None:
        rgb, _ = OPERATIONS["brightness"](np.full((8, 8, 3), 100 << 8, dtype=np.uint16))
        assert rgb[0, 0].tolist() == [130, 130, 130]


@pytest.fixture(scope="module")
def view(sample: np.ndarray, sample_face: Face) -> View:
    return view_of(sample, sample_face)


@pytest.fixture(scope="module")
def views(finder: FaceFinder) -> list[View]:
    """Two photos of each of twelve people, one after the other."""
    found = []
    for person in (f"{number:03d}" for number in range(12)):
        for folder in ("assets/faces", "assets/faces/second"):
            rgb = np.array(Image.open(resource(folder) / f"{person}.png"))
            face = finder.largest(rgb)
            assert face is not None
            found.append(view_of(rgb, face))
    return found


class TestAttackers:
    def test_purification_keeps_the_face_and_washes_out_noise(self, view: View, observer: Observer) -> None:
        noise = 0.03 * np.sign(np.random.default_rng(0).normal(size=view.frame.shape)).astype(np.float32)
        noisy = View(np.clip(view.frame + noise, 0, 1), view.landmarks)
        purify = purifier()
        for clean in (blur_and_sharpen(noisy), purify([noisy])[0]):
            assert clean.frame.shape == view.frame.shape
            assert np.abs(clean.frame - view.frame).mean() < np.abs(noisy.frame - view.frame).mean()
        (alone,), together = purify([view]), purify([noisy, view])
        np.testing.assert_allclose(together[1].frame, alone.frame, atol=2e-3)
        embedded = observer.embed([view, alone])["dlib-resnet"]
        assert embedded[0] @ embedded[1] > 0.927

    @pytest.mark.parametrize(
        ("method", "options"), [("blur", {"sigma": 0.02}), ("pixelate", {"cells": 28}), ("fill", {})]
    )
    def test_reversal_undoes_a_light_blur_and_a_fine_mosaic(
        self, method: str, options: dict[str, Any], observer: Observer, context: Context
    ) -> None:
        rgb = np.asarray(Image.open(resource("assets/faces/001.png")))
        (face,) = observer.faces(rgb)
        before = view_of(rgb, face)
        built = METHODS.build(method, options, context)
        reverse = reversal(built)
        if method == "fill":
            assert reverse is None, "nothing is left that could be undone"
            return
        assert reverse is not None
        frames = torch.from_numpy(before.frame).permute(2, 0, 1)[None]
        regions = {
            name: torch.from_numpy(mask)[None, None] for name, mask in region_masks(before.landmarks, 256).items()
        }
        hidden = built(FrameBatch(frames, torch.from_numpy(before.landmarks)[None].float(), regions, [0])).frames
        pixels = (hidden[0].permute(1, 2, 0) * 255).round().numpy() / 255
        after = View(pixels.astype(np.float32), before.landmarks)
        made = reverse([after, after])
        assert len(made) == 4, "two of each"
        rows = observer.embed([before, after, *made])["dlib-resnet"]
        hidden_similarity, *reversed_similarity = rows[1:] @ rows[0]
        assert 1 - max(reversed_similarity) < 0.9 * (1 - hidden_similarity)
        outside = ~region_masks(before.landmarks, 256)["face"]
        np.testing.assert_array_equal(made[0].frame[outside], after.frame[outside])

    def test_crops_are_of_one_face(self, view: View, observer: Observer) -> None:
        views = crops(view)
        rows = observer.embed([view, *views])["dlib-resnet"]
        assert len(views) == 10
        assert (rows[1:] @ rows[0] > 0.927).all(), "each still is the person"
        mean = averaged(rows[1:], 1)
        assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-6)

    def test_mirrored_landmarks(self) -> None:
        landmarks = np.arange(136, dtype=float).reshape(68, 2)
        flipped = mirrored_landmarks(landmarks, 256)
        # The outer corner of one eye becomes that of the other; the tip of the nose stays what it is.
        assert flipped[36].tolist() == [255 - landmarks[45, 0], landmarks[45, 1]]
        assert flipped[30].tolist() == [255 - landmarks[30, 0], landmarks[30, 1]]
        np.testing.assert_array_equal(mirrored_landmarks(flipped, 256), landmarks)

    def test_the_linear_probe_names_whom_it_was_trained_on(self) -> None:
        random = np.random.default_rng(0)
        people = random.normal(size=(5, 16)).astype(np.float32)
        training, labels = (
            np.repeat(people, 3, axis=0) + 0.1 * random.normal(size=(15, 16)).astype(np.float32),
            np.repeat(np.arange(5), 3),
        )
        assert named(training, labels, people).tolist() == [0, 1, 2, 3, 4]

    def test_a_gallery_that_grows_reaches_by_its_strongest_chain(self) -> None:
        """By enrolling, round after round, whatever is similar enough, as DynTracker does."""
        random = np.random.default_rng(0)
        photos = random.normal(size=(12, 4))
        photos /= np.linalg.norm(photos, axis=1, keepdims=True)
        between, direct = photos @ photos.T, photos @ photos[[0, 7]].T - 0.1
        reached = linked(direct, between)
        for person, photo in np.ndindex(2, 12):
            for threshold in (reached[photo, person] - 1e-9, reached[photo, person] + 1e-9):
                enrolled = direct[:, person] >= threshold
                for _ in range(12):
                    enrolled |= (between[:, enrolled] >= threshold).any(1)
                assert enrolled[photo] == (threshold < reached[photo, person])
        assert (reached >= direct).all()
        assert (reached > direct).any()


class TestTrainedAttackers:
    def test_who_could_not_learn_is_told_once(self) -> None:
        told = told_once([("blur", "too few people"), ("fill", "too few people"), ("fill", "no photo")])
        assert told == ["blur, fill: too few people", "fill: no photo"]

    def test_the_purifier_learns_on_others_what_the_protection_did(
        self, observer: Observer, views: list[View], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A colored veil, taken off faces that it never saw; the network is kept, and trained once."""
        monkeypatch.setattr("privacy_faces.evaluation.attackers.trained_purifier._SIDE", 32)
        before = np.array([view.frame * 255 for view in views]).round().astype(np.uint8)
        before = before[:, ::8, ::8].repeat(8, 1).repeat(8, 2)  # no detail is lost at the side of this test
        after = (0.7 * before + [60, 0, 20]).astype(np.uint8)
        landmarks = np.array([view.landmarks for view in views])
        pairs = Pairs(np.arange(len(views)), np.ones(len(views), dtype=bool))
        people = [f"person {number // 2}" for number in range(len(views))]
        clean, protected = purified_by_others(before, after, pairs, landmarks, people, observer, steps=24)
        off = np.abs(after.astype(float) - before).mean()
        assert np.abs(protected.astype(float) - before).mean() < 0.75 * off
        assert np.abs(clean.astype(float) - before).mean() < 0.9 * off
        started = perf_counter()
        again = purified_by_others(before, after, pairs, landmarks, people, observer, steps=24)
        assert perf_counter() - started < 5
        np.testing.assert_array_equal(again[1], protected)

    @pytest.mark.parametrize("receipts", ["full", "short"])
    def test_evaluate_reverses_what_full_receipts_tell(self, receipts: str, originals: Path, tmp_path: Path) -> None:
        flags = ["--method", "pixelate", "--receipts", receipts, "--output", str(tmp_path / "p")]
        done = CliRunner().invoke(main, ["anonymize", str(originals), *flags])
        assert done.exit_code == 0, done.output
        results, _ = evaluated(originals, tmp_path / "p", tmp_path / "out", "--no-robustness")
        asked = "reversal" in {row.attacker for row in results.methods[0].attacks}
        assert asked == (receipts == "full")
        assert any("--receipts full" in note for note in results.notes) == (receipts == "short")

    def test_evaluate_reverses_nothing_where_a_receipt_is_missing(self, originals: Path, tmp_path: Path) -> None:
        flags = ["--method", "pixelate", "--receipts", "full", "--output", str(tmp_path / "p")]
        done = CliRunner().invoke(main, ["anonymize", str(originals), *flags])
        assert done.exit_code == 0, done.output
        next((tmp_path / "p").rglob("*.receipt.json")).unlink()
        results, _ = evaluated(originals, tmp_path / "p", tmp_path / "out", "--no-robustness")
        assert "reversal" not in {row.attacker for row in results.methods[0].attacks}
        assert any("not all photos have a receipt" in note for note in results.notes)

    def test_the_tuned_recognizer_names_whom_it_learned(self, observer: Observer, views: list[View]) -> None:
        """Two photos of each: seen once, named the second time; the recognizer itself stays what it was."""
        (recognizer,) = observer.ensemble
        people = np.random.default_rng(0).permutation(len(views) // 2)
        before = {name: value.clone() for name, value in recognizer.state_dict().items()}
        said = named_after_tuning(recognizer, views[::2], people, views[1::2], observer.device, steps=3)
        assert said.tolist() == people.tolist()
        for name, value in recognizer.state_dict().items():
            assert torch.equal(value, before[name])
        assert not any(parameter.requires_grad for parameter in recognizer.parameters())

    @pytest.mark.slow(reason="every attacker on eight turned photos, and all numbers computed again")
    def test_they_are_rows_of_the_tables(
        self, originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Asked for, they stand in the tables from which everything can be computed again."""
        monkeypatch.setattr("privacy_faces.evaluation.trained.LEAST_PEOPLE", 4)
        monkeypatch.setattr("privacy_faces.evaluation.trained.STEPS", 2)
        protected = protected_by(originals, tmp_path / "p", lambda rgb: rgb[::-1, ::-1].copy())
        flags = ("--no-robustness", "--trained-attackers")
        results, _ = evaluated(originals, protected, tmp_path / "out", *flags)
        rows = {row.attacker: row for row in results.methods[0].attacks}
        assert rows["trained-purifier"].clean.value == 0
        assert (rows["fine-tuned-recognizer"].clean.value, rows["fine-tuned-recognizer"].clean.n) == (0, 4)
        assert not any("--trained-attackers" in note for note in results.notes)
        wrong, compared = disagreements(tmp_path / "out")
        assert (wrong, compared > 100) == ([], True)


class TestDetectability:
    def test_what_an_edit_leaves_and_what_it_does_not(self) -> None:
        """Half of every frame smoothed is found on people whom the classifier never saw; unchanged frames are not."""
        random = np.random.default_rng(0)
        before = random.normal(128, 8, (20, 64, 64, 3)).clip(0, 255).astype(np.uint8)
        after = before.copy()
        after[:, 16:48] = np.stack([cv2.GaussianBlur(frame, (5, 5), 0) for frame in before[:, 16:48]])
        people = [f"person {number // 2}" for number in range(20)]
        assert detectability(before, after, people).value == 1
        assert detectability(before, before, people).value == 0.5
        likewise = random.normal(128, 8, before.shape).clip(0, 255).astype(np.uint8)
        assert 0.2 < (detectability(before, likewise, people).value or 0) < 0.8

    def test_few_people_teach_nothing(self) -> None:
        frames = np.zeros((4, 64, 64, 3), dtype=np.uint8)
        number = detectability(frames, frames, list("abcd"))
        assert number.value is None
        assert number.missing == "needs 10 people, to learn from others than those who are judged"


def test_shifts_by_hand(sample_face: Face) -> None:
    white, black = np.ones((4, 4, 3), dtype=np.float32), np.zeros((4, 4, 3), dtype=np.float32)
    face = np.zeros((4, 4), dtype=bool)
    face[:2] = True
    changed = white.copy()
    changed[:3] = 0
    # CIELAB of white and black differ by 100 in lightness; one of the two rows outside the face changed.
    assert color_shift(white, changed, face) == pytest.approx(50, abs=1e-3)
    assert color_shift(white, black, ~face) == pytest.approx(100, abs=1e-3)
    right = Face(sample_face.box, sample_face.landmarks + np.array([sample_face.eye_distance / 10, 0]), 1.0)
    assert landmark_shift(sample_face, right) == pytest.approx(0.1, abs=1e-9)


class TestUtility:
    def test_a_head_that_turns(self, sample_face: Face) -> None:
        landmarks = sample_face.frame_landmarks(256)
        assert pose_shift(landmarks, landmarks, 256) == 0
        # A picture that is turned by ten degrees around the middle of the camera: the head is turned by as much.
        angle = np.deg2rad(10)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert pose_shift(landmarks, (landmarks - 128) @ turn.T + 128, 256) == pytest.approx(10, abs=0.5)
        # Mirrored, a face that looks to the left looks to the right.
        assert pose_shift(landmarks, mirrored_landmarks(landmarks, 256), 256) > 5

    def test_mouth_and_eyes_by_hand(self, sample_face: Face) -> None:
        landmarks = sample_face.frame_landmarks(256)
        for low in (65, 66, 67):  # lips that meet
            landmarks[low] = landmarks[{65: 63, 66: 62, 67: 61}[low]]
        assert not mouth_open(landmarks)
        landmarks[[65, 66, 67], 1] += 0.2 * np.linalg.norm(landmarks[60] - landmarks[64])
        assert mouth_open(landmarks)
        assert eyes_open(landmarks) == (True, True)
        landmarks[[40, 41]] = landmarks[[38, 37]]
        assert eyes_open(landmarks) == (False, True)

    def test_eyes_that_look_aside(self, view: View) -> None:
        assert gaze_shift(*[gaze(view.frame, view.landmarks)] * 2) == 0
        frame, found = view.frame.copy(), []
        for aside in (-0.2, 0.2):  # pupils drawn where they are to be, in eye widths
            for start in (36, 42):
                corners = view.landmarks[[start, start + 3]]
                width = np.linalg.norm(corners[1] - corners[0])
                cv2.fillPoly(frame, [view.landmarks[start : start + 6].astype(np.int32)], (1, 1, 1))
                middle = corners.mean(0) + aside * (corners[1] - corners[0])
                cv2.circle(frame, middle.round().astype(int).tolist(), round(0.12 * width), (0, 0, 0), -1)
            found.append(gaze(frame, view.landmarks))
        np.testing.assert_allclose([each[:, 0] for each in found], [[-0.2] * 2, [0.2] * 2], atol=0.06)
        assert gaze_shift(*found) == pytest.approx(0.4, abs=0.08)
        shut = view.landmarks.copy()
        shut[[37, 38]] = shut[[41, 40]]
        assert np.isnan(gaze(frame, shut)).all(1).tolist() == [True, False]

    def test_tone_and_coarse_picture(self, view: View) -> None:
        assert tone_shift(view.frame, view.frame, view.landmarks) == 0
        assert tone_shift(view.frame, view.frame * 0.5, view.landmarks) > 10
        assert coarse_similarity(view.frame, view.frame) == pytest.approx(1)
        noise = 0.1 * np.random.default_rng(0).normal(size=view.frame.shape).astype(np.float32)
        fine, coarse = (view.frame + noise).clip(0, 1), view.frame[::-1]
        assert coarse_similarity(view.frame, fine) > 0.95
        assert coarse_similarity(view.frame, coarse) < 0.6

    def test_a_face_that_is_unchanged_keeps_its_attributes(self) -> None:
        rows = np.random.default_rng(0).normal(size=(5, 128)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        same, other = Candidates.single(rows), Candidates.single(-rows)
        kept = attributes_kept({"of-no-map": (same, other), "dlib-resnet": (same, same)})
        assert {name: values.tolist() for name, values in kept.items()} == dict.fromkeys(
            ("sex_kept", "age_kept", "glasses_kept"), [1.0] * 5
        )
        assert min(values.min() for values in attributes_kept({"dlib-resnet": (same, other)}).values()) == 0
        assert attributes_kept({"of-no-map": (same, other)}) == {}


class TestTargets:
    def test_synthetic_faces_have_a_second_image(self, finder: FaceFinder) -> None:
        target = read_target("007", finder, torch.device("cpu"))
        assert (target.name, target.frame.shape, target.landmarks.shape) == (
            "synthetic face 007",
            (3, 256, 256),
            (68, 2),
        )
        assert scored_image(target.name) == resource("assets/faces/second/007.png")
        assert scored_image("me.jpg") is None
        assert scored_image("synthetic face ../../README") is None
        with pytest.raises(
            TargetError, match=r"Expected a synthetic face \(000 to 023\) or an image file as the target, got '999'"
        ):
            read_target("999", finder, torch.device("cpu"))

    def test_the_sample_set_leaves_the_default_target_out(self) -> None:
        photos = sample_photos()
        assert len(photos) == 46
        assert "synthetic face 000" not in {photo.identity for photo in photos}
        assert photos[0].identity == photos[1].identity


def test_results_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"found none. Make one: privacy-faces benchmark"):
        read_results(tmp_path / "results.json")
    (tmp_path / "results.json").write_text('{"schema": 2}')
    with pytest.raises(ResultsError, match=r"is no results.json of version 1"):
        read_results(tmp_path / "results.json")
