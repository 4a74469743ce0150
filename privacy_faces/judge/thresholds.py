"""The thresholds at which a recogniser declares a match, with where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy_faces.config.files import resource

if TYPE_CHECKING:
    from torch import Tensor


class ThresholdError(ValueError):
    """No threshold for a recogniser at a false accept rate, or a malformed threshold file."""


class Point(BaseModel):
    """One operating point: the threshold at a false accept rate, its 95 % bootstrap interval, and the true accept rate
    there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    far: float
    threshold: float
    interval: tuple[float, float] | None = None
    far_interval: tuple[float, float] | None = None
    tar: float | None = None


class Calibration(BaseModel):
    """The operating points of one recogniser. `data` says on what they were measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    similarity: str
    direction: str = "larger is more alike"
    points: tuple[Point, ...]
    eer: float | None = None
    data: dict[str, Any]


class ThresholdFile(BaseModel):
    """`calibrated` was measured through this project's alignment; `legacy` was published by others for their own crops,
    and serves where nothing else does."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: int = 1
    calibrated: dict[str, Calibration] = {}
    legacy: dict[str, Calibration] = {}


@dataclass(frozen=True)
class Threshold:
    """A match is a similarity strictly above `value`."""

    value: float
    far: float
    source: Literal["calibrated", "legacy"]

    def matched(self, similarity: float) -> bool:
        """Whether this similarity is a match."""
        return similarity > self.value


def load_thresholds(path: Path | None = None) -> ThresholdFile:
    """The threshold file; the shipped one by default.

    Raises:
        ThresholdError: when the file is missing or malformed.
    """
    path = path or resource("assets/thresholds.json")
    if not path.is_file():
        raise ThresholdError(
            f"Expected a threshold file at {path}, found none. Make one: privacy-faces calibrate --data DIR --output "
            f"{path}"
        )
    try:
        return ThresholdFile.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ThresholdError(
            f"The threshold file {path} is malformed: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
        ) from None


def threshold_for(file: ThresholdFile, recognizer: str, far: float) -> Threshold:
    """The threshold of a recogniser at a false accept rate: the calibrated one, otherwise the legacy one, and `source`
    says which.

    Raises:
        ThresholdError: when there is neither, listing what there is.
    """
    tables: dict[Literal["calibrated", "legacy"], dict[str, Calibration]]
    tables = {"calibrated": file.calibrated, "legacy": file.legacy}
    for source, table in tables.items():
        for point in table[recognizer].points if recognizer in table else ():
            if abs(point.far - far) < 1e-9:
                return Threshold(point.threshold, far, source)
    known = sorted(
        {
            point.far
            for table in (file.calibrated, file.legacy)
            if recognizer in table
            for point in table[recognizer].points
        }
    )
    raise ThresholdError(
        f"No threshold for {recognizer!r} at FAR {far:g}; known rates: "
        f"{', '.join(f'{rate:g}' for rate in known) or 'none'}. "
        f"Calibrate it: privacy-faces calibrate --data DIR --recognizers {recognizer}"
    )


def above_threshold(file: ThresholdFile, far: float) -> Callable[[str, Tensor], Tensor]:
    """How far similarities (N,) of the recogniser of a name lie above its threshold at a false accept rate; negative is
    no match.

    Raises:
        ThresholdError: on the call, when that recogniser has no threshold.
    """
    return lambda name, similarity: similarity - threshold_for(file, name, far).value
