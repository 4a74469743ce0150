"""LPIPS, FID and KID: the real networks with random weights stand in for the published ones; without weights, the
reason and the command."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from privacy_faces.evaluation.fidelity import fid_and_kid, lpips
from privacy_faces.weights.store import add

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
FRAMES = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
PEOPLE = list("aabbcc")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_without_weights_there_is_a_reason_and_a_command(cache: Path) -> None:
    assert (
        lpips(FRAMES, FRAMES, PEOPLE, CPU).missing
        == "the weights lpips-alex are missing; get them: privacy-faces weights pull lpips-alex"
    )
    fid, kid = fid_and_kid(FRAMES, FRAMES, CPU)
    assert fid.value is None
    assert kid.missing == "the weights inception-fid are missing; get them: privacy-faces weights pull inception-fid"


def test_without_the_extra_there_is_a_command(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy_faces.config.extras.find_spec", lambda package: None)
    command = 'pip install "privacy-faces[fidelity]"  (from a source checkout: uv sync --extra fidelity)'
    assert lpips(FRAMES, FRAMES, PEOPLE, CPU).missing == f"the packages lpips are missing; get them: {command}"
    fid, kid = fid_and_kid(FRAMES, FRAMES, CPU)
    assert fid.missing == kid.missing
    assert kid.missing == f"the packages torchmetrics and torch_fidelity are missing; get them: {command}"


def test_lpips_grows_with_the_change(cache: Path) -> None:
    from torchvision.models import alexnet

    torch.manual_seed(0)
    torch.save(alexnet(weights=None).state_dict(), cache / "alexnet.pth")
    add("lpips-alex", cache / "alexnet.pth")
    assert lpips(FRAMES, FRAMES, PEOPLE, CPU).value == 0
    little, much = (
        FRAMES.float() + level * torch.randn(FRAMES.shape, generator=torch.Generator().manual_seed(1))
        for level in (5, 60)
    )
    small, large = (lpips(FRAMES, side.clamp(0, 255).to(torch.uint8), PEOPLE, CPU) for side in (little, much))
    assert 0 < (small.value or 0) < (large.value or 0)
    assert (small.n, small.low is not None) == (6, True)


@pytest.mark.slow(reason="imports torchmetrics and runs Inception v3 on a CPU")
def test_fid_and_kid_are_those_of_torchmetrics(cache: Path) -> None:
    from torch_fidelity import feature_extractor_inceptionv3 as published
    from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

    torch.manual_seed(0)
    shapes = published.FeatureExtractorInceptionV3.__new__(published.FeatureExtractorInceptionV3)
    original = torch.load
    try:
        # The class reads a file when it is made: give it nothing to read, and keep the weights that it starts with.
        torch.load = lambda *_, **__: {}
        published.FeatureExtractorInceptionV3.load_state_dict = lambda self, state: None  # type: ignore[method-assign]
        shapes = published.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(cache / "none"))
    finally:
        torch.load = original
        del published.FeatureExtractorInceptionV3.load_state_dict
    torch.save(shapes.state_dict(), cache / "inception.pth")
    add("inception-fid", cache / "inception.pth")

    changed = (FRAMES.float() * 0.5).to(torch.uint8)
    fid, kid = fid_and_kid(FRAMES, changed, CPU)
    direct = FrechetInceptionDistance(NoTrainInceptionV3("inception-v3-compat", ["2048"], str(cache / "inception.pth")))
    direct.update(FRAMES, real=True)
    direct.update(changed, real=False)
    assert fid.value == pytest.approx(float(direct.compute()), rel=1e-3)
    assert (fid.n, kid.n) == (6, 6)
    assert (kid.value, kid.missing) == (None, "needs at least 50 faces, as many as one of its subsets holds")
    same, _ = fid_and_kid(FRAMES, FRAMES, CPU)
    assert same.value == pytest.approx(0, abs=1e-2)
    assert (fid.value or 0) > (same.value or 0)
    assert fid_and_kid(FRAMES[:1], FRAMES[:1], CPU)[0].missing == "needs at least two faces"
