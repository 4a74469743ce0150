"""A closed-set classifier on a frozen recognizer, as PrivacyPreservingDiffusion fine-tunes FaceNet: ReLU, a linear
layer, cross-entropy, Adam.

The trunk does not change, so that each photo passes through it once, and an epoch costs one product of matrices per
batch.
"""

from __future__ import annotations

import hashlib
import json
import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from privacy_faces.config.files import write_atomic
from privacy_faces.datasets.celeba import Split, split_by_identity
from privacy_faces.datasets.folder import DatasetError, LabeledPhoto, identity_folders
from privacy_faces.judge.store import Store
from privacy_faces.methods.context import Context
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.pipeline.sharing import launched
from privacy_faces.recognizers.closed_set import ClosedSet, save_classifier
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.training.features import Features, embed_once
from privacy_faces.training.options import RecognizerFinetuneOptions
from privacy_faces.training.trainer import Recipe, Turn, train

log = logging.getLogger(__name__)

CLASSIFIER, EPOCHS = "classifier.safetensors", "epochs.json"

Progress = Callable[[Any], Any]


@dataclass(frozen=True)
class Scale:
    """What the linear layer is trained on: (relu(e) - mean) / deviation, each (D,).

    The embeddings of some recognizers, dlib's among them, differ little from one another: a layer on them as they are
    learns next to nothing in eight epochs.
    """

    mean: Tensor
    deviation: Tensor

    def __call__(self, embeddings: Tensor) -> Tensor:
        """Inputs (N, D) of embeddings (N, D)."""
        return (embeddings.relu() - self.mean) / self.deviation

    def fold(self, layer: nn.Linear) -> tuple[Tensor, Tensor]:
        """W (K, D) and b (K,) for which W relu(e) + b is the layer's answer."""
        weight = layer.weight.detach().cpu() / self.deviation
        return weight, layer.bias.detach().cpu() - weight @ self.mean


def scale_of(embeddings: Tensor, standardize: bool) -> Scale:
    """The scale of training embeddings (N, D); without `standardize` the one that leaves relu(e) as it is."""
    size = embeddings.shape[1]
    if not standardize:
        return Scale(torch.zeros(size), torch.ones(size))
    positive = embeddings.relu()
    return Scale(positive.mean(0), positive.std(0).clamp(min=1e-6))


@dataclass(frozen=True)
class StepRecipe(Recipe):
    """A recipe whose learning rate falls by `gamma` at each of some steps (MultiStepLR)."""

    falls: tuple[int, ...] = ()
    gamma: float = 0.1

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.learning_rate * float(self.gamma ** bisect_right(self.falls, step))


def finetune_recognizer(
    options: RecognizerFinetuneOptions, progress: Progress = iter, say: Callable[[str], None] = log.info
) -> Path:
    """Train a classifier over the people of a folder; goes on where an interrupted run stopped.

    Args:
        options: what to train, and how.
        progress: wraps the photos, then the steps.
        say: is told the accuracy after every epoch.

    Returns:
        The classifier's file. Beside it `epochs.json` holds the accuracy on the training and test photos after every
        epoch.

    Raises:
        DatasetError: when the folder is not one of people with photos, or no photo is left to train with.
        ValueError: (or a named subclass) for missing weights, or a checkpoint of another run.
    """
    started = perf_counter()
    processes = launched.state(options.device)
    split = read_split(options)
    context = Context(options.device, {options.recognizer.name: options.recognizer.options})
    recognizer = context.recognizer(options.recognizer.name)
    finder = make_finder(options.detector, 0, context.device)
    store = Store(options.output / "features.sqlite")
    photos = {photo.path: 1 + options.copies for photo in split.train} | {photo.path: 1 for photo in split.test}
    # The first process embeds; the others find everything in the store.
    with processes.main_process_first():
        found = embed_once(photos, finder, recognizer, store, options.seed, progress)
    people = sorted({photo.identity for photo in split.train if len(found[photo.path])})
    if len(people) < 2:
        raise DatasetError(
            f"Expected photos with faces of two people or more to train with in {options.data}, found {len(people)}."
        )
    training, test = (_labeled(side, found, people) for side in (split.train, split.test))
    return _train_head(options, recognizer, people, training, test, progress, say, started)


def read_split(options: RecognizerFinetuneOptions) -> Split:
    """The photos to train and to test with: the folder's own train/ and test/, or a new division of each person's
    photos.

    Raises:
        DatasetError: when there is nothing to divide.
    """
    if not (options.data / "train").is_dir():
        return split_by_identity(
            identity_folders(options.data), options.train_fraction, options.seed, options.min_photos
        )
    training = identity_folders(options.data / "train")
    known = {photo.identity for photo in training}
    test = identity_folders(options.data / "test") if (options.data / "test").is_dir() else []
    if strangers := sorted({photo.identity for photo in test} - known):
        raise DatasetError(
            f"Expected the people of {options.data / 'test'} in train/ too, found {len(strangers)} who are not: "
            f"{', '.join(strangers[:5])}."
        )
    return Split(training, test, [], {})


def _labeled(photos: Sequence[LabeledPhoto], found: dict[Path, Features], people: list[str]) -> tuple[Tensor, Tensor]:
    """Embeddings (N, D) and classes (N,) of the photos of the people that can be told."""
    places = {person: index for index, person in enumerate(people)}
    kept = [photo for photo in photos if photo.identity in places and len(found[photo.path])]
    size = next(iter(found.values())).shape[1]
    features = np.concatenate([np.zeros((0, size), np.float32), *(found[photo.path] for photo in kept)])
    classes = np.repeat([places[photo.identity] for photo in kept], [len(found[photo.path]) for photo in kept])
    return torch.from_numpy(features), torch.from_numpy(classes.astype(np.int64))


def _train_head(
    options: RecognizerFinetuneOptions,
    recognizer: Recognizer,
    people: list[str],
    training: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    progress: Progress,
    say: Callable[[str], None],
    started: float,
) -> Path:
    scale = scale_of(training[0], options.standardize)
    (inputs, classes), (test_inputs, test_classes) = (
        (scale(embeddings), labels) for embeddings, labels in (training, test)
    )
    torch.manual_seed(options.seed)
    layer = nn.Linear(inputs.shape[1], len(people))
    per_epoch = -(-len(inputs) // options.batch)
    chosen = options.model_dump(mode="json", include={"batch", "learning_rate", "milestones", "gamma", "seed"})
    digest = hashlib.sha256(inputs.numpy().tobytes() + classes.numpy().tobytes()).hexdigest()
    recipe = StepRecipe(
        steps=options.epochs * per_epoch,
        learning_rate=options.learning_rate,
        ema=0.0,  # the last weights, not an average
        seed=options.seed,
        save_every=per_epoch,
        purpose=json.dumps(chosen | {"recognizer": recognizer.name, "data": digest}, sort_keys=True),
        falls=tuple(epoch * per_epoch for epoch in sorted(options.milestones)),
        gamma=options.gamma,
    )

    def loss(model: nn.Module, turn: Turn) -> dict[str, Tensor]:
        epoch, part = divmod(turn.step, per_epoch)
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(options.seed + epoch))
        together = order[part * options.batch : (part + 1) * options.batch]
        rows = together[turn.process :: turn.processes]
        if not len(
            rows
        ):  # of the epoch's last batch, which may be smaller than the processes are many; no row has no mean
            rows = together
        return {"cross-entropy": cross_entropy(model(inputs[rows].to(turn.device)), classes[rows].to(turn.device))}

    report = options.output / EPOCHS
    about = {
        "schema": 1,
        "recognizer": recognizer.name,
        "people": len(people),
        "train": len(inputs),
        "test": len(test_inputs),
    }
    since = started

    def on_checkpoint(steps: int) -> None:
        nonlocal since
        epoch, now = steps // per_epoch, perf_counter()
        earlier = json.loads(report.read_text(encoding="utf-8"))["epochs"] if report.is_file() else []
        shares = {
            "train_accuracy": accuracy(layer, inputs, classes),
            "test_accuracy": accuracy(layer, test_inputs, test_classes),
        }
        # The first epoch's time includes that of the embeddings.
        epochs = [
            *(row for row in earlier if row["epoch"] < epoch),
            {"epoch": epoch, **shares, "seconds": round(now - since, 3)},
        ]
        write_atomic(report, (json.dumps({**about, "epochs": epochs}, indent=2) + "\n").encode())
        accuracies = ", ".join(
            f"{name.replace('_', ' ')} {'unknown' if share is None else f'{100 * share:.2f} %'}"
            for name, share in shares.items()
        )
        say(f"epoch {epoch}: {accuracies}, {now - since:.1f} s")
        since = perf_counter()

    train(layer, loss, recipe, options.output, on_checkpoint, progress)
    weight, bias = scale.fold(layer)
    target = options.output / CLASSIFIER
    if launched.leads():
        save_classifier(ClosedSet(recognizer.name, tuple(people), weight.numpy(), bias.numpy()), target)
    return target


@torch.no_grad()
def accuracy(layer: nn.Module, inputs: Tensor, classes: Tensor) -> float | None:
    """Share of rows (N, D) whose largest logit is their class (N,); None without rows."""
    if not len(inputs):
        return None
    device = next(layer.parameters()).device
    return round(float((layer(inputs.to(device)).argmax(1).cpu() == classes).float().mean()), 6)
