"""The column of verification services, with a service of this process: what is sent, and what is kept of the
answers."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privacy_faces.config.registry import VERIFIERS, UnknownNameError
from privacy_faces.evaluation.services import ask, compared, uploaded
from privacy_faces.evaluation.verifiers import (
    Comparison,
    ServiceError,
    UploadNotAllowedError,
    Verifier,
    check_permission,
)
from privacy_faces.judge.store import Store
from privacy_faces.photos.formats.read import photo_from_array
from privacy_faces.photos.photo import Photo


class Here(Verifier):
    """As sure as two pictures are equally bright; finds no face in a white one; out of order after some calls."""

    name = "here"
    endpoint = "https://127.0.0.1/"
    side = 128

    def __init__(self, calls: int = 100) -> None:
        self.left = calls

    def compare(self, first: bytes, second: bytes) -> Comparison:
        if not self.left:
            raise ServiceError("here: out of order")
        self.left -= 1
        light, other = (np.asarray(Image.open(io.BytesIO(image))).mean() for image in (first, second))
        return Comparison(None if max(light, other) > 250 else 100 - abs(light - other), {0.01: 80.0, 0.001: 90.0})


def picture(value: int) -> Photo:
    return photo_from_array(np.full((40, 60, 3), value, dtype=np.uint8))


def photos(*values: tuple[int, int, int]) -> list[tuple[partial[Photo], ...]]:
    return [tuple(partial(picture, value) for value in row) for row in values]


def test_what_is_uploaded_is_small_and_has_no_metadata() -> None:
    data = uploaded(photo_from_array(np.zeros((300, 600, 3), dtype=np.uint16)), 128)
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size, image.getexif()) == ("JPEG", (128, 64), {})


def test_an_answer_is_paid_once_in_either_order_and_outlives_a_crash(tmp_path: Path) -> None:
    first, second = (uploaded(picture(value), 128) for value in (10, 30))
    found = compared(Here(calls=1), Store(tmp_path / "s.sqlite"), first, second)
    assert found.confidence == pytest.approx(80, abs=1)
    assert compared(Here(calls=0), Store(tmp_path / "s.sqlite"), second, first) == found


def test_nothing_is_lost_when_the_service_dies_half_way() -> None:
    store, faces = Store(), photos((0, 1, 40), (100, 101, 105))
    with pytest.raises(ServiceError, match="out of order"):
        ask(Here(calls=3), store, faces, ["a", "b"], 0.001)
    column = ask(Here(calls=1), store, faces, ["a", "b"], 0.001)
    assert (column.service, column.far, column.threshold, column.dodging.value) == ("here", 0.001, 90.0, 0.5)
    assert column.protected.value == pytest.approx(77.5, abs=1)


def test_a_face_that_is_not_found_is_not_matched() -> None:
    column = ask(Here(), Store(), photos((0, 1, 255), (0, 1, 2)), ["a", "b"], 0.05)
    assert (column.far, column.threshold) == (0.01, 80.0), "of the rates that it states, the largest"
    assert (column.dodging.value, column.protected.n) == (0.5, 1)


def test_nothing_is_sent_unasked() -> None:
    with pytest.raises(UploadNotAllowedError, match=r"would receive .* at https://here/\. Nothing was sent"):
        check_permission("here", "https://here/", allow_upload=False)
    check_permission("here", "https://here/", allow_upload=True)


def test_an_unknown_service_lists_the_installed_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"^Unknown service 'nobody'\. Installed: "):
        VERIFIERS.spec("nobody")
