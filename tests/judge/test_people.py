"""Which faces count as one of the people who are named: in doubt a face is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.people import People
from privacy_faces.judge.thresholds import Threshold

NAMES = ("first", "second")


def unit(*degrees: float) -> np.ndarray:
    """Embeddings in the plane."""
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def people(**photos: tuple[float, ...]) -> People:
    """Of each person the same photos for both recognizers; they match within 60 degrees, and within 30."""
    rows = Candidates(
        unit(*(angle for angles in photos.values() for angle in angles)),
        np.array([len(angles) for angles in photos.values()]),
    )
    thresholds = {
        name: Threshold(far=0.001, threshold=float(np.cos(np.deg2rad(angle))))
        for name, angle in zip(NAMES, (60, 30), strict=True)
    }
    return People(tuple(photos), dict.fromkeys(NAMES, rows), thresholds)


def changes(of: People, rule: str, first: tuple[float, ...], second: tuple[float, ...]) -> list[bool]:
    faces = {"first": unit(*first), "second": unit(*second)}
    return [decision.change for decision in of.decide(rule, faces)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "first", "second", "change"),
    [
        ("keep", (10,), (10,), [False]),
        ("keep", (10,), (40,), [True]),  # one recognizer does not match
        ("keep", (50, 10), (20, 10), [True, False]),  # another face is more like the person
        ("keep", (10, 20), (20, 10), [True, True]),  # which of the two, recognizers do not agree
        ("keep", (10, 10), (10, 10), [True, True]),  # the same face twice
        ("keep", (10, 100), (10, 90), [False, False]),  # each is somebody
        ("keep", (10, 15), (10, 170), [False, True]),  # the other is as good as nobody
        ("only", (10,), (10,), [True]),
        ("only", (50,), (170,), [True]),  # one recognizer is enough
        ("only", (170,), (160,), [False]),
        ("only", (10, 170), (10, 160), [True, False]),
    ],
)
def test_in_doubt_a_face_is_changed(
    rule: str, first: tuple[float, ...], second: tuple[float, ...], change: list[bool]
) -> None:
    assert changes(people(ann=(0,), bob=(95,)), rule, first, second) == change


def test_the_best_photo_of_a_person_counts() -> None:
    of = people(ann=(0, 80), bob=(200,))
    (decision,) = of.decide("keep", {"first": unit(75), "second": unit(80)})
    assert not decision.change
    assert decision.likeness is not None
    assert decision.likeness.person == "ann"
    rows = decision.likeness.recognizers
    assert (rows["first"].similarity, rows["second"].similarity) == (0.9962, 1.0)
    assert rows["first"].matched
    assert rows["first"].far == 0.001


def test_an_embedding_that_is_no_number() -> None:
    with pytest.raises(ValueError, match="Expected similarities that are numbers"):
        people(ann=(0,)).decide("only", {"first": np.full((1, 2), np.nan, np.float32), "second": unit(0)})
