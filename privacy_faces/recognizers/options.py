"""The options of the built-in recognizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from privacy_faces.config.options import Options


class NoOptions(Options):
    """No options."""


class AlignmentOptions(Options):
    """Options of recognizers that papers also feed with whole pictures."""

    alignment: Literal["template", "whole"] = Field(
        "template", description="template: align by landmarks; whole: resize the whole frame, as DiffAM does"
    )


class FaceNetOptions(AlignmentOptions):
    """Options of `facenet`."""

    weights: Literal["vggface2", "casia-webface", "diffam"] = Field(
        "vggface2", description="training set of the weights; diffam: the file of that paper"
    )

    def weights_used(self, listed: Sequence[str]) -> Sequence[str]:
        """The weights of the one training set."""
        return (f"facenet-{self.weights}",)
