"""The options of a run, whatever its method. Light: no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from privacy_faces.config.components import chosen_from
from privacy_faces.config.options import Choice, NoneMeans, Options
from privacy_faces.config.registry import RECOGNIZERS

#: GiB; photos that would take more are refused.
MAX_MEMORY = 3.0


class RunOptions(Options):
    """Options that belong to the run and not to a method."""

    recognizers: list[chosen_from(RECOGNIZERS)] = Field(  # type: ignore[valid-type]
        [Choice(name="dlib-resnet")], min_length=1, description="recognizers that judge the result"
    )
    optional_recognizers: list[chosen_from(RECOGNIZERS)] = Field(  # type: ignore[valid-type]
        [],
        description=(
            "recognizers that judge too as soon as their weights are here; those of the profile do so only where no "
            "recognizers are named"
        ),
    )
    far: float = Field(0.001, gt=0, lt=1, description="false accept rate at which the judge declares a match")
    keep: Path | None = Field(
        None,
        description=(
            "PEOPLE whose faces stay as they are, all others are changed: a photo, a folder of photos of one person, "
            "or one with a sub-folder per person; a face stays only where every recognizer matches it at --far, and "
            "finds no other face of the photo as like the person"
        ),
    )
    only: Path | None = Field(
        None,
        description=(
            "PEOPLE whose faces are changed, all others stay; a face is changed as soon as one recognizer matches it "
            "at the false accept rate 0.1, or --far if that is larger"
        ),
    )
    faces: Path | None = Field(
        None,
        description=(
            "list that `privacy-faces faces` wrote, with your decisions: faces set to keep stay, boxes that you added "
            "or moved are changed, and so is every face that it does not list"
        ),
    )
    thresholds: Annotated[Path | None, NoneMeans("the shipped one")] = Field(
        None, description="threshold file written by `privacy-faces calibrate`; synthetic: the one of generated faces"
    )
    detector: Literal["auto", "mtcnn", "dlib"] = Field(
        "auto", description="auto: mtcnn where facenet-pytorch is installed, otherwise dlib"
    )
    min_face: int = Field(0, ge=0, description="smallest face sought, in pixels; 0 chooses it from the photo's size")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the networks run")
    seed: int = Field(
        0, ge=0, lt=2**63, description="seed of everything random; results depend on it and the photo, not on the batch"
    )
    keep_metadata: bool = Field(False, description="keep EXIF (GPS, camera, time) and XMP; dropped by default")
    allow_no_face: bool = Field(False, description="copy a photo in which no face is found, instead of failing it")
    save_masks: bool = Field(
        False,
        description=(
            "write each photo's mask, and an overlay on the protected photo to look at, beside the output folder, into "
            "OUTPUT.masks/"
        ),
    )
    receipts: Literal["short", "full", "none"] = Field(
        "short",
        description=(
            "short: verdicts beside each photo, and nothing that names you or leads to the original; full: paths, "
            "digests, boxes, scores and options too, for research; none: photos only, and a second run starts anew"
        ),
    )
    max_memory: float = Field(
        MAX_MEMORY,
        ge=2,
        description=(
            "GiB that a photo may take; one that declares more pixels is refused before it is decoded (3: 110 "
            "megapixels of 8-bit RGB, 47 with transparency, 55 of 16-bit RGB)"
        ),
    )
    layout: Literal["tree", "ppd"] = Field(
        "tree",
        description=(
            "tree: as the inputs; ppd: PrivacyPreservingDiffusion's results/, masks/, original/, named by image and "
            "folder, in JPEG"
        ),
    )
