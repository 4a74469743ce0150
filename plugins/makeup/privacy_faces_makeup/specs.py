"""The plugin's card, light to import."""

from privacy_faces.config.registry import Spec

MAKEUP = Spec(
    "puts the makeup of a reference on the face, so that recognizers no longer match it (DiffAM)",
    "privacy_faces_makeup.options:MakeupOptions",
    "privacy_faces_makeup.method:Makeup",
    weights=(
        *("face-diffusion-128", "face-prior", "makeup-clip", "makeup-adapter-xmy-060"),
        *("ddpm-celebahq-256", "ddpm-celeba-hq", "ddpm-makeup", "clip-vit-b-16", "lpips-alex"),
    ),
    seeded=True,
)
