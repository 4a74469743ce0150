"""What success means: every definition on six embeddings in the plane, computed on paper, and what must not change a
result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privacy_faces.evaluation.identification import ranks
from privacy_faces.evaluation.intervals import lift, mean, pair_share, share
from privacy_faces.evaluation.measure import QUALITIES, WRITTEN, Seen
from privacy_faces.evaluation.probes import Probe
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.tables.attacks import attack_table
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.roc import roc_table
from privacy_faces.evaluation.tables.success import success_table
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.thresholds import Calibration, Threshold, ThresholdFile
from privacy_faces.judge.verdicts import (
    best_of_person,
    both,
    cosine,
    dodging,
    fooled,
    identified_as_target,
    impersonation,
    not_identified,
)

# Angles in degrees of three people's two photos each, as they are and protected. Similarities are cosines of
# differences of angles; the threshold is cos 20 = 0.939693, so that two photos match when less than 20 degrees lie
# between them.
PEOPLE = ("ann", "ann", "bob", "bob", "cem", "cem")
ORIGINAL = (0.0, 10.0, 60.0, 75.0, 120.0, 135.0)
PROTECTED = (0.0, 25.0, 90.0, 100.0, 122.0, 158.0)
TARGET = 150.0
THRESHOLD = float(np.cos(np.deg2rad(20.0)))


def at(value: float) -> Threshold:
    return Threshold(far=0.001, threshold=value)


def unit(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def seen(embeddings: np.ndarray, rows: np.ndarray | None = None) -> Seen:
    count = len(embeddings)
    rows = np.arange(count) if rows is None else rows
    quality = {name: np.ones(count) for name in QUALITIES}
    return Seen(
        rows,
        {WRITTEN: {"toy": Candidates.single(embeddings)}},
        {WRITTEN: np.full(count, "at its place")},
        quality,
        np.zeros(count, dtype=bool),
        np.ones(count, dtype=bool),
        np.zeros((count, 4, 4, 3), dtype=np.uint8),
        np.zeros((count, 68, 2)),
    )


def setting(order: np.ndarray | None = None) -> Setting:
    order = np.arange(6) if order is None else order
    probes = [
        Probe(str(row), PEOPLE[row], Path(f"{row}.png"), {"side": "left" if row < 3 else "right"}) for row in order
    ]
    points = tuple(Threshold(far=far, threshold=value) for far, value in ((0.001, THRESHOLD), (0.01, 0.5)))
    file = ThresholdFile(calibrated={"toy": Calibration(similarity="cosine", points=points, data={})})
    original = unit(*ORIGINAL)[order]
    return Setting(probes, {"toy": original}, seen(original), file, [0.001, 0.01])


def result(order: np.ndarray | None = None, target: bool = True) -> Result:
    order = np.arange(6) if order is None else order
    return Result(
        setting(order), seen(unit(*PROTECTED)[order]), {"toy": "held-out"}, {"toy": unit(TARGET)[0]} if target else None
    )


# Differences to the same photo: 0, 15, 30, 25, 2, 23 degrees. To the other photo of the person: 10, 25, |90 - 75| = 15,
# 40, |122 - 135| = 13, 38. Between the two protected ones: 25, 25, 10, 10, 36, 36. To the target at 150: 150, 125, 60,
# 50, 28, 8.
EXPECTED = {
    "dodging": (0, 0, 1, 1, 0, 1),
    "dodging-other-photo": (0, 1, 0, 1, 0, 1),
    "dodging-protected": (1, 1, 0, 0, 1, 1),
    "impersonation": (0, 0, 0, 0, 0, 1),
    "dodging-and-impersonation": (0, 0, 0, 0, 0, 1),
    # The gallery holds all originals, less the probe's own, and the target. Nearest first: 0 -> ann (10). 25 -> ann's 0
    # (25) before bob's 60 (35). 90 -> bob's 75 (15). 100 -> cem's 120 (20) before bob's 60 (40), so bob is second. 122
    # -> cem's 135 (13). 158 -> the target (8) before cem's 120 (38).
    "rank-1": (0, 0, 0, 1, 0, 1),
    # With the probe's own photo: 100 -> cem's 120 (20) before bob's 75 (25), 158 -> the target before cem's 135 (23).
    "rank-1-same-photo": (0, 0, 0, 1, 0, 1),
    "targeted-rank-1": (0, 0, 0, 0, 0, 1),
}


def test_every_measure_is_what_paper_says() -> None:
    rows = {row.measure: row for row in success_table(result()) if row.group is None and row.far in (None, 0.001)}
    for measure, flags in EXPECTED.items():
        assert rows[measure].protected.value == pytest.approx(sum(flags) / 6, abs=1e-6), measure
        assert rows[measure].protected.n == 6
    # Four people in all: everybody is always among the first five, which says nothing.
    for measure in ("rank-5", "rank-5-same-photo", "targeted-rank-5"):
        assert rows[measure].protected.value is None
        assert rows[measure].lift.missing == (
            "the gallery holds 4 people: rank 5 asks for more; --gallery DIR adds some"
        )
    # Nobody trained a classifier.
    assert "fooling" not in rows
    # Unprotected, nobody dodges; cem's second photo is 15 degrees from the target, a clean baseline of one in six.
    assert rows["dodging"].clean.value == rows["dodging-other-photo"].clean.value == rows["rank-1"].clean.value == 0
    assert rows["impersonation"].clean.value == pytest.approx(1 / 6, abs=1e-6)
    assert rows["impersonation"].lift.value == 0


def test_the_functions_themselves() -> None:
    same = cosine(unit(*ORIGINAL), unit(*PROTECTED))
    np.testing.assert_allclose(same, np.cos(np.deg2rad([0, 15, 30, 25, 2, 23])), atol=1e-6)
    assert dodging(same, at(THRESHOLD)).tolist() == [bool(flag) for flag in EXPECTED["dodging"]]
    assert dodging(np.array([0.5, 0.5001]), at(0.5)).tolist() == [True, False], "a match is strictly above"
    assert impersonation(np.array([0.5, 0.5001]), at(0.5)).tolist() == [False, True]
    assert both(np.array([0.1, 0.9, 0.1]), np.array([0.9, 0.9, 0.1]), at(0.5)).tolist() == [True, False, False]
    assert not_identified(np.array([1, 2, 5, 6]), 5).tolist() == [False, False, False, True]
    assert identified_as_target(np.array([1, 2, 5, 6]), 5).tolist() == [True, True, True, False]
    assert fooled(np.array([0, 1, 2, 0]), np.array([0, 1, 0, 0]), np.array([0, 2, 2, 1])).tolist() == [
        False,
        True,
        True,
    ]
    people = np.array([0, 0, 1])
    photos = Candidates.single(unit(0, 10, 60))
    best = best_of_person(photos, people, photos, people, np.arange(3))
    np.testing.assert_allclose(best[:2], np.cos(np.deg2rad([10, 10])), atol=1e-6)
    assert np.isnan(best[2]), "no other photo, no answer"


def test_groups_are_rows_of_their_own() -> None:
    rows = {(row.measure, row.group.value): row for row in success_table(result()) if row.group}
    assert rows["dodging", "left"].protected.value == pytest.approx(1 / 3, abs=1e-6)
    assert rows["dodging", "right"].protected.value == pytest.approx(2 / 3, abs=1e-6)
    assert all(row.far in (None, 0.001) for row in rows.values())


def test_the_order_of_the_photos_changes_nothing() -> None:
    order = np.array([4, 2, 5, 0, 3, 1])
    before, after = result(), result(order)
    for tables in (success_table, attack_table, roc_table):
        assert [row.model_dump() for row in tables(before)] == [row.model_dump() for row in tables(after)]


def test_probe_and_gallery_may_change_places() -> None:
    np.testing.assert_array_equal(cosine(unit(*ORIGINAL), unit(*PROTECTED)), cosine(unit(*PROTECTED), unit(*ORIGINAL)))


def test_photos_without_a_result_count_nowhere() -> None:
    rows = np.array([0, 2, 3, 4])
    part = Result(setting(), seen(unit(*PROTECTED)[rows], rows), {"toy": "held-out"})
    found = {row.measure: row for row in success_table(part) if row.group is None and row.far == 0.001}
    assert (found["dodging"].protected.value, found["dodging"].protected.n) == (0.5, 4)
    # Only bob has two protected photos.
    assert found["dodging-protected"].protected.n == 2
    # Unprotected other photos count even where their own protection failed.
    assert found["dodging-other-photo"].protected.n == 4


def test_an_unchanged_photo_has_no_lift_anywhere() -> None:
    same = Result(setting(), seen(unit(*ORIGINAL)), {"toy": "held-out"})
    assert all(row.lift.value == 0 for row in success_table(same) if not row.lift.missing)
    assert all(row.protected.value == row.clean.value for row in attack_table(same))


def test_roc_meets_the_definition() -> None:
    for curve in roc_table(result()):
        assert curve.far == sorted(curve.far)
        assert curve.threshold == sorted(curve.threshold, reverse=True)
    (same,) = (curve for curve in roc_table(result()) if curve.pairs == "same-photo")
    # Twelve impostor pairs; the closest are 75 and 120, and 60 and 120 ... of 45 degrees and more: at the lowest rate,
    # one pair of twelve, the threshold is the second closest, bob's 60 and ann's 10: 50 degrees. Every protected photo
    # lies within 30 of its original.
    assert same.threshold[0] == pytest.approx(np.cos(np.deg2rad(50)), abs=1e-5)
    assert same.protected[0] == same.clean[0] == 1.0


class TestIntervals:
    def test_wilson_by_hand(self) -> None:
        # p = 0.8, n = 10, z = 1.959964: center (p + z^2 / 2n) / (1 + z^2 / n) = 0.716740, half width 0.226585.
        number = share(np.array([True] * 8 + [False] * 2), list("abcdefghij"))
        assert (number.value, number.n) == (0.8, 10)
        assert (number.low, number.high) == (pytest.approx(0.490155, abs=2e-4), pytest.approx(0.943325, abs=2e-4))

    def test_no_faces_have_no_share(self) -> None:
        assert share(np.zeros(0, dtype=bool), []).value is None
        assert mean(np.array([np.nan]), ["a"]).missing == "no such faces"

    def test_people_are_drawn_whole(self) -> None:
        """One person with a hundred photos is one observation: the interval of two people spans both."""
        number = mean(np.array([1.0] * 100 + [0.0]), ["a"] * 100 + ["b"])
        assert (number.low, number.high) == (0.0, 1.0)

    def test_order_changes_nothing(self) -> None:
        values, people = np.array([0.1, 0.7, 0.3, 0.9]), ["a", "b", "a", "c"]
        assert mean(values, people) == mean(values[::-1], people[::-1])

    def test_lift_is_the_difference(self) -> None:
        number = lift(np.array([False, True, False, False]), np.array([True, True, True, False]), list("abcd"))
        assert number.value == 0.5
        # Wilson of 3 and of 1 in 4: 0.300642 to 0.954413, 0.045587 to 0.699358; correlation 1/3. Newcombe's low end:
        # 0.5 - sqrt(0.449358^2 - 2/3 0.449358^2 + 0.449358^2) = 0.5 - 0.449358 * 1.154701.
        assert number.low == pytest.approx(0.5 - 0.449358 * 1.154701, abs=2e-6)


class TestPeopleAndEnds:
    """What a reviewer would ask of the intervals; before, photos of one person counted as independent, and a bootstrap
    of three people that all dodge said +100 to +100."""

    def test_three_people_are_three_people(self) -> None:
        number = lift(np.zeros(3, dtype=bool), np.ones(3, dtype=bool), list("abc"))
        assert number.value == 1.0
        # Wilson of 3 in 3 begins at 3 / (3 + z^2) = 0.438503; 1 - sqrt(2) * 0.561497.
        assert (number.low, number.high) == (pytest.approx(1 - np.sqrt(2) * 0.561497, abs=2e-6), 1.0)

    def test_fifty_photos_of_one_person_are_one_observation(self) -> None:
        one = share(np.ones(50, dtype=bool), ["a"] * 50)
        assert one == share(np.ones(1, dtype=bool), ["a"]).model_copy(update={"n": 50})

    def test_pairs_that_share_people_are_not_independent(self) -> None:
        """Everybody against everybody of forty people, of whom one is taken for each of the others: the rate is 39 in
        780 pairs, and Wilson's interval of independent ones, 0.037 to 0.068, knows that far too well."""
        names = np.array([f"{number:02}" for number in range(40)])
        accepted = np.zeros((40, 40), dtype=bool)
        accepted[0] = True
        found = pair_share(accepted, np.triu(np.ones((40, 40), dtype=bool), 1), names, names)
        assert (found.value, found.n) == (0.05, 780)
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0.02
        assert found.high > 0.13

    @pytest.mark.parametrize(("people", "photos"), [(12, 5), (60, 1)])
    @pytest.mark.parametrize("rate", [0.5, 0.95])
    @pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
    def test_intervals_cover_what_they_say(self, people: int, photos: int, rate: float, alike: float) -> None:
        """At least 92 % of the intervals hold the true share, and the true lift, however alike the photos of one person
        are (the correlation of a beta-binomial)."""
        random = np.random.default_rng(17)
        names = np.repeat([f"{number:02}" for number in range(people)], photos).tolist()
        runs, covered, lifted = 400, 0, 0
        for _ in range(runs):
            own = _rates(random, rate, alike, people)
            hits = random.random(people * photos) < np.repeat(own, photos)
            clean = random.random(people * photos) < 0.05
            found, gained = share(hits, names), lift(clean, hits, names)
            covered += found.low <= rate <= found.high  # type: ignore[operator]
            lifted += gained.low <= rate - 0.05 <= gained.high  # type: ignore[operator]
        assert covered >= 0.92 * runs, covered / runs
        assert lifted >= 0.92 * runs, lifted / runs

    def test_no_number_is_an_error(self) -> None:
        """It counted as dodged: NaN is above no threshold, and ranks behind nobody."""
        broken = unit(*PROTECTED)
        broken[2] = np.nan
        part = Result(setting(), seen(broken), {"toy": "held-out"})
        for table in (success_table, attack_table, roc_table):
            with pytest.raises(ValueError, match="Check the weights: privacy-faces weights list"):
                table(part)


def _rates(random: np.random.Generator, rate: float, alike: float, people: int) -> np.ndarray:
    """Each person's own rate, of which the mean is `rate`."""
    if alike == 0:
        return np.full(people, rate)
    if alike == 1:
        return (random.random(people) < rate).astype(float)
    scale = (1 - alike) / alike
    return random.beta(rate * scale, (1 - rate) * scale, people)


class TestRanks:
    def test_against_brute_force(self) -> None:
        random = np.random.default_rng(0)
        gallery = random.normal(size=(300, 16)).astype(np.float32)
        gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
        people = random.integers(0, 90, 300)
        probes, sought = gallery[:40] + 0.3 * random.normal(size=(40, 16)).astype(np.float32), people[:40].copy()
        sought[0] = 999
        own = np.where(np.arange(40) % 2, np.arange(40), -1)
        found = ranks(probes, gallery, people, sought, own)
        for index in range(40):
            similarity = gallery @ probes[index]
            if own[index] >= 0:
                similarity[own[index]] = -np.inf
            best = {person: similarity[people == person].max() for person in np.unique(people)}
            mine = best.get(sought[index], -np.inf)
            assert found[index] == 1 + sum(value > mine for person, value in best.items() if person != sought[index])

    def test_blocks_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        random = np.random.default_rng(1)
        gallery = random.normal(size=(200, 8)).astype(np.float32)
        people, sought = random.integers(0, 60, 200), random.integers(0, 60, 20)
        whole = ranks(gallery[:20], gallery, people, sought, np.arange(20))
        monkeypatch.setattr("privacy_faces.evaluation.identification._BLOCK", 20 * 7)
        assert (ranks(gallery[:20], gallery, people, sought, np.arange(20)) == whole).all()

    def test_a_tie_counts_as_found(self) -> None:
        assert ranks(unit(15), unit(0, 30), np.array([0, 1]), np.array([0])).tolist() == [1]

    def test_refuses_shapes_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match=r"we expect probes \(N, D\), gallery \(M, D\)"):
            ranks(unit(0), np.zeros((2, 3), dtype=np.float32), np.array([0, 1]), np.array([0]))

    @pytest.mark.slow(reason="searches a gallery of a million photos")
    def test_a_million_photos_in_three_gigabytes(self, tmp_path: Path) -> None:
        import json
        import subprocess
        import sys

        script = tmp_path / "search.py"
        script.write_text(
            "import json, time\nimport numpy as np\nfrom privacy_faces.evaluation.identification import "
            "ranks\n"
            "random = np.random.default_rng(0)\ngallery = random.standard_normal((1_000_000, 128), dtype=np.float32)\n"
            "for start in range(0, 1_000_000, 50_000):\n    part = gallery[start:start + 50_000]\n    part /= "
            "np.linalg.norm(part, axis=1, keepdims=True)\n"
            "people, rows = random.permutation(1_000_000) // 2, random.integers(0, 1_000_000, 1_000)\n"
            "probes = gallery[rows] + 0.04 * random.standard_normal((1_000, 128), dtype=np.float32)\n"
            "started = time.perf_counter()\nrank = ranks(probes, gallery, people, people[rows])\nseconds = "
            "time.perf_counter() - started\n"
            # Not ru_maxrss, which counts what the tests took before this process began.
            "status = open('/proc/self/status').read()\npeak = int(status.split('VmHWM:')[1].split()[0]) / 2**20\n"
            "print(json.dumps({'seconds': seconds, 'gib': peak, 'found': float((rank <= 5).mean())}))\n"
        )
        found = json.loads(subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout)
        assert found["found"] == 1.0
        assert found["gib"] < 3


class TestThresholds:
    def test_threshold_of_scores_is_in_the_interval_of_the_analytic_quantile(self) -> None:
        from scipy.stats import beta, norm

        from privacy_faces.evaluation.calibration import threshold_at

        scores = np.sort(np.random.default_rng(3).normal(0.3, 0.08, 10_000))
        for far in (0.1, 0.01, 0.001):
            # The share above an order statistic has a Beta distribution.
            k = round(far * 10_000)
            low, high = beta.ppf([0.0005, 0.9995], k, 10_001 - k)
            assert norm.isf(high, 0.3, 0.08) <= threshold_at(scores, far) <= norm.isf(low, 0.3, 0.08)
