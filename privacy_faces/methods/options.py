"""The options of the built-in methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from privacy_faces.options import Choice, Options, chosen_from

_Share = Annotated[float, Field(gt=0, le=1)]


class MethodOptions(Options):
    """Options that every method has."""

    frame_size: int = Field(256, ge=64, le=1024, multiple_of=8, description="side of the frames that the method works on, in pixels")


class BlurOptions(MethodOptions):
    """Options of `blur`."""

    sigma: float = Field(0.06, gt=0, le=0.3, description="standard deviation of the blur, as a share of the frame's side")


class PixelateOptions(MethodOptions):
    """Options of `pixelate`."""

    cells: int = Field(14, ge=2, le=128, description="cells along the frame's side; the face spans about half of them")


class FillOptions(MethodOptions):
    """Options of `fill`."""

    color: Literal["skin", "black"] = Field("skin", description="mean colour of the face's skin, or black")


class InpaintOptions(MethodOptions):
    """Options that the mask + inpaint methods share."""

    inpainter: chosen_from("privacy_faces.inpainters") = Field(Choice(name="face-prior"), description="what fills the mask")  # type: ignore[valid-type]
    fraction: _Share | Literal["auto"] = Field(
        0.25, description="share of the frame to hide, at most the face; auto: from 0.25 upwards until no surrogate matches by the margin"
    )
    margin: float = Field(0.02, ge=0, le=1, description="with fraction auto: how far below its threshold each surrogate's similarity must end")
    surrogates: list[str] = Field(["dlib-resnet"], min_length=1, description="recognizers that are read or asked")
    feather: float = Field(0.012, ge=0, le=0.1, description="width of the soft edge inside the mask, as a share of the frame's side")


class InpaintRandomOptions(InpaintOptions):
    """Options of `inpaint-random`."""

    patch_size: int = Field(32, ge=4, le=128, description="side of a patch, in pixels of a 512-pixel frame")
    area: Literal["face", "centre"] = Field("face", description="where patches may lie: on the face, or anywhere but the frame's border")


class InpaintGradcamOptions(InpaintOptions):
    """Options of `inpaint-gradcam`."""


class InpaintSaliencyOptions(InpaintOptions):
    """Options of `inpaint-saliency`."""

    blur: int = Field(13, ge=1, le=101, description="width of the smoothing of the gradient, in pixels of a 512-pixel frame")
