"""The options of the built-in recognisers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from privacy_faces.options import Options


class NoOptions(Options):
    """No options."""


class FaceNetOptions(Options):
    """Options of `facenet`."""

    weights: Literal["vggface2", "casia-webface"] = Field("vggface2", description="training set of the weights")
