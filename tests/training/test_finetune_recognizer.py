"""`finetune recognizer`: a closed-set classifier on a frozen recognizer, trained on the shipped synthetic faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.datasets.folder import DatasetError
from privacy_faces.judge.store import Store
from privacy_faces.methods.context import Context
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.recognizers.closed_set import load_classifier
from privacy_faces.training.features import embed_once
from privacy_faces.training.options import RecognizerFinetuneOptions
from privacy_faces.training.recognizer import Scale, StepRecipe, finetune_recognizer, read_split, scale_of

COPIES = 6  # with them 84 training rows: at 0.001, meant for thousands, eight epochs would end half way

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder per synthetic person, with both of their photos."""
    root, faces = tmp_path_factory.mktemp("people"), resource("assets/faces")
    for photo in sorted(faces.glob("*.png"))[:12]:
        (root / photo.stem).mkdir()
        (root / photo.stem / "first.png").symlink_to(photo)
        (root / photo.stem / "second.png").symlink_to(faces / "second" / photo.name)
    return root


def command(data: Path, output: Path, *flags: str) -> Result:
    return CliRunner().invoke(
        main,
        [
            "finetune",
            "recognizer",
            "--data",
            str(data),
            "--output",
            str(output),
            "--copies",
            str(COPIES),
            "--learning-rate",
            "0.01",
            *flags,
        ],
    )


@pytest.fixture(scope="module")
def trained(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    output = tmp_path_factory.mktemp("trained")
    done = command(people, output)
    assert done.exit_code == 0, done.output
    assert f"written to {output / 'classifier.safetensors'}" in done.stdout
    return output


def epochs(output: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((output / "epochs.json").read_text())["epochs"]
    return rows


def features(people: Path, output: Path) -> tuple[Any, Any, Any, Any]:
    """Embeddings and names of the training and of the test photos, from the run's own store."""
    split = read_split(RecognizerFinetuneOptions(data=people))
    context = Context("cpu")
    counts = {photo.path: 1 + COPIES for photo in split.train} | {photo.path: 1 for photo in split.test}
    passed: list[Path] = []
    found = embed_once(
        counts,
        make_finder(),
        context.recognizer("dlib-resnet"),
        Store(output / "features.sqlite"),
        0,
        lambda paths: passed.extend(paths) or paths,
    )
    assert not passed, "every photo passed through the trunk once, in the run itself"
    sides = []
    for side in (split.train, split.test):
        sides += [
            np.concatenate([found[photo.path] for photo in side]),
            [photo.identity for photo in side for _ in found[photo.path]],
        ]
    return tuple(sides)


def test_accuracy_is_near_that_of_a_logistic_regression_on_the_same_features(people: Path, trained: Path) -> None:
    train, names, test, truth = features(people, trained)
    assert (len(train), len(test)) == (12 * (1 + COPIES), 12)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(np.maximum(train, 0), names)
    classifier = load_classifier(trained / "classifier.safetensors")
    found = classifier.classes(test) == classifier.class_of(truth)
    # Of twelve people, three may lie on the other side: with Adam's few steps the margins are not the widest.
    assert found.mean() + 0.25 >= regression.score(np.maximum(test, 0), truth) >= 0.9
    assert epochs(trained)[-1]["test_accuracy"] == pytest.approx(found.mean(), abs=1e-5)


def test_accuracy_of_every_epoch_is_told_and_later_epochs_are_cheap(trained: Path) -> None:
    rows = epochs(trained)
    assert [row["epoch"] for row in rows] == list(range(1, 9))
    assert rows[0]["train_accuracy"] < rows[-1]["train_accuracy"]
    assert max(row["seconds"] for row in rows[1:]) < rows[0]["seconds"] / 10


def test_interrupted_run_ends_where_a_whole_one_does(people: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "features.sqlite").write_bytes((trained / "features.sqlite").read_bytes())
    assert command(people, tmp_path, "--epochs", "3").exit_code == 0
    done = command(people, tmp_path)
    assert "epoch 3" not in done.stderr
    assert "epoch 4" in done.stderr
    for name in ("weight", "bias"):
        assert np.array_equal(
            *(getattr(load_classifier(folder / "classifier.safetensors"), name) for folder in (tmp_path, trained))
        )
    assert [row | {"seconds": 0} for row in epochs(tmp_path)] == [row | {"seconds": 0} for row in epochs(trained)]
    other = command(people, tmp_path, "--batch", "16")
    assert other.exit_code == 2
    assert "is of another run" in other.stderr


def test_folder_that_is_divided_already(people: Path, tmp_path: Path) -> None:
    for side, photo in (("train", "first.png"), ("test", "second.png")):
        for person in ("001", "002"):
            (tmp_path / side / person).mkdir(parents=True)
            (tmp_path / side / person / photo).symlink_to((people / person / photo).resolve())
    split = read_split(RecognizerFinetuneOptions(data=tmp_path))
    assert [(photo.identity, photo.path.name) for photo in split.train] == [("001", "first.png"), ("002", "first.png")]
    assert [(photo.identity, photo.path.name) for photo in split.test] == [("001", "second.png"), ("002", "second.png")]
    (tmp_path / "train" / "002").rename(tmp_path / "002")
    with pytest.raises(DatasetError, match="found 1 who are not: 002"):
        read_split(RecognizerFinetuneOptions(data=tmp_path))


def test_photos_without_a_face_are_left_out_and_nobody_else_may_be_missing(people: Path, tmp_path: Path) -> None:
    from PIL import Image

    for person in ("a", "b"):
        (tmp_path / "data" / person).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (64, 64), "gray").save(tmp_path / "data" / person / f"{number}.png")
    with pytest.raises(DatasetError, match=r"photos with faces of two people or more .* found 0"):
        finetune_recognizer(RecognizerFinetuneOptions(data=tmp_path / "data", output=tmp_path / "out"))


def test_layer_on_standardized_inputs_is_a_layer_on_the_embeddings() -> None:
    embeddings = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    layer = torch.nn.Linear(8, 3)
    for standardize in (True, False):
        scale = scale_of(embeddings, standardize)
        weight, bias = scale.fold(layer)
        torch.testing.assert_close(layer(scale(embeddings)), embeddings.relu() @ weight.T + bias, atol=1e-5, rtol=1e-4)
    assert torch.equal(Scale(torch.zeros(8), torch.ones(8))(embeddings), embeddings.relu())


def test_rate_falls_at_the_milestones() -> None:
    recipe = StepRecipe(steps=40, learning_rate=1e-3, falls=(20, 30), gamma=0.1)
    assert [recipe.learning_rate_at(step) for step in (0, 19, 20, 29, 30, 39)] == pytest.approx(
        [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    )
