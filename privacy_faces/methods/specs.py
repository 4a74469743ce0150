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
DP_PIX = Spec(
    "mosaic with Laplace noise (DP-Pix)",
    "privacy_faces.methods.options:DpPixOptions",
    "privacy_faces.methods.dp_pix:DpPix",
    seeded=True,
)
K_SAME = Spec(
    "the average of the k most similar synthetic faces",
    "privacy_faces.methods.options:KSameOptions",
    "privacy_faces.methods.k_same:KSame",
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
