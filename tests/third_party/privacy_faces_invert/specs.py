"""What the method is called; imported by every listing, so it imports nothing heavy."""

from privacy_faces.plugin import Spec

INVERT = Spec(
    "colors of the face inverted", "privacy_faces_invert.options:InvertOptions", "privacy_faces_invert.invert:Invert"
)
