"""DiffAM's evaluation, against a few lines that compute it directly; the networks are the published architectures,
filled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file
from torch.nn.functional import interpolate

from privacy_faces.cli import main
from privacy_faces.evaluation.diffam import RECOGNIZERS, TARGETS, ProtocolError, find_groups
from privacy_faces.judge.thresholds import load_thresholds
from privacy_faces.recognizers.mobilefacenet import MobileFaceNet
from privacy_faces.weights import store
from tests.golden_files import filled_state

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache with two of the four recognizers."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(folder))
        for name in ("mobileface", "irse50"):
            save_file(filled_state(name), folder / "published.safetensors")
            store.add(name, folder / "published.safetensors")
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in place of photos: originals/, targets/ with the scored images, and protected/TARGET/ whose photos lie
    between original and scored image."""
    root, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for folder in ("originals", "targets", *(f"protected/{name}" for name in TARGETS)):
        (root / folder).mkdir(parents=True)
    for group, (optimized, scored) in enumerate(TARGETS.items()):
        goal = random.integers(0, 256, (64, 64, 3))
        save(goal, root / f"targets/{scored}.png")
        for number in range(3):
            source = random.integers(0, 256, (64, 64, 3))
            save(source, root / f"originals/{group}-{number}.png")
            save((number * goal + (2 - number) * source) // 2, root / f"protected/{optimized}/{group}-{number}.jpg")
    return root


def save(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(pixels.astype(np.uint8)).resize((256, 256), Image.Resampling.BILINEAR).save(path)


def evaluate(photos: Path, output: Path, *flags: str) -> Result:
    folders = ["--targets", str(photos / "targets"), "--output", str(output)]
    return CliRunner().invoke(
        main,
        ["evaluate", str(photos / "originals"), str(photos / "protected"), "--protocol", "diffam", *folders, *flags],
    )


@pytest.fixture(scope="module")
def direct(photos: Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Target -> cosines (3,) of MobileFaceNet: original and scored image, protected photo and scored image, protected
    photo and original."""
    network = MobileFaceNet().eval()
    network.load_state_dict(filled_state("mobileface"))

    @torch.no_grad()
    def embedded(path: Path) -> torch.Tensor:
        pixels = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        return torch.nn.functional.normalize(network(interpolate(pixels, (112, 112), mode="bilinear")))[0]

    found = {}
    for optimized, scored in TARGETS.items():
        goal = embedded(photos / f"targets/{scored}.png")
        names = sorted(path.stem for path in (photos / "protected" / optimized).iterdir())
        before = torch.stack([embedded(photos / f"originals/{name}.png") for name in names])
        after = torch.stack([embedded(photos / f"protected/{optimized}/{name}.jpg") for name in names])
        found[optimized] = tuple(part.numpy() for part in (before @ goal, after @ goal, (before * after).sum(1)))
    return found


@pytest.fixture(scope="module")
def thresholds(
    direct: dict[str, tuple[np.ndarray, ...]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[float, float]]:
    """Networks that learnt nothing find all noise alike; thresholds among their cosines tell hits from misses."""
    aimed = np.concatenate([part for _, part, _ in direct.values()])
    values = dict(zip((0.1, 0.01, 0.001), np.quantile(aimed, (0.3, 0.5, 0.7)).tolist(), strict=True))
    points = [{"far": far, "threshold": value} for far, value in values.items()]
    legacy = {
        name: {"similarity": "cosine", "points": points, "data": {"name": "a test"}}
        for name in ("mobileface", "irse50")
    }
    path = tmp_path_factory.mktemp("thresholds") / "thresholds.json"
    path.write_text(json.dumps({"legacy": legacy}))
    return path, values


@pytest.fixture(scope="module")
def rows(
    photos: Path, cache: None, thresholds: tuple[Path, dict[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    output = tmp_path_factory.mktemp("out")
    done = evaluate(
        photos,
        output,
        "--recognizers",
        "mobileface,irse50",
        "--surrogates",
        "irse50",
        "--thresholds",
        str(thresholds[0]),
    )
    assert done.exit_code == 0, done.output
    assert "mobileface (held-out)" in done.stdout
    found: list[dict[str, Any]] = json.loads((output / "diffam.json").read_text())["rows"]
    return found


def test_rates_are_those_of_a_direct_computation(
    direct: dict[str, tuple[np.ndarray, ...]], thresholds: tuple[Path, dict[float, float]], rows: list[dict[str, Any]]
) -> None:
    measured = {(row["target"], row["far"]): row for row in rows if row["recognizer"] == "mobileface"}
    together = {"all": tuple(np.concatenate(part) for part in zip(*direct.values(), strict=True))}
    assert measured.keys() == {(target, far) for target in (*direct, "all") for far in thresholds[1]}
    for (target, far), row in measured.items():
        clean, aimed, own = (direct | together)[target]
        threshold = thresholds[1][far]
        expected = {"clean": clean > threshold, "impersonation": aimed > threshold, "dodging": own <= threshold}
        for name, hits in expected.items():
            assert (row[name]["value"], row[name]["n"]) == (pytest.approx(hits.mean(), abs=1e-6), len(hits))
    assert measured["all", 0.01]["impersonation"]["value"] == 0.5


def test_recognizers_are_told_apart_by_their_role(rows: list[dict[str, Any]]) -> None:
    assert {row["recognizer"]: row["role"] for row in rows} == {"mobileface": "held-out", "irse50": "surrogate"}


def test_every_recognizer_has_published_thresholds() -> None:
    legacy = load_thresholds().legacy
    assert all([point.far for point in legacy[name].points] == [0.1, 0.01, 0.001] for name in RECOGNIZERS)


def test_what_is_missing_is_told(photos: Path, cache: None, tmp_path: Path) -> None:
    for flags, told in (
        (["--surrogates", "irse50"], "'ir152'"),  # of all four, the first whose weights are not here
        (
            ["--surrogates", "irse50", "--recognizers", "dlib-resnet"],
            "ir152, irse50, mobileface, facenet), got dlib-resnet",
        ),
        (["--recognizers", "mobileface"], "--surrogates irse50,mobileface,facenet"),
        (["--surrogates", "irse50", "--far", "0.01"], "DiffAM's protocol has no --far"),
        (["--surrogates", "irse50", "--no-robustness"], "DiffAM's protocol has no --robustness"),
    ):
        done = evaluate(photos, tmp_path / "out", *flags)
        assert (done.exit_code, told in done.stderr) == (2, True), done.stderr
        assert not (tmp_path / "out").exists()
    (tmp_path / "targets").mkdir()
    with pytest.raises(ProtocolError, match=r"scored image 008793 of the target 005869 .* found none"):
        find_groups(photos / "originals", photos / "protected", tmp_path / "targets")
    with pytest.raises(ProtocolError, match=r"found none of 0-0\.jpg, 0-1\.jpg, 0-2\.jpg"):
        find_groups(photos / "targets", photos / "protected", photos / "targets")
    with pytest.raises(ProtocolError, match="folder of photos for each target"):
        find_groups(photos / "originals", photos / "originals", photos / "targets")
