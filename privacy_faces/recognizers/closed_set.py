"""Closed-set classifiers: who of the people that it was trained on is this? A recognizer with a linear layer on top, as
PrivacyPreservingDiffusion fine-tunes FaceNet (`training.recognizer`): logits = W relu(e) + b of the unit-length
embedding e."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float32]


class ClassifierError(ValueError):
    """A file that holds no closed-set classifier."""


@dataclass(frozen=True)
class ClosedSet:
    """A linear layer over a recognizer's embeddings.

    Attributes:
        recognizer: registered name of the recognizer below.
        people: K names, in the order of the classes.
        weight: W, (K, D).
        bias: b, (K,).
    """

    recognizer: str
    people: tuple[str, ...]
    weight: Array
    bias: Array

    def classes(self, embeddings: Array) -> NDArray[np.int64]:
        """The class (N,) of embeddings (N, D), unit length: the largest logit."""
        import torch

        return self.logits(torch.from_numpy(embeddings.astype(np.float64))).argmax(1).numpy()

    def logits(self, embeddings: Tensor) -> Tensor:
        """Logits (N, K) of embeddings (N, D), unit length; differentiable."""
        import torch

        weight, bias = (torch.from_numpy(array).to(embeddings) for array in (self.weight, self.bias))
        return embeddings.relu() @ weight.T + bias

    def cross_entropy(self, features: Tensor) -> Tensor:
        """Cross-entropy (N,) of features (N, D) against the class that they are given now; differentiable."""
        from torch.nn.functional import cross_entropy, normalize

        logits = self.logits(normalize(features, dim=1))
        return cross_entropy(logits, logits.detach().argmax(1), reduction="none")

    def class_of(self, people: list[str]) -> NDArray[np.int64]:
        """The class (N,) of N names; -1 for people whom it does not know."""
        places = {person: index for index, person in enumerate(self.people)}
        return np.array([places.get(person, -1) for person in people], dtype=np.int64)


def save_classifier(classifier: ClosedSet, path: Path) -> None:
    """Write a classifier as safetensors."""
    about = json.dumps({"recognizer": classifier.recognizer, "people": list(classifier.people)})
    save_file(
        {"weight": np.ascontiguousarray(classifier.weight), "bias": np.ascontiguousarray(classifier.bias)},
        path,
        metadata={"closed-set": about},
    )


def load_classifier(path: Path) -> ClosedSet:
    """A classifier written by `save_classifier`.

    Raises:
        ClassifierError: for anything else.
    """
    try:
        with safe_open(path, "numpy") as file:
            about = json.loads((file.metadata() or {})["closed-set"])
            weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ClassifierError(
            f"Expected a closed-set classifier (safetensors with weight, bias, and the people's names) at {path}: "
            f"{error}."
        ) from None
    if weight.ndim != 2 or weight.shape[0] != len(about["people"]) or bias.shape != weight.shape[:1]:
        raise ClassifierError(
            f"Expected weight ({len(about['people'])}, D) and bias ({len(about['people'])},) in {path}, found "
            f"{weight.shape}, {bias.shape}."
        )
    return ClosedSet(about["recognizer"], tuple(about["people"]), weight.astype(np.float32), bias.astype(np.float32))
