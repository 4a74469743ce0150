"""The options of fine-tuning; light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from privacy_faces.config.components import chosen_from
from privacy_faces.config.options import Choice, Options
from privacy_faces.config.registry import RECOGNIZERS


class RecognizerFinetuneOptions(Options):
    """Options of `finetune recognizer`; the defaults are PrivacyPreservingDiffusion's, but for the recognizer, the
    number of photos and `standardize`."""

    data: Path = Field(
        description="folder with one sub-folder of photos per person, or with train/ and test/ of such folders"
    )
    output: Path = Field(
        Path("outputs/finetune/recognizer"), description="folder for classifier.safetensors, checkpoint and features"
    )
    recognizer: chosen_from(RECOGNIZERS) = Field(  # type: ignore[valid-type]
        Choice(name="dlib-resnet"), description="the frozen trunk"
    )
    train_fraction: float = Field(
        0.8, gt=0, lt=1, description="share of each person's photos to train with, unless the folder is divided already"
    )
    min_photos: int = Field(2, ge=1, description="leave out people with fewer photos")
    standardize: bool = Field(
        True,
        description="train on inputs of mean 0 and deviation 1; the result takes embeddings as they are all the same",
    )
    copies: int = Field(
        0, ge=0, le=64, description="augmented copies of each training photo: moved, turned, scaled, lit otherwise"
    )
    epochs: int = Field(8, ge=1, description="passes over the training photos")
    batch: int = Field(32, ge=1, description="photos per step")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam")
    milestones: list[int] = Field([5, 10], description="epochs after which the learning rate is multiplied by gamma")
    gamma: float = Field(0.1, gt=0, le=1, description="see milestones")
    detector: Literal["auto", "mtcnn", "dlib"] = Field(
        "auto", description="auto: mtcnn where facenet-pytorch is installed, otherwise dlib"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the trunk runs")
    seed: int = Field(
        0, ge=0, lt=2**31, description="seed of the split, the copies, the start and the order of the photos"
    )
