"""Options of the makeup method and of its fine-tuning; light to import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from privacy_faces.plugin import RECOGNIZERS, Choice, MethodOptions, Options, Strength, chosen_from, is_place

#: The one model that is told the linear face model's picture of the frame, and so needs that one too.
GUIDED = "face-diffusion-128"


def _named(*known: str) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in known and not is_place(name):
            raise ValueError(
                f"expected {', '.join(known)}, a folder, or a repository of the model hub (OWNER/NAME, "
                "OWNER/NAME@REVISION)"
            )
        return name

    return check


Goal = Literal["dodge", "impersonate", "both"]
#: The terms of the objective; the option of the same name is the weight.
Term = Literal["histogram", "direction", "adversarial", "similarity", "l1"]


class DiffusionOptions(Options):
    """Which networks, and how many steps they take."""

    model: Annotated[str, AfterValidator(_named(GUIDED, "ddpm-celeba-hq", "ddpm-makeup"))] = Field(
        GUIDED,
        description=(
            f"diffusion model of faces: {GUIDED}, ddpm-celeba-hq, ddpm-makeup, or a DDPM of diffusers (a folder, or "
            "OWNER/NAME@REVISION)"
        ),
    )
    clip: Annotated[str, AfterValidator(_named("makeup-clip", "clip-vit-b-16"))] = Field(
        "makeup-clip",
        description=(
            "image and text model of the direction loss: makeup-clip, clip-vit-b-16, or one of open_clip (a folder, "
            "or OWNER/NAME@REVISION)"
        ),
    )
    perceptual: Literal["auto", "ms-ssim", "lpips"] = Field(
        "auto", description="perceptual loss; auto: lpips where its weights are installed"
    )
    t_0: int = Field(60, ge=1, le=999, description="how far the photo is noised, of 1000 steps")
    inversion_steps: int = Field(20, ge=2, le=1000, description="steps of the inversion, from the photo to t_0")
    generation_steps: int = Field(
        3, ge=2, le=1000, description="steps of the generation, from t_0 to the photo; the paper takes 6"
    )
    precision: Literal["no", "bf16"] = Field(
        "no", description="what the diffusion model computes in: bf16 where the processor has it, no: float32"
    )
    activation_checkpointing: bool = Field(
        False,
        description="keep one generation step's activations at a time: a fraction of the memory for a third more time",
    )

    def weights_used(self, listed: Sequence[str]) -> Sequence[str]:
        """The networks that these options name."""
        prior = ["face-prior"] if self.model == GUIDED else []
        return [self.model, *prior, self.clip, *(["lpips-alex"] if self.perceptual == "lpips" else [])]


class TransferOptions(DiffusionOptions):
    """What is transferred, from whom the faces turn away, and the weight of each loss term; a term of weight 0 is not
    computed."""

    ref: str = Field(
        "XMY-060",
        description=(
            "makeup reference: a name that `privacy-faces references` lists, an image file, or words such as 'red "
            "lipstick and smoky eyes'"
        ),
    )
    references: Path | None = Field(
        None, description="folder of references NAME_m, NAME_nm and NAME_mask (DiffAM's assets), looked into first"
    )
    removal: Path | None = Field(
        None,
        description="weights made by `finetune makeup-removal`, which make the bare twin of a reference that has none",
    )
    goal: Goal = Field("both", description="dodge: unlike the person; impersonate: like the target; both")
    target: str = Field(
        "000",
        description=(
            "whom to resemble: a synthetic face by number, varied (another one for each face, by its seed), or an "
            "image file of someone who agreed"
        ),
    )
    surrogates: list[str] = Field(
        ["dlib-resnet"], min_length=1, description="recognizers that the makeup is optimized against"
    )
    regions: Literal["lids", "boxes"] = Field(
        "lids", description="where eye colors are read and painted: upper lids, or the skin in boxes around the eyes"
    )
    histogram: float = Field(1.0, ge=0, description="weight of the color loss of lips and eyes")
    skin: float = Field(
        0.0, ge=0, description="weight of the skin within the color loss; above 0, skin tone is transferred too"
    )
    direction: float = Field(15.0, ge=0, description="weight of the CLIP direction loss")
    similarity: float = Field(50.0, ge=0, description="weight of the perceptual loss")
    l1: float = Field(300.0, ge=0, description="weight of the mean absolute difference")

    @property
    def weights(self) -> dict[Term, float]:
        """The weight of each term."""
        return {
            "histogram": self.histogram,
            "direction": self.direction,
            "similarity": self.similarity,
            "l1": self.l1,
        }


class MakeupOptions(TransferOptions, MethodOptions):
    """Options of `makeup`."""

    frame_size: int = Field(
        512, ge=64, le=1024, multiple_of=8, description="side of the frames that the method works on, in pixels"
    )
    adapter: str = Field(
        "auto",
        description=(
            "fine-tuned weights: a file, none, or auto: those that ship for the reference, model and goal, if any"
        ),
    )
    steps: int = Field(6, ge=0, le=1000, description="optimization steps of the paint; 0: the adapter alone")
    learning_rate: float = Field(0.03, gt=0, le=1, description="learning rate of Adam in these steps")
    goal: Goal = Field("dodge", description="dodge: unlike the person; impersonate: like the target; both")
    strength: Strength = Field(
        "balanced", description="how far the face leaves the person: natural keeps most of the looks, strong hides most"
    )
    shift_steps: int = Field(
        15, ge=0, le=500, description="steps of the shift away from the person; 0: nothing but paint"
    )

    def weights_used(self, listed: Sequence[str]) -> Sequence[str]:
        """The networks, and the linear face model in whose span the face shifts."""
        used = super().weights_used(listed)
        return [*used, "face-prior"] if self.shift_steps and "face-prior" not in used else used


class FinetuneOptions(Options):
    """Options that both fine-tunings share."""

    data: Path = Field(description="folder with one sub-folder of photos per person, or of photos")
    output: Path = Field(Path("outputs/finetune"), description="folder of checkpoints, curves, samples and the adapter")
    images: int = Field(200, ge=1, description="photos to train on, drawn at random")
    batch: int = Field(1, ge=1, description="photos per step and process")
    learning_rate: float = Field(8e-6, gt=0, le=1, description="learning rate of the first epoch")
    learning_rate_growth: float = Field(1.3, ge=1, le=2, description="factor of the learning rate from epoch to epoch")
    rank: int = Field(0, ge=0, le=256, description="rank of the low-rank adapter; 0 trains all weights")
    frozen_levels: int = Field(
        0, ge=0, le=4, description="finest levels of the network, the slowest, that an adapter leaves as they are"
    )
    save_every: int = Field(100, ge=1, description="steps between checkpoints")
    seed: int = Field(0, ge=0, description="seed of everything random")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the networks run")
    recognizers: list[chosen_from(RECOGNIZERS)] = Field(  # type: ignore[valid-type]
        [],
        description="recognizers with options that the surrogates of those names are to have, such as their alignment",
    )
    tracker: str | None = Field(None, description="an accelerate tracker, such as tensorboard or wandb")

    @property
    def recognizer_options(self) -> dict[str, dict[str, Any]]:
        """Recognizer -> its options, where they are given."""
        choices: list[Choice] = self.recognizers
        return {choice.name: choice.options for choice in choices}


class AdversarialOptions(TransferOptions):
    """Makeup that turns recognizers away by itself."""

    margin: float | None = Field(
        0.01,
        ge=0,
        le=1,
        description=(
            "how far beyond the judge's threshold the similarity is pushed and no farther; none: as far as it goes, "
            "as in the paper"
        ),
    )
    diversity: float = Field(
        0.5,
        ge=0,
        le=3,
        description="strength of the random shifts, blur, JPEG and dropout that each step sees the face through",
    )
    adversarial: float = Field(500.0, ge=0, description="weight of the adversarial loss")

    @property
    def weights(self) -> dict[Term, float]:
        """The weight of each term."""
        return {**super().weights, "adversarial": self.adversarial}


class TransferFinetuneOptions(AdversarialOptions, FinetuneOptions):
    """Options of `finetune makeup-transfer`."""

    @field_validator("target")
    @classmethod
    def _one_target(cls, target: str) -> str:
        if target == "varied":
            raise ValueError("expected one target, which the adapter learns, found varied; --target 000 is one")
        return target

    warmup_epochs: int = Field(3, ge=0, description="epochs without the adversarial loss")
    adversarial_epochs: int = Field(1, ge=0, description="epochs with it, after those")
    adversarial_histogram: float | None = Field(
        None, ge=0, description="weight of the color loss in the adversarial epochs, if another one"
    )
    adversarial_direction: float | None = Field(
        None, ge=0, description="weight of the direction loss in the adversarial epochs, if another one"
    )

    @property
    def adversarial_weights(self) -> dict[Term, float]:
        """The weight of each term in the adversarial epochs."""
        changed: dict[Term, float | None] = {
            "histogram": self.adversarial_histogram,
            "direction": self.adversarial_direction,
        }
        return self.weights | {name: weight for name, weight in changed.items() if weight is not None}


class RemovalFinetuneOptions(DiffusionOptions, FinetuneOptions):
    """Options of `finetune makeup-removal`; the defaults are the paper's."""

    t_0: int = Field(300, ge=1, le=999, description="how far the photo is noised, of 1000 steps")
    inversion_steps: int = Field(40, ge=2, le=1000, description="steps of the inversion, from the photo to t_0")
    generation_steps: int = Field(6, ge=2, le=1000, description="steps of the generation, from t_0 to the photo")
    surrogate: str = Field("dlib-resnet", description="recognizer of the identity loss")
    epochs: int = Field(7, ge=1, description="passes over all photos")
    direction: float = Field(5.0, ge=0, description="weight of the CLIP text direction loss")
    identity: float = Field(1.0, ge=0, description="weight of the identity loss")
    similarity: float = Field(5.0, ge=0, description="weight of the perceptual loss")
    l1: float = Field(2.0, ge=0, description="weight of the mean absolute difference")

    def recognizers_used(self) -> Sequence[str]:
        """The one surrogate."""
        return (self.surrogate,)
