"""Which faces of many photos show one person."""

from __future__ import annotations

import numpy as np
import pytest

from privacy_faces.judge.clusters import people_in
from privacy_faces.judge.thresholds import Threshold

THRESHOLDS = {"first": Threshold(far=0.001, threshold=0.9), "second": Threshold(far=0.001, threshold=0.5)}


def unit(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("first", "second", "photos", "people"),
    [
        ((0,), (0,), (0,), [1]),
        ((), (), (), []),
        ((90, 0, 5, 10), (0, 90, 90, 90), (0, 1, 2, 3), [2, 1, 1, 1]),  # whoever is in most photos comes first
        ((0, 5), (0, 70), (0, 1), [1, 2]),  # cos 70 degrees = 0.34: one recognizer tells them apart
        ((0, 15, 40), (0, 0, 0), (0, 1, 2), [1, 1, 2]),  # 0.97, 0.91 and 0.77: a chain is not one person
        ((0, 1), (0, 1), (0, 0), [1, 2]),  # in one photo
    ],
)
def test_each_two_are_matched_by_every_recognizer(
    first: tuple[float, ...], second: tuple[float, ...], photos: tuple[int, ...], people: list[int]
) -> None:
    assert people_in({"first": unit(*first), "second": unit(*second)}, photos, THRESHOLDS) == people


def test_an_embedding_that_is_no_number() -> None:
    faces = {"first": np.full((2, 2), np.nan, np.float32), "second": unit(0, 1)}
    with pytest.raises(ValueError, match="Expected similarities that are numbers"):
        people_in(faces, (0, 1), THRESHOLDS)
