"""What methods, recognisers and inpainters are built with: the device, and recognisers shared between method and
judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from privacy_faces.config.registry import RECOGNIZERS

if TYPE_CHECKING:
    from privacy_faces.recognizers.contract import Recognizer


def _no_judge(name: str, similarity: Tensor) -> Tensor:
    raise ValueError(
        f"Whether {name} matches is asked of a judge, and this context has none. Build it with "
        "evaluation.thresholds.above_threshold."
    )


class Context:
    """Loads each recogniser once.

    Args:
        device: "auto" (CUDA where there is one), "cpu" or "cuda".
        recognizer_options: name -> options of recognisers that are not to be built with their defaults.
        above_threshold: the judge's answer to how far similarities (N,) to a person lie above the threshold of the
            recogniser of that name; a method that goes on until the person is no longer matched asks it, and knows no
            threshold of its own.

    Raises:
        ValueError: "cuda" on a machine without it.
    """

    def __init__(
        self,
        device: str = "cpu",
        recognizer_options: Mapping[str, Mapping[str, Any]] | None = None,
        above_threshold: Callable[[str, Tensor], Tensor] = _no_judge,
    ) -> None:
        available = torch.cuda.is_available()
        if device == "cuda" and not available:
            raise ValueError("--device cuda asks for a CUDA device, and torch finds none. Use --device cpu, or auto.")
        self.device = torch.device("cuda" if device == "cuda" or (device == "auto" and available) else "cpu")
        self._options = dict(recognizer_options or {})
        self.above_threshold = above_threshold
        self._recognizers: dict[str, Recognizer] = {}

    def recognizer(self, name: str) -> Recognizer:
        """The recogniser registered under `name`, ready to embed."""
        if name not in self._recognizers:
            self._recognizers[name] = RECOGNIZERS.build(name, self._options.get(name), self.device)
        return self._recognizers[name]

    def loaded(self) -> list[Recognizer]:
        """The recognisers that were asked for so far."""
        return list(self._recognizers.values())
