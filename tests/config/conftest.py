"""What is installed, and the checkout, as the tests want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from privacy_faces.config import checkout
from tests.distributions import forget, put_distribution


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a distribution for this process."""

    def put(name: str, points: Mapping[str, Mapping[str, str]], files: Mapping[str, str] | None = None) -> None:
        monkeypatch.syspath_prepend(put_distribution(tmp_path / name, name, points, files))
        forget()

    yield put
    monkeypatch.undo()
    forget()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, not there yet, that takes this checkout's place."""
    monkeypatch.setattr(checkout, "resource", lambda name: tmp_path / "source" / name)
    forget()
    yield tmp_path / "source"
    monkeypatch.undo()
    forget()
