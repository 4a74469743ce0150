"""The optional judge of the profile `embedded`: held out as soon as its weights are here, and one line without them."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from privacy_faces import anonymize
from privacy_faces.cli import main
from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import METHODS
from privacy_faces.judge.thresholds import load_thresholds
from privacy_faces.pipeline.judges import settled
from privacy_faces.recognizers.mobileface_v2 import MOBILEFACE_V2
from privacy_faces.weights import store
from tests.recognizers.test_mobileface_v2 import filled_network, published_file

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = ("--method", "inpaint-saliency", "--inpainter", "classical", "--fraction", "0.25")
PULL = "privacy-faces weights pull mobileface-v2"
BOTH = "dlib-resnet,mobileface-v2"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no weights but those that ship."""
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with weights of mobileface-v2 that know no faces."""
    folder = tmp_path_factory.mktemp("added")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(folder / "cache"))
        store.add("mobileface-v2", published_file(filled_network(), folder))
    return folder / "cache"


@pytest.fixture
def here(cache: Path, added: Path) -> None:
    """A machine on which those weights are."""
    shutil.copytree(added, cache)


@pytest.fixture
def photos(tmp_path: Path, sample: np.ndarray) -> Path:
    """The face of the sample photo, and its mirror image."""
    folder = tmp_path / "photos"
    folder.mkdir()
    face = sample[:260, 120:330]
    Image.fromarray(face).save(folder / "a.png")
    Image.fromarray(face[:, ::-1]).save(folder / "b.png")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", "--receipts", "full", *map(str, arguments)])


def roles(receipt: Path) -> tuple[dict[str, str], str]:
    """Recognizer -> role, and the evidence."""
    (face,) = json.loads(receipt.read_text())["faces"]
    return {name: verdict["role"] for name, verdict in face["recognizers"].items()}, face["evidence"]


def judges(method: str = "fill", **layers: object) -> tuple[list[str], list[str]]:
    """Who judges a plan once it is settled, and what was told."""
    told: list[str] = []
    run = settled(make_plan(method, **layers), told.append).run  # type: ignore[arg-type]
    assert run.optional_recognizers == []
    return [choice.name for choice in run.recognizers], told


def test_without_its_weights_one_line_says_how_to_get_them(cache: Path, photos: Path, tmp_path: Path) -> None:
    done = run(photos, *QUICK, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stderr.splitlines() if "mobileface" in line]
    assert lines == [f"mobileface-v2 would judge too; get its weights: {PULL}"], "once for both photos"
    assert "mobileface" not in done.stdout
    for name in ("a", "b"):
        assert roles(tmp_path / f"out/{name}.receipt.json") == ({"dlib-resnet": "surrogate"}, "surrogate-only")


@pytest.mark.usefixtures("here")
def test_with_its_weights_it_is_held_out(photos: Path, tmp_path: Path) -> None:
    done = run(photos / "a.png", *QUICK, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "would judge" not in done.stderr
    assert "mobileface-v2 (held-out)" in done.stdout
    receipt = tmp_path / "out/a.receipt.json"
    assert roles(receipt) == ({"dlib-resnet": "surrogate", "mobileface-v2": "held-out"}, "held-out")
    assert "mobileface-v2" in [record["id"] for record in json.loads(receipt.read_text())["weights"]]


@pytest.mark.usefixtures("here")
def test_as_a_surrogate_it_is_no_longer_called_held_out(photos: Path, tmp_path: Path) -> None:
    done = run(photos / "a.png", *QUICK, "--surrogates", BOTH, "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert roles(tmp_path / "out/a.receipt.json") == (
        {"dlib-resnet": "surrogate", "mobileface-v2": "surrogate"},
        "surrogate-only",
    )


def test_as_a_surrogate_it_must_be_there(cache: Path, photos: Path, tmp_path: Path) -> None:
    done = run(photos / "a.png", *QUICK, "--surrogates", BOTH, "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert PULL in done.stderr


def test_a_photo_is_judged_again_when_the_weights_have_come(
    cache: Path, added: Path, photos: Path, tmp_path: Path
) -> None:
    def states() -> Sequence[object]:
        done = run(photos / "a.png", "--method", "fill", "--output", tmp_path / "out", "--json")
        assert done.exit_code == 0, done.output
        result = json.loads(done.stdout)
        return [len(result["run"]["recognizers"]), result["done"], result["skipped"]]

    assert states() == [1, 1, 0]
    assert states() == [1, 0, 1]
    shutil.copytree(added, cache)
    assert states() == [2, 1, 0]
    assert states() == [2, 0, 1]


@pytest.mark.usefixtures("here")
def test_in_python_it_judges_too(photos: Path) -> None:
    (face,) = anonymize(photos / "a.png", method="fill").receipt.faces
    assert list(face.recognizers) == ["dlib-resnet", "mobileface-v2"]


def test_in_python_the_line_goes_to_the_log(cache: Path, photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "privacy_faces"):
        (face,) = anonymize(photos / "a.png", method="fill").receipt.faces
    assert list(face.recognizers) == ["dlib-resnet"]
    assert [record.message for record in caplog.records if "mobileface" in record.message] == [
        f"mobileface-v2 would judge too; get its weights: {PULL}"
    ]


@pytest.mark.usefixtures("here")
class TestWhoJudges:
    """With the weights of mobileface-v2 here."""

    def test_the_profile(self) -> None:
        assert judges() == (["dlib-resnet", "mobileface-v2"], [])

    def test_settling_twice_changes_nothing(self) -> None:
        plan = settled(make_plan("fill"))
        assert settled(plan) == plan == make_plan("fill", run={"recognizers": BOTH.split(",")})
        assert plan.fingerprint() != make_plan("fill").fingerprint()

    @pytest.mark.parametrize(
        "layers",
        [
            {"run": {"recognizers": ["dlib-resnet"]}},
            {"assignments": {"recognizers": ["dlib-resnet"]}},
            {"run": {"optional_recognizers": []}},
        ],
    )
    def test_whoever_names_recognizers_names_all(self, layers: dict[str, object]) -> None:
        assert judges(**layers) == (["dlib-resnet"], [])

    def test_so_does_a_config_file(self, tmp_path: Path) -> None:
        (tmp_path / "own.yaml").write_text("run: {recognizers: [dlib-resnet]}")
        assert judges(config=tmp_path / "own.yaml") == (["dlib-resnet"], [])
        (tmp_path / "own.yaml").write_text(
            "run: {recognizers: [dlib-resnet], optional_recognizers: [mobileface-v2, dlib-resnet]}"
        )
        assert judges(config=tmp_path / "own.yaml") == (["dlib-resnet", "mobileface-v2"], [])

    def test_the_profile_full_names_its_own(self) -> None:
        assert judges(profile="full") == (["facenet", "dlib-resnet"], [])

    def test_without_a_threshold_it_says_how_to_get_one(self, tmp_path: Path) -> None:
        shipped = load_thresholds()
        only = shipped.model_copy(update={"calibrated": {"dlib-resnet": shipped.calibrated["dlib-resnet"]}})
        (tmp_path / "own.json").write_text(only.model_dump_json())
        names, (line,) = judges(run={"thresholds": tmp_path / "own.json"})
        assert names == ["dlib-resnet"]
        assert line.startswith("mobileface-v2 would judge too. No threshold for 'mobileface-v2' at FAR 0.001")
        assert line.endswith("privacy-faces calibrate --data DIR --recognizers mobileface-v2")


def test_the_published_network_judges(shared_data: Path, cache: Path, photos: Path) -> None:
    """A filled face is nobody's any more; blurred by a pixel it still is the person's."""
    published = shared_data / "recognizers" / "mobileface-v2" / MOBILEFACE_V2.file
    if not published.is_file():
        pytest.skip("needs the published file of mobileface-v2 in ../shared/data/recognizers/mobileface-v2")
    store.add("mobileface-v2", published)
    (hidden,) = anonymize(photos / "a.png", method="fill").receipt.faces
    (shown,) = anonymize(photos / "a.png", method="blur", sigma=0.005).receipt.faces
    assert (hidden.recognizers["mobileface-v2"].matched, shown.recognizers["mobileface-v2"].matched) == (False, True)
    assert hidden.evidence == shown.evidence == "held-out"


@pytest.mark.parametrize("method", list(METHODS.entries()))
def test_it_is_no_surrogate_unless_asked(method: str) -> None:
    assert "mobileface-v2" not in json.dumps(make_plan(method).described()["options"])
