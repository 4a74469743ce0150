"""What the built-in inpainters are called; light to import: a listing needs neither torch nor pydantic."""

from __future__ import annotations

from privacy_faces.config.registry import Spec

CLASSICAL = Spec(
    "OpenCV or biharmonic inpainting; no model",
    "privacy_faces.methods.inpainting.inpainters.options:ClassicalOptions",
    "privacy_faces.methods.inpainting.inpainters.classical:Classical",
)
FACE_PRIOR = Spec(
    "another face from a shipped linear model, in the photo's own light and detail",
    "privacy_faces.methods.inpainting.inpainters.options:FacePriorOptions",
    "privacy_faces.methods.inpainting.inpainters.face_prior:FacePrior",
    weights=("face-prior",),
    seeded=True,
)
FACE_GAN = Spec(
    "another person, of nobody, drawn by a generator of faces and laid into the photo",
    "privacy_faces.methods.inpainting.inpainters.options:FaceGanOptions",
    "privacy_faces.methods.inpainting.inpainters.face_gan:FaceGan",
    weights=("mobile-stylegan", "face-bank", "face-attributes"),
    seeded=True,
)
FACE_DIFFUSION = Spec(
    "another face from the linear model, its detail from a shipped diffusion model",
    "privacy_faces.methods.inpainting.inpainters.options:FaceDiffusionOptions",
    "privacy_faces.methods.inpainting.inpainters.face_diffusion:FaceDiffusionInpainter",
    weights=("face-prior", "face-diffusion-128"),
    seeded=True,
)
STABLE_DIFFUSION = Spec(
    "Stable Diffusion inpainting through diffusers",
    "privacy_faces.methods.inpainting.inpainters.options:StableDiffusionOptions",
    "privacy_faces.methods.inpainting.inpainters.stable_diffusion:StableDiffusion",
    weights=("stable-diffusion-inpainting", "stable-diffusion-xl-inpainting"),
    seeded=True,
)
