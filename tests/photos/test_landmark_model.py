"""The landmark model is loaded ahead, once, and again where that failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from privacy_faces.photos.detection import dlib_models
from privacy_faces.photos.detection.dlib_models import DlibLandmarks
from privacy_faces.weights.store import MissingWeightError


@pytest.fixture(autouse=True)
def not_loaded() -> Iterator[None]:
    dlib_models.load_ahead.cache_clear()
    yield
    dlib_models.load_ahead.cache_clear()


def test_is_loaded_once() -> None:
    assert DlibLandmarks()._model is dlib_models.load_ahead().result()


def test_is_read_again_once_the_weights_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error was remembered for as long as the process lived."""

    def missing(name: str) -> None:
        raise MissingWeightError(f"The weights {name} are missing.")

    with monkeypatch.context() as patch:
        patch.setattr(dlib_models, "verified", missing)
        with pytest.raises(MissingWeightError, match="dlib-landmarks-68"):
            DlibLandmarks()
    assert DlibLandmarks()._model is not None
