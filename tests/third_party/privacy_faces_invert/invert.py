"""Inverted colors."""

from privacy_faces.plugin import FrameBatch, Method, Protection
from privacy_faces_invert.options import InvertOptions


class Invert(Method):
    """Replaces each color x of a region by (1 - strength) x + strength (1 - x)."""

    options: InvertOptions

    def protect(self, batch: FrameBatch) -> Protection:
        """The region in inverted colors."""
        strength = self.options.strength
        return Protection(
            (1 - strength) * batch.frames + strength * (1 - batch.frames), batch.regions[self.options.region], "replace"
        )
