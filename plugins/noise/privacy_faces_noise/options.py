"""Options of the noise methods; light to import."""

from __future__ import annotations

from typing import Annotated, Literal

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
        "000",
        description=(
            "whom to resemble: a synthetic face by number, varied (another one for each face, by its seed), or an "
            "image file of someone who agreed"
        ),
    )


class StepsOptions(NoiseOptions):
    """Options of everything that takes steps."""

    steps: int = Field(20, ge=1, le=1000, description="gradient steps")
    step_size: float = Field(1.0, gt=0, le=64, description="length of a step, in gray levels of 255")


class MomentumOptions(StepsOptions):
    """Options of steps with momentum."""

    decay: float = Field(1.0, ge=0, le=2, description="decay factor of the momentum, mu")


class PgdOptions(FgsmOptions, StepsOptions):
    """Options of `noise-pgd`."""


class MifgsmOptions(FgsmOptions, MomentumOptions):
    """Options of `noise-mifgsm`."""


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


class TipimOptions(MomentumOptions):
    """Options of `noise-tipim`."""

    targets: list[str] = Field(
        ["000", "008", "016"], min_length=1, description="whom to resemble: synthetic faces by number, or image files"
    )
    gamma: float = Field(
        0.1, ge=0, description="weight of the naturalness term, the maximum mean discrepancy to the photo"
    )


class SampledOptions(MifgsmOptions):
    """Options of the methods that average over random samples of the frame."""

    steps: int = Field(20, ge=1, le=1000, description="gradient steps")
    samples: int = Field(2, ge=1, le=100, description="samples of the frame in each step, whose gradients are averaged")
    jitter: float = Field(
        0.05, ge=0, le=0.5, description="spread of the random affine map of a sample; half a frame is 1"
    )
    resolution: float = Field(
        0.4, gt=0.05, le=1, description="lowest resolution that a sample is reduced to, as a share of the frame's"
    )


class BsrOptions(SampledOptions):
    """Options of `noise-bsr`."""

    blocks: int = Field(2, ge=1, le=8, description="blocks along each side of the frame, n")
    degrees: float = Field(10.0, ge=0, le=180, description="largest angle that a block is turned by, tau")
    shuffle: bool = Field(True, description="blocks change places, as in the paper")


class MefOptions(SampledOptions):
    """Options of `noise-mef`."""

    decay: float = Field(0.5, ge=0, le=2, description="decay factor of the momentum, mu")
    radius: float = Field(2.0, ge=0, le=8, description="how far neighbors are drawn, in multiples of epsilon")
    ascent: float = Field(0.15, ge=0, le=8, description="how far a neighbor then climbs, in multiples of epsilon")
    inner_decay: float = Field(0.9, ge=0, le=2, description="decay factor of a neighbor's own momentum")


class DemOptions(SampledOptions):
    """Options of `noise-dem`."""

    samples: int = Field(5, ge=1, le=100, description="samples of the frame in each step, one at each rate in turn")
    rates: list[Annotated[float, Field(ge=1, le=4)]] = Field(
        [1.14, 1.27, 1.4, 1.53, 1.66],
        min_length=1,
        description="largest paddings, as factors of the frame's side",
    )


class BpfaOptions(SampledOptions):
    """Options of `noise-bpfa`."""

    eta: float = Field(8e-4, ge=0, le=1, description="change of each convolution's output against the noise")
