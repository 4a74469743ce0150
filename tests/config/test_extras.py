"""What few commands need is behind extras; a missing one is named with the command that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from privacy_faces.cli import main
from privacy_faces.config.extras import MissingExtraError
from privacy_faces.models.lpips import load_lpips
from privacy_faces.models.pretrained import networks_of


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the packages of any extra."""
    monkeypatch.setattr("privacy_faces.config.extras.find_spec", lambda package: None)


def test_stable_diffusion_names_its_extra(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError) as error:
        networks_of(tmp_path, {}, torch.float32)
    assert str(error.value) == (
        'A pipeline with a text encoder needs transformers. Install it: pip install "privacy-faces[stable-diffusion]"  '
        "(from a source checkout: uv sync --extra stable-diffusion)"
    )


def test_lpips_names_its_extra() -> None:
    with pytest.raises(
        MissingExtraError, match=r'^LPIPS needs lpips\. Install it: pip install "privacy-faces\[fidelity'
    ):
        load_lpips(torch.device("cpu"))


def test_the_page_names_its_extra(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["review", str(tmp_path)])
    assert done.exit_code == 2
    assert 'The page needs gradio. Install it: pip install "privacy-faces[review]"' in done.stderr
