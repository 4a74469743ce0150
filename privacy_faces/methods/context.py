"""What methods and inpainters are built with: device, face finder, recognizers shared with the judge, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from privacy_faces.config.registry import RECOGNIZERS
from privacy_faces.methods.targets import VARIED, Target, drawn_target, read_target
from privacy_faces.photos.detection.finder import DetectorName, FaceFinder, make_finder

if TYPE_CHECKING:
    from privacy_faces.recognizers.contract import Recognizer


def _no_judge(name: str, similarity: Tensor) -> Tensor:
    raise ValueError(
        f"Whether {name} matches is asked of a judge, and this context has none. Build it with "
        "judge.thresholds.above_threshold."
    )


class Context:
    """Loads each recognizer once, and the face finder when it is asked for.

    Args:
        device: "auto" (CUDA where there is one), "cpu" or "cuda".
        recognizer_options: name -> options of recognizers that are not to be built with their defaults.
        above_threshold: the judge's answer to how far similarities (N,) to a person lie above the threshold of the
            recognizer of that name; a method that goes on until the person is no longer matched asks it, and knows no
            threshold of its own.
        detector, min_face: of the face finder, see `make_finder`.

    Raises:
        ValueError: "cuda" on a machine without it.
    """

    def __init__(
        self,
        device: str = "cpu",
        recognizer_options: Mapping[str, Mapping[str, Any]] | None = None,
        above_threshold: Callable[[str, Tensor], Tensor] = _no_judge,
        *,
        detector: DetectorName = "auto",
        min_face: int = 0,
    ) -> None:
        available = torch.cuda.is_available()
        if device == "cuda" and not available:
            raise ValueError("--device cuda asks for a CUDA device, and torch finds none. Use --device cpu, or auto.")
        self.device = torch.device("cuda" if device == "cuda" or (device == "auto" and available) else "cpu")
        self._options = dict(recognizer_options or {})
        self.above_threshold = above_threshold
        self._detector, self._min_face = detector, min_face
        self._recognizers: dict[str, Recognizer] = {}
        self._targets: dict[str, Target] = {}

    @cached_property
    def finder(self) -> FaceFinder:
        """The one face finder of the run: of photos, of targets and of references."""
        return make_finder(self._detector, self._min_face, self.device)

    def recognizer(self, name: str) -> Recognizer:
        """The recognizer registered under `name`, ready to embed."""
        if name not in self._recognizers:
            self._recognizers[name] = RECOGNIZERS.build(name, self._options.get(name), self.device)
        return self._recognizers[name]

    def loaded(self) -> list[Recognizer]:
        """The recognizers that were asked for so far."""
        return list(self._recognizers.values())

    def target(self, name: str, seed: int = 0) -> Target:
        """Whom a face is to resemble, read once: the number of a synthetic face, the path of an image, or "varied", the
        synthetic face that belongs to the face's seed.

        Raises:
            TargetError, PhotoError, NoFaceError: as `methods.targets.read_target`.
        """
        name = drawn_target(seed) if name == VARIED else name
        if name not in self._targets:
            self._targets[name] = read_target(name, self.finder, self.device)
        return self._targets[name]
