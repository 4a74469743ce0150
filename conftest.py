"""For the tests of the core and of the plugins: the fixtures of `privacy_faces.testing`, a cache of their own, and the
portraits where they are at hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["privacy_faces.testing"]

_SHARED = Path(__file__).resolve().parents[1] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No weights but those that ship: whose cache holds more, such as another judge, gets the same results."""
    folder = tmp_path_factory.mktemp("weights-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with portraits and golden outputs, kept outside the project because the portraits show real people."""
    if not _SHARED.is_dir():
        pytest.skip("needs ../shared/data: photos of real people are not part of the project")
    return _SHARED


@pytest.fixture(scope="session")
def portraits(shared_data: Path) -> list[Path]:
    """The first photo of every person, in order of name."""
    return sorted((shared_data / "portraits").glob("*/0.jpg"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium, or that of `playwright install chromium`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    own = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as tool:
        place = own or tool.chromium.executable_path
        if not Path(place).exists():
            pytest.skip("needs a browser: found no chromium, chromium-browser or google-chrome, nor Playwright's own")
        try:
            chromium = tool.chromium.launch(executable_path=place)
        except playwright.Error as error:
            pytest.skip(f"needs a browser: {place} does not start: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()
