"""The options of `invert`."""

from typing import Literal

from pydantic import Field

from privacy_faces.plugin import MethodOptions


class InvertOptions(MethodOptions):
    """Options of `invert`."""

    region: Literal["face", "eyes"] = Field("face", description="what is inverted")
    strength: float = Field(1.0, gt=0, le=1, description="share of the inverted color")
