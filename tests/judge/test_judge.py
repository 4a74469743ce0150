"""Thresholds, calibration and the receipt's verdicts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kornia.metrics import ssim as kornia_ssim
from PIL import Image
from scipy.stats import norm

from privacy_faces.config.plan import make_plan
from privacy_faces.evaluation.calibration import equal_error_rate, operating_points, threshold_at
from privacy_faces.judge.quality import quality, ssim
from privacy_faces.judge.receipt import FaceReceipt, FrameQuality
from privacy_faces.judge.thresholds import Threshold, ThresholdError, load_thresholds, threshold_for
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.destination import Memory


def test_shipped_thresholds_have_provenance() -> None:
    file = load_thresholds()
    calibration = file.calibrated["dlib-resnet"]
    assert calibration.data["photos"] == 915
    assert calibration.data["people"] == 630
    assert len(calibration.data["sha256"]) == 64
    values = [point.threshold for point in calibration.points]
    assert [point.far for point in calibration.points] == [0.1, 0.01, 0.001]
    assert values == sorted(values), "a smaller false accept rate needs a larger similarity"
    # dlib's own rule, distance 0.6 at a typical length of 1.43: cosine 1 - 0.36 / (2 * 1.43 ** 2) = 0.912, lies between
    # FAR 0.01 and 0.001.
    assert values[1] < 0.912 < values[2]
    # DiffAM's published constants.
    assert [point.threshold for point in file.legacy["irse50"].points] == [0.14484, 0.241045, 0.312703]


def test_threshold_source_and_errors(tmp_path: Path) -> None:
    file = load_thresholds()
    assert threshold_for(file, "dlib-resnet", 0.001).source == "calibrated"
    assert threshold_for(file, "facenet", 0.01) == Threshold(far=0.01, threshold=0.409131, source="legacy")
    with pytest.raises(
        ThresholdError, match=r"No threshold for 'dlib-resnet' at FAR 0.05; known rates: 0.001, 0.01, 0.1"
    ):
        threshold_for(file, "dlib-resnet", 0.05)
    with pytest.raises(
        ThresholdError, match=r"known rates: none. Calibrate it: privacy-faces calibrate --data DIR --recognizers mine"
    ):
        threshold_for(file, "mine", 0.01)
    with pytest.raises(ThresholdError, match="Expected a threshold file at"):
        load_thresholds(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text(json.dumps({"calibrated": {"x": {"points": []}}}))
    with pytest.raises(ThresholdError, match="malformed"):
        load_thresholds(tmp_path / "bad.json")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "2.0", "1.0", "-1.01"])
def test_threshold_that_nothing_can_exceed_is_refused(value: str, tmp_path: Path) -> None:
    """Each but the last was accepted, and made everybody "protected"."""
    path = tmp_path / "thresholds.json"
    points = f'[{{"far": 0.001, "threshold": {value}}}]'
    path.write_text(
        f'{{"calibrated": {{"dlib-resnet": {{"similarity": "cosine", "points": {points}, "data": {{}}}}}}}}'
    )
    with pytest.raises(
        ThresholdError, match=r"thresholds.json is malformed: calibrated.dlib-resnet.points.*: (Input|expected)"
    ):
        load_thresholds(path)


def test_similarity_of_which_less_is_more_alike_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    item = {"similarity": "cosine", "direction": "smaller is more alike", "points": [], "data": {}}
    path.write_text(json.dumps({"calibrated": {"dlib-resnet": item}}))
    with pytest.raises(ThresholdError, match="direction: Input should be 'larger is more alike'"):
        load_thresholds(path)


@pytest.mark.parametrize("content", [b"\xff\xfe{\0}\0", b"[" * 200_000, b"3", b"[]", b""])
def test_file_that_holds_no_thresholds_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "thresholds.json").write_bytes(content)
    with pytest.raises(ThresholdError, match=r"thresholds.json is malformed: .*privacy-faces calibrate"):
        load_thresholds(tmp_path / "thresholds.json")


def test_a_match_is_strictly_above() -> None:
    threshold = Threshold(far=0.01, threshold=0.5)
    values = np.array([0.4999, 0.5, 0.5001])
    assert [threshold.matched(float(value)) for value in values] == [False, False, True]
    assert threshold.matched(values).tolist() == [False, False, True]
    np.testing.assert_allclose(threshold.margin(torch.from_numpy(values)), [-0.0001, 0, 0.0001], atol=1e-9)


@pytest.mark.parametrize("broken", [float("nan"), np.array([0.1, np.nan]), torch.tensor([torch.nan])])
def test_what_is_no_number_is_an_error_and_never_dodged(broken: Any) -> None:
    for ask in (Threshold(far=0.01, threshold=0.5).matched, Threshold(far=0.01, threshold=0.5).margin):
        with pytest.raises(ValueError, match="Expected similarities that are numbers, found"):
            ask(broken)


def test_threshold_of_normal_scores_is_the_analytic_quantile() -> None:
    scores = np.sort(np.random.default_rng(0).normal(0.2, 0.1, 10_000))
    for far in (0.1, 0.01, 0.001):
        expected = norm.isf(far, 0.2, 0.1)
        # Standard error of a quantile: sqrt(p (1 - p) / n) / density.
        error = np.sqrt(far * (1 - far) / 10_000) / norm.pdf(expected, 0.2, 0.1)
        threshold = threshold_at(scores, far)
        assert abs(threshold - expected) < 3 * error
        assert (scores > threshold).sum() == round(far * 10_000), "at most the stated share is accepted"


def test_equal_error_rate_of_two_normal_distributions() -> None:
    random = np.random.default_rng(1)
    rate = equal_error_rate(random.normal(0, 1, 50_000), random.normal(2, 1, 50_000))
    assert rate == pytest.approx(norm.sf(1), abs=0.005)


def test_operating_points_count_each_person_once() -> None:
    random = np.random.default_rng(2)
    people = random.normal(size=(80, 16))
    embeddings = np.repeat(people, 2, axis=0) + 0.1 * random.normal(size=(160, 16))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    names = [f"person {index // 2}" for index in range(160)]
    points, eer = operating_points(embeddings, names)
    first = embeddings[::2]
    impostor = (first @ first.T)[np.triu_indices(80, k=1)]
    for point in points:
        assert (impostor > point.threshold).mean() <= point.far
        assert point.interval is not None
        assert point.interval[0] <= point.threshold <= point.interval[1]
        assert point.tar == 1.0
    assert eer < 0.005
    order = random.permutation(160)
    shuffled, _ = operating_points(embeddings[order], [names[index] for index in order], seed=0)
    assert abs(shuffled[0].threshold - points[0].threshold) < 0.02


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 1000 pairs of different people. Got: 10 people, 45 pairs"):
        operating_points(np.eye(10), [str(index) for index in range(10)])


def test_quality_against_values_by_hand() -> None:
    gray = torch.full((3, 64, 64), 0.5)
    # Mean squared error 0.01: 20 dB.
    assert quality(gray, gray + 0.1).psnr == pytest.approx(20.0, abs=0.01)
    assert quality(gray, gray) == FrameQuality(psnr=None, ssim=1.0, lpips=None)


def test_ssim_as_kornia() -> None:
    first, second = torch.rand(2, 1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    second = first + 0.2 * (second - first)
    assert ssim(first, second) == pytest.approx(float(kornia_ssim(second, first, 11).mean()), abs=1e-5)


@pytest.fixture(scope="module")
def anonymizer() -> Anonymizer:
    return Anonymizer(make_plan("pixelate"))


def judged(anonymizer: Anonymizer, photo: Photo, result: Photo, surrogates: tuple[str, ...] = ()) -> FaceReceipt:
    (verdict,) = anonymizer.judge.judge(
        photo, anonymizer.finder.find(photo.rgb), lambda: result, lambda: photo, surrogates
    )
    return verdict


def test_an_unchanged_face_is_never_called_protected(anonymizer: Anonymizer, sample: np.ndarray) -> None:
    photo = photo_from_array(sample)
    (verdict,) = anonymizer.judge.judge(photo, anonymizer.finder.find(photo.rgb), lambda: photo, lambda: photo, ())
    result = verdict.recognizers["dlib-resnet"]
    assert not verdict.protected
    assert (result.matched, result.role, result.similarity, result.far) == (True, "held-out", 1.0, 0.001)
    (line,) = verdict.warnings()
    assert line.startswith(
        "face 1: NOT PROTECTED: dlib-resnet still matches: similarity 1.000, threshold 0.927 at FAR 0.001 (margin "
        "0.073)"
    )


def test_evidence_is_surrogate_only_when_every_judge_helped(anonymizer: Anonymizer, sample: np.ndarray) -> None:
    photo = photo_from_array(sample)
    flat = photo_from_array(np.full_like(sample, 127))
    helped = judged(anonymizer, photo, flat, ("dlib-resnet",))
    assert (helped.protected, helped.evidence, helped.detected_after) == (True, "surrogate-only", False)
    assert judged(anonymizer, photo, flat).evidence == "held-out"


def test_a_face_that_is_no_longer_detected_is_still_compared(anonymizer: Anonymizer, sample: np.ndarray) -> None:
    """Black bars over eyes and mouth blind the detector; an attacker who crops by hand must still be asked."""
    photo = photo_from_array(sample)
    (face,) = anonymizer.finder.find(sample)
    barred = sample.copy()
    barred[60:170, 236:250] = 0
    again = anonymizer.finder.find(barred)
    receipt = judged(anonymizer, photo, photo_from_array(barred))
    assert receipt.detected_after is bool(again)
    assert receipt.recognizers["dlib-resnet"].similarity > 0.8
    assert face.score > 0.9


def test_similarity_is_measured_on_the_encoded_file(anonymizer: Anonymizer, sample: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(sample).save(buffer, "JPEG", quality=40)
    photo = read_photo(buffer.getvalue())
    memory = Memory("photo")
    receipt = anonymizer.anonymize(photo, memory)
    result = receipt.faces[0].recognizers["dlib-resnet"]
    assert result.similarity_before is not None
    assert 0.98 < result.similarity_before < 1.0, "a second JPEG generation changes a face a little"
    assert result.similarity < 0.95
    assert read_photo(memory.data).format == "JPEG"
    assert all(seconds > 0 for seconds in receipt.seconds.model_dump().values())


def test_judge_survives_swapping_the_roles_of_the_photos(
    anonymizer: Anonymizer, sample: np.ndarray, finder: FaceFinder
) -> None:
    """The cosine is symmetric: original against protected is protected against original, as long as both faces are
    found; of several alignments the best counts, and the best need not be the same one."""
    photo = photo_from_array(sample)
    darker = photo_from_array((sample * 0.7).astype(np.uint8))
    forth = judged(anonymizer, photo, darker).recognizers["dlib-resnet"].similarity
    back = judged(anonymizer, darker, photo).recognizers["dlib-resnet"].similarity
    assert forth == pytest.approx(back, abs=1e-3)
