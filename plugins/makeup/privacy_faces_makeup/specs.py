"""The plugin's cards, light to import."""

from privacy_faces.plugin import CommandSpec, Spec

MAKEUP = Spec(
    "puts the makeup of a reference on the face, so that recognizers no longer match it (DiffAM)",
    "privacy_faces_makeup.options:MakeupOptions",
    "privacy_faces_makeup.method:Makeup",
    weights=(
        *("face-diffusion-128", "face-prior", "makeup-clip", "makeup-adapter-xmy-060"),
        *("ddpm-celebahq-256", "ddpm-celeba-hq", "ddpm-makeup", "clip-vit-b-16", "lpips-alex"),
    ),
    seeded=True,
    profiles={
        "full": {
            "model": "google/ddpm-celebahq-256",
            "clip": "clip-vit-b-16",
            "perceptual": "lpips",
            "generation_steps": 6,
            "activation_checkpointing": True,
            "surrogates": ["facenet"],
        }
    },
)

REFERENCES = CommandSpec("List the makeup references.", "privacy_faces_makeup.commands.references:command")
MODELS_REFERENCES = CommandSpec(
    "Paint the looks of the shipped makeup references onto synthetic faces.",
    "privacy_faces_makeup.commands.models:references",
)
TRAIN_MAKEUP_CLIP = CommandSpec(
    "Train the image and text model that tells makeup on faces.",
    "privacy_faces_makeup.commands.models:makeup_clip",
    launched=True,
)
FINETUNE_TRANSFER = CommandSpec(
    "Train a diffusion model to paint one reference's makeup (DiffAM, stage two).",
    "privacy_faces_makeup.commands.finetune:transfer",
    launched=True,
)
FINETUNE_REMOVAL = CommandSpec(
    "Train a diffusion model to take makeup off faces (DiffAM, stage one).",
    "privacy_faces_makeup.commands.finetune:removal",
    launched=True,
)
PREPARE_CELEBAMASK_HQ = CommandSpec(
    "CelebAMask-HQ: DiffAM's photos to train and to test with.",
    "privacy_faces_makeup.commands.datasets:celebamask_hq",
)
