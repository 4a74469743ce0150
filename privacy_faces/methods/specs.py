"""What the built-in methods are called; light to import: a listing needs neither torch nor pydantic."""

from __future__ import annotations

from privacy_faces.config.registry import Spec

BLUR = Spec(
    "Gaussian blur of the face", "privacy_faces.methods.options:BlurOptions", "privacy_faces.methods.redact:Blur"
)
PIXELATE = Spec(
    "mosaic over the face", "privacy_faces.methods.options:PixelateOptions", "privacy_faces.methods.redact:Pixelate"
)
FILL = Spec(
    "one flat color over the face", "privacy_faces.methods.options:FillOptions", "privacy_faces.methods.redact:Fill"
)
INPAINT_RANDOM = Spec(
    "random patches, inpainted",
    "privacy_faces.methods.options:InpaintRandomOptions",
    "privacy_faces.methods.inpainting.inpaint:InpaintRandom",
    seeded=True,
)
INPAINT_GRADCAM = Spec(
    "the regions Grad-CAM finds, inpainted",
    "privacy_faces.methods.options:InpaintGradcamOptions",
    "privacy_faces.methods.inpainting.inpaint:InpaintGradcam",
    seeded=True,
)
INPAINT_SALIENCY = Spec(
    "the regions of largest input gradient, inpainted",
    "privacy_faces.methods.options:InpaintSaliencyOptions",
    "privacy_faces.methods.inpainting.inpaint:InpaintSaliency",
    seeded=True,
)
