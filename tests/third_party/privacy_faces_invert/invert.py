"""Inverted colours."""

from privacy_faces.plugin import FrameBatch, Method, Protection
from privacy_faces_invert.options import InvertOptions


class Invert(Method):
    """Replaces each colour x of a region by (1 - strength) x + strength (1 - x)."""

    options: InvertOptions

    def protect(self, batch: FrameBatch) -> Protection:
        """The region in inverted colours."""
        strength = self.options.strength
        return Protection(
            (1 - strength) * batch.frames + strength * (1 - batch.frames), batch.regions[self.options.region], "replace"
        )
