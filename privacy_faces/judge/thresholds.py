"""The thresholds at which a recognizer declares a match, with where they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from privacy_faces.config.files import resource

if TYPE_CHECKING:
    from torch import Tensor

#: Names the thresholds of generated faces, which are more alike than photographed ones.
SYNTHETIC = Path("synthetic")


class ThresholdError(ValueError):
    """No threshold for a recognizer at a false accept rate, or a malformed threshold file."""


class Threshold(BaseModel):
    """The threshold of one recognizer at one false accept rate: a match is a similarity strictly above it.

    Attributes:
        interval: its 95 % bootstrap interval.
        far_interval: the 95 % interval of the rate.
        tar: the true accept rate there.
        source: where it comes from, once it was chosen by `threshold_for`.
    """

    # Above a threshold that is no number, or infinite, nothing matches, and everybody would be called protected.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    far: float
    threshold: float
    interval: tuple[float, float] | None = None
    far_interval: tuple[float, float] | None = None
    tar: float | None = None
    source: Literal["calibrated", "legacy"] | None = Field(default=None, exclude=True)

    @overload
    def margin(self, similarity: float) -> float: ...
    @overload
    def margin(self, similarity: NDArray[np.float64]) -> NDArray[np.float64]: ...
    @overload
    def margin(self, similarity: Tensor) -> Tensor: ...
    def margin(self, similarity: Any) -> Any:
        """How far similarities lie above the threshold; negative is no match.

        Raises:
            ValueError: for one that is not a number.
        """
        return _numbers(similarity) - self.threshold

    @overload
    def matched(self, similarity: float) -> bool: ...
    @overload
    def matched(self, similarity: NDArray[np.float64]) -> NDArray[np.bool_]: ...
    def matched(self, similarity: Any) -> Any:
        """Whether similarities are a match.

        Raises:
            ValueError: for one that is not a number: nothing was measured, and nobody is protected by that.
        """
        return _numbers(similarity) > self.threshold


def _numbers(similarity: Any) -> Any:
    arrays = np.isnan if isinstance(similarity, float | np.ndarray) else type(similarity).isnan
    if bool(arrays(similarity).any()):
        raise ValueError(
            f"Expected similarities that are numbers, found {similarity}: an embedding is broken. Check the weights: "
            "privacy-faces weights list"
        )
    return similarity


class Calibration(BaseModel):
    """The operating points of one recognizer. `data` says on what they were measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    similarity: Literal["cosine"]
    direction: Literal["larger is more alike"] = "larger is more alike"
    points: tuple[Threshold, ...]
    eer: float | None = None
    data: dict[str, Any]

    @field_validator("points")
    @classmethod
    def _within_range(cls, points: tuple[Threshold, ...]) -> tuple[Threshold, ...]:
        """No cosine lies above 1: with such a threshold nothing would match, the very same photo included."""
        for point in points:
            if not (-1 <= point.threshold < 1 and 0 < point.far < 1):
                raise ValueError(
                    "expected a cosine from -1 to below 1 at a false accept rate between 0 and 1, found "
                    f"{point.threshold:g} at {point.far:g}"
                )
        return points


class ThresholdFile(BaseModel):
    """`calibrated` was measured through this project's alignment; `legacy` was published by others for their own crops,
    and serves where nothing else does."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: int = 1
    calibrated: dict[str, Calibration] = {}
    legacy: dict[str, Calibration] = {}


def load_thresholds(path: Path | None = None) -> ThresholdFile:
    """The threshold file; the shipped one by default, and by the name `SYNTHETIC` with those of generated faces, of
    the recognizers for which there are some.

    Raises:
        ThresholdError: when the file is missing or malformed.
    """
    if path == SYNTHETIC and not path.exists():
        shipped = load_thresholds()
        generated = load_thresholds(resource("assets/thresholds-synthetic.json"))
        return shipped.model_copy(update={"calibrated": shipped.calibrated | generated.calibrated})
    path = path or resource("assets/thresholds.json")
    if not path.is_file():
        raise ThresholdError(
            f"Expected a threshold file at {path}, found none. Make one: privacy-faces calibrate --data DIR --output "
            f"{path}"
        )
    try:
        return ThresholdFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ThresholdError(f"Cannot read the threshold file {path}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ThresholdError(
            f"The threshold file {path} is malformed: {place + ': ' if place else ''}"
            f"{first['msg'].removeprefix('Value error, ')}. Make it again: privacy-faces calibrate --data DIR --output "
            f"{path}"
        ) from None


def threshold_for(file: ThresholdFile, recognizer: str, far: float) -> Threshold:
    """The threshold of a recognizer at a false accept rate: the calibrated one, otherwise the legacy one, and `source`
    says which.

    Raises:
        ThresholdError: when there is neither, listing what there is.
    """
    tables: dict[Literal["calibrated", "legacy"], dict[str, Calibration]]
    tables = {"calibrated": file.calibrated, "legacy": file.legacy}
    for source, table in tables.items():
        for point in table[recognizer].points if recognizer in table else ():
            if abs(point.far - far) < 1e-9:
                return point.model_copy(update={"source": source})
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
    """How far similarities (N,) of the recognizer of a name lie above its threshold at a false accept rate; negative is
    no match.

    Raises:
        ThresholdError: on the call, when that recognizer has no threshold.
    """
    return lambda name, similarity: threshold_for(file, name, far).margin(similarity)
