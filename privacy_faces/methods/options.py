"""The options of the built-in methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from privacy_faces.options import Choice, Options, chosen_from


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
    feather: float = Field(0.012, ge=0, le=0.1, description="width of the soft edge inside the mask, as a share of the frame's side")


class InpaintRandomOptions(InpaintOptions):
    """Options of `inpaint-random`."""

    patch_size: int = Field(32, ge=4, le=128, description="side of a patch, in pixels of a 512-pixel frame")
    ratio: float = Field(0.75, gt=0, le=1, description="share of the inner patches that are hidden")


class InpaintGradcamOptions(InpaintOptions):
    """Options of `inpaint-gradcam`."""

    fraction: float = Field(0.25, gt=0, le=1, description="share of the frame to hide; never more than the face")
    surrogates: list[str] = Field(["dlib-resnet"], min_length=1, description="recognizers whose Grad-CAM is read")


class InpaintSaliencyOptions(InpaintOptions):
    """Options of `inpaint-saliency`."""

    fraction: float = Field(0.25, gt=0, le=1, description="share of the frame to hide; never more than the face")
    blur: int = Field(13, ge=1, le=101, description="width of the smoothing of the gradient, in pixels of a 512-pixel frame")
    surrogates: list[str] = Field(["dlib-resnet"], min_length=1, description="recognizers whose input gradient is read")
