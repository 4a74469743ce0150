"""The options of the built-in methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from privacy_faces.config.components import chosen_from
from privacy_faces.config.options import Choice, NoneMeans, Options
from privacy_faces.config.registry import INPAINTERS
from privacy_faces.methods.strength import Strength

_Share = Annotated[float, Field(gt=0, le=1)]


class MethodOptions(Options):
    """Options that every method has."""

    frame_size: int = Field(
        256, ge=64, le=1024, multiple_of=8, description="side of the frames that the method works on, in pixels"
    )


class BlurOptions(MethodOptions):
    """Options of `blur`."""

    sigma: float = Field(
        0.06, gt=0, le=0.3, description="standard deviation of the blur, as a share of the frame's side"
    )


class PixelateOptions(MethodOptions):
    """Options of `pixelate`."""

    cells: int = Field(14, ge=2, le=128, description="cells along the frame's side; the face spans about half of them")


class FillOptions(MethodOptions):
    """Options of `fill`."""

    color: Literal["skin", "black"] = Field("skin", description="mean color of the face's skin, or black")


class DpPixOptions(MethodOptions):
    """Options of `dp-pix`."""

    epsilon: float = Field(0.5, gt=0, le=100, description="privacy budget; smaller is noisier")
    neighbors: int = Field(16, ge=1, le=65536, description="m: pixels in which frames may differ and still look alike")
    block: int = Field(16, ge=1, le=128, description="b: side of a cell in pixels of the frame, whose side it divides")

    @model_validator(mode="after")
    def _whole_cells(self) -> DpPixOptions:
        if self.frame_size % self.block:
            raise ValueError(
                f"expected a block that divides the frame's side, found {self.block} in {self.frame_size}; 8 always "
                "does"
            )
        return self


class KSameOptions(MethodOptions):
    """Options of `k-same`."""

    k: int = Field(10, ge=2, le=24, description="how many synthetic faces are averaged")


class InpaintOptions(MethodOptions):
    """Options that the mask + inpaint methods share."""

    inpainter: chosen_from(INPAINTERS) = Field(  # type: ignore[valid-type]
        Choice(name="face-prior"), description="what fills the mask"
    )
    strength: Annotated[Strength | None, NoneMeans("balanced, where the inpainter knows strengths")] = Field(
        None,
        description="how far the fill leaves the person: natural keeps most of the looks, strong hides most (face-gan)",
    )
    fallback: Literal["none", "pixelate", "blur", "fill"] = Field(
        "none",
        description=(
            "method for faces that the inpainter cannot fill well (face-gan: heads turned too far); none: they are "
            "filled all the same, and a warning says so"
        ),
    )
    fraction: _Share | Literal["auto"] = Field(
        0.25,
        description=(
            "share of the frame to hide, at most the face; auto: from 0.25 upwards until no surrogate matches by the "
            "margin"
        ),
    )
    margin: float = Field(
        0.02,
        ge=0,
        le=1,
        description="with fraction auto: how far below its threshold each surrogate's similarity must end",
    )
    surrogates: list[str] = Field(["dlib-resnet"], min_length=1, description="recognizers that are read or asked")
    feather: float = Field(
        0.012, ge=0, le=0.1, description="width of the soft edge inside the mask, as a share of the frame's side"
    )
    denoise: bool = Field(
        False,
        description="smooth the fill by non-local means, as PrivacyPreservingDiffusion does after its saliency masks",
    )


class InpaintRandomOptions(InpaintOptions):
    """Options of `inpaint-random`."""

    patch_size: int = Field(32, ge=4, le=128, description="side of a patch, in pixels of a 512-pixel frame")
    area: Literal["face", "center"] = Field(
        "face", description="where patches may lie: on the face, or anywhere but the frame's border"
    )
    draws: float | None = Field(
        None,
        gt=0,
        le=100,
        description=(
            "hide only patches drawn with replacement, this many times their number; with fraction 1 all of those"
        ),
    )

    def recognizers_used(self) -> Sequence[str]:
        """The surrogates, which are asked only where the fraction grows until they no longer match."""
        return self.surrogates if self.fraction == "auto" else ()


class InpaintGradcamOptions(InpaintOptions):
    """Options of `inpaint-gradcam`."""

    area: Literal["face", "frame"] = Field(
        "face", description="where pixels may be hidden: on the face, or anywhere in the frame"
    )
    threshold: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="hide only where the map is above this share of its maximum; with fraction 1 all of that",
    )


class InpaintSaliencyOptions(InpaintOptions):
    """Options of `inpaint-saliency`."""

    blur: int = Field(
        13, ge=1, le=101, description="width of the smoothing of the gradient, in pixels of a 512-pixel frame"
    )
    area: Literal["face", "frame"] = Field(
        "face", description="where pixels may be hidden: on the face, or anywhere in the frame"
    )
    percentile: float | None = Field(
        None,
        ge=0,
        lt=100,
        description=(
            "hide only pixels whose gradient is above this percentile, their mask smoothed and cut at half; with "
            "fraction 1 all"
        ),
    )
    classifier: Path | None = Field(
        None,
        description=(
            "closed-set classifier whose cross-entropy is differentiated, from `finetune recognizer`; none: the "
            "similarity to the person"
        ),
    )
