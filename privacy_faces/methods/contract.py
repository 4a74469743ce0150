"""The method contract: a batch of frames in, protected frames out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from privacy_faces.config.options import Options
from privacy_faces.methods.targets import Target
from privacy_faces.photos.batch import FrameBatch

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context


# The whole contract of a method in one import.
__all__ = ["FrameBatch", "Method", "MethodError", "Protection", "Target"]


class MethodError(ValueError):
    """A method that returned something other than protected frames."""


@dataclass(frozen=True)
class Protection:
    """What a method returns.

    Attributes:
        frames: (N, 3, S, S) in [0, 1].
        mask: (N, 1, S, S) boolean: where the frames may differ from the original.
        paste: "replace": the masked pixels are put in the photo's place (inpainting, redaction); "difference": the
            change is added to the photo, whose own detail stays (painting, noise).
        feather: width of the soft edge inside the mask, as a share of the frame's side.
        details: one dict per frame for the receipt (what the method decided for this face).
        warnings: for each frame what the user must be told of it, or nothing.
        target: whom all of the frames are to resemble, if anybody; or for each frame its own.
    """

    frames: Tensor
    mask: Tensor
    paste: Literal["replace", "difference"]
    feather: float = 0.0
    details: Sequence[dict[str, Any]] = field(default_factory=tuple)
    warnings: Sequence[str | None] = ()
    target: Target | Sequence[Target] | None = None

    def target_of(self, index: int) -> Target | None:
        """Whom a frame is to resemble."""
        return self.target[index] if isinstance(self.target, Sequence) else self.target


class Method(ABC):
    """Changes faces. A subclass writes `protect`; calling the object checks what went in and what came out.

    Args:
        options: an instance of the option model in the method's spec.
        context: device and recognizers.
    """

    #: Names of the recognizers that help to make the change; the judge calls all others held-out.
    surrogates: tuple[str, ...] = ()

    def __init__(self, options: Options, context: Context) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def protect(self, batch: FrameBatch) -> Protection:
        """Protected frames for a batch; opens no file, finds no face, judges nothing."""

    def weight_records(self) -> list[dict[str, str]]:
        """[{"id", "sha256"}, ...] of weights that only this method loaded."""
        return []

    def __call__(self, batch: FrameBatch) -> Protection:
        """`protect`, checked: shapes and finite values; frames clamped to [0, 1] and equal to the original outside the
        mask.

        Raises:
            ValueError: for a malformed batch.
            MethodError: for a malformed result, or one in which some face did not change at all.
        """
        shape = batch.frames.shape
        if batch.frames.ndim != 4 or shape[1] != 3 or shape[2] != shape[3] or not shape[0]:
            raise ValueError(f"Invalid frames shape, we expect (N, 3, S, S). Got: {tuple(shape)}.")
        if batch.landmarks.shape != (shape[0], 68, 2):
            raise ValueError(
                f"Invalid landmarks shape, we expect ({shape[0]}, 68, 2). Got: {tuple(batch.landmarks.shape)}."
            )
        result = self.protect(batch)
        name = type(self).__name__
        if (
            result.frames.shape != shape
            or result.mask.shape != (shape[0], 1, *shape[2:])
            or not bool(result.frames.isfinite().all())
        ):
            raise MethodError(
                f"{name} must return finite frames {tuple(shape)} and a mask {(shape[0], 1, *shape[2:])}. "
                f"Got: {tuple(result.frames.shape)} and {tuple(result.mask.shape)}."
            )
        frames = torch.where(result.mask, result.frames.detach().clamp(0, 1), batch.frames)
        unchanged = [index for index in range(shape[0]) if torch.equal(frames[index], batch.frames[index])]
        if unchanged:
            raise MethodError(
                f"{name} left face {unchanged[0] + 1} unchanged, so nothing was protected. Try other options or "
                "another method."
            )
        return replace(result, frames=frames)
