"""Options of the noise methods; light to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from privacy_faces.plugin import MethodOptions


class NoiseOptions(MethodOptions):
    """Options that all noise methods share."""

    epsilon: float = Field(
        8.0, gt=0, le=64, description="largest change of any value of the frame, in gray levels of 255"
    )
    surrogates: list[str] = Field(
        ["dlib-resnet"], min_length=1, description="recognizers that the noise is optimized against"
    )
    region: Literal["face", "frame"] = Field("face", description="where the noise may lie")


class FgsmOptions(NoiseOptions):
    """Options of `noise-fgsm`."""

    goal: Literal["dodge", "impersonate", "both"] = Field(
        "dodge", description="dodge: unlike the person; impersonate: like the target; both"
    )
    target: str = Field(
        "000", description="whom to resemble: a synthetic face by number, or an image file of someone who agreed"
    )


class IterativeOptions(FgsmOptions):
    """Options of the methods that take steps."""

    steps: int = Field(20, ge=1, le=1000, description="gradient steps")
    step_size: float = Field(1.0, gt=0, le=64, description="length of a step, in gray levels of 255")


class PgdOptions(IterativeOptions):
    """Options of `noise-pgd`."""


class MifgsmOptions(IterativeOptions):
    """Options of `noise-mifgsm`."""

    decay: float = Field(1.0, ge=0, le=2, description="decay factor of the momentum, mu")


class TidimOptions(MifgsmOptions):
    """Options of `noise-tidim`."""

    steps: int = Field(30, ge=1, le=1000, description="gradient steps")
    chance: float = Field(0.7, ge=0, le=1, description="how often a step sees the frame resized and padded")
    smallest: float = Field(
        0.94, gt=0.5, le=1, description="smallest size that the frame is resized to, as a share of its side"
    )
    kernel: float = Field(
        1.5, gt=0, le=16, description="standard deviation of the gradient's smoothing, in pixels of the frame"
    )


class TipimOptions(NoiseOptions):
    """Options of `noise-tipim`."""

    targets: list[str] = Field(
        ["000", "008", "016"], min_length=1, description="whom to resemble: synthetic faces by number, or image files"
    )
    steps: int = Field(20, ge=1, le=1000, description="gradient steps")
    step_size: float = Field(1.0, gt=0, le=64, description="length of a step, in gray levels of 255")
    decay: float = Field(1.0, ge=0, le=2, description="decay factor of the momentum")
    gamma: float = Field(
        0.1, ge=0, description="weight of the naturalness term, the maximum mean discrepancy to the photo"
    )
