"""The options of the built-in inpainters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from privacy_faces.config.options import Options
from privacy_faces.methods.strength import Strength


class ClassicalOptions(Options):
    """Options of `classical`."""

    algorithm: Literal["telea", "navier-stokes", "biharmonic"] = Field(
        "telea", description="biharmonic is the smoothest, and can overshoot"
    )
    radius: float = Field(
        0.06,
        gt=0,
        le=0.2,
        description="neighborhood that telea and navier-stokes read, as a share of the frame's side",
    )


class FacePriorOptions(Options):
    """Options of `face-prior`."""

    surrogates: list[str] = Field(
        ["dlib-resnet"], min_length=1, description="recognizers that the fill is moved away from"
    )
    steps: int = Field(25, ge=0, le=500, description="steps away from the person; 0 paints the most likely face")
    radius: float = Field(
        0.5, gt=0, le=2, description="how far the fill may leave the most likely face; 1 is a typical random face"
    )
    goal: float = Field(
        0.82, ge=-1, le=1, description="similarity to the person below which the fill is not moved further"
    )
    temperature: float = Field(300.0, ge=1, description="how little the fill trusts the pixels around the hole")
    fixed_components: int = Field(
        12, ge=0, le=100, description="leading coefficients (pose, light, smile) that the fill takes from the person"
    )
    mouth: float = Field(
        0.25, ge=0, le=1, description="share of the change that is painted on the mouth; more shows as doubled teeth"
    )
    tone: float = Field(
        0.08, gt=0.02, le=0.3, description="the photo's own light and skin tone are kept above this share of the frame"
    )
    chroma: float = Field(
        0.3,
        ge=0,
        le=1,
        description="share of the model's change of color, apart from its change of light, that is painted",
    )
    detail: float = Field(
        0.012, gt=0.002, le=0.05, description="the photo's own fine detail is kept below this share of the frame"
    )


@dataclass(frozen=True)
class GanStrength:
    """What a strength of `face-gan` stands for.

    Attributes:
        bound: how far the other face's features are moved to the person's places, once it has the person's pose and
            expression: 0 to 1.
        nearest: how near the other face may be to the person, in standard deviations from the bank's mean similarity.
        candidates: faces that are laid into the photo, of which the best is kept.
        steps: of the latent, away from the person.
        radius: how far they may lead, as a share of the latent's distance from the mean face.
    """

    bound: float
    nearest: float
    candidates: int
    steps: int
    radius: float


STRENGTHS: dict[Strength, GanStrength] = {
    "natural": GanStrength(bound=0.3, nearest=-1.5, candidates=2, steps=0, radius=0),
    "balanced": GanStrength(bound=0, nearest=-2.5, candidates=4, steps=2, radius=0.3),
    "strong": GanStrength(bound=0, nearest=-2.5, candidates=6, steps=4, radius=0.35),
}


class FaceGanOptions(Options):
    """Options of `face-gan`."""

    surrogates: list[str] = Field(
        ["dlib-resnet"], min_length=1, description="recognizers from which the other face is far"
    )
    pool: float = Field(
        0.2, ge=0.01, le=1, description="share of the bank that a photo may choose from, drawn by its seed; 1: all"
    )


class FaceDiffusionOptions(FacePriorOptions):
    """Options of `face-diffusion`: those of the proposal, and of the diffusion over it."""

    start: int = Field(
        150, ge=20, le=999, description="step of the noise schedule that the proposal is noised to; more invents more"
    )
    denoising_steps: int = Field(
        2,
        ge=2,
        le=200,
        description="DDIM steps back from there; with more the fill has more grain, with fewer it is smoother",
    )
    candidates: int = Field(
        2, ge=1, le=64, description="fills that are drawn; the one least similar to the person is kept"
    )


class StableDiffusionOptions(Options):
    """Options of `stable-diffusion`."""

    model: str = Field(
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        description="hub id, or a folder written by save_pretrained",
    )
    revision: str = Field("main", description="branch, tag or commit of the hub repository")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: float16 on CUDA, float32 elsewhere"
    )
    size: int = Field(512, ge=64, le=2048, multiple_of=8, description="side that the pipeline works at, in pixels")
    steps: int = Field(50, ge=1, le=1000, description="denoising steps")
    guidance: float = Field(7.5, ge=0, le=50, description="classifier-free guidance scale")
    prompt: str = Field("", description="what to paint")
    strength: float = Field(
        1.0, gt=0, le=1, description="how much of the noise schedule is run over the hole; 1 forgets what was there"
    )

    @property
    def place(self) -> str:
        """The model by the name that `weights.places` knows."""
        return self.model if Path(self.model).is_dir() else f"{self.model}@{self.revision}"

    def weights_used(self, listed: Sequence[str]) -> Sequence[str]:
        """The pipeline."""
        return (self.place,)
