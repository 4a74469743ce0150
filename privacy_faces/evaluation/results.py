"""results.json: what an evaluation found.

Every number comes with how many faces it rests on and a 95 % interval, or with the reason why there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_serializer

from privacy_faces.config.files import write_atomic
from privacy_faces.evaluation.rows import Attack, Difference, Histogram, Number, Part, Robustness, Roc, Spread, Success
from privacy_faces.judge.receipt import Evidence, Found
from privacy_faces.judge.thresholds import Threshold


class ResultsError(ValueError):
    """A file that is no results.json of a known version."""


class Example(Part):
    """One face to look at.

    Attributes:
        photo: name of the photo.
        similarity: recognizer -> similarity to the same photo before.
        margin: the largest similarity less its threshold at the report's first false accept rate; above zero somebody
            still matches.
        psnr: in the frame, in dB; None for equal frames, and where the version does not lie on the original.
        before, mask, after: frames as data URIs; the mask is where they differ.
    """

    photo: str
    similarity: dict[str, float]
    margin: float
    psnr: float | None
    before: str
    mask: str
    after: str


_UNKNOWN = Number(value=None, n=0, missing="not measured by the version that wrote this")


class Failure(Part):
    """A photo without a result."""

    photo: str
    reason: str


class Quality(Part):
    """What the protection costs; see `judge.quality`, `evaluation.fidelity` and `evaluation.detectability`."""

    psnr: Number
    ssim: Number
    lpips: Number
    fid: Number
    kid: Number
    detected: Number
    landmark_shift: Number
    color_shift: Number
    detectability: Number = _UNKNOWN


class Utility(Part):
    """What stays useful; see `evaluation.utility`. Shares of faces: mouth_kept, eyes_kept, sex_kept, age_kept,
    glasses_kept; means: pose_shift in degrees, gaze_shift in eye widths, tone_shift, coarse_similarity."""

    pose_shift: Number
    mouth_kept: Number
    eyes_kept: Number
    sex_kept: Number
    age_kept: Number
    glasses_kept: Number
    tone_shift: Number
    coarse_similarity: Number
    gaze_shift: Number = _UNKNOWN


class Cost(Part):
    """Seconds a face in the method itself, and the peak memory of the process that ran it, in MiB."""

    seconds: Number
    peak_memory: Number


class Service(Part):
    """Confidence of a verification service, on its own scale, that protected and original show one person.

    Attributes:
        service: name of the verifier.
        clean, protected: mean confidence.
        dodging: share below the service's own threshold at the false accept rate `far`; where it states none, the share
            in which it finds no face.
    """

    service: str
    far: float
    threshold: float | None
    clean: Number
    protected: Number
    dodging: Number


class MethodResults(Part):
    """All that was measured of one method, or of one folder of protected photos.

    Attributes:
        flags: what a reader must know first, such as that the photos came back unchanged.
        surrogates: recognizers that helped to make the change, whether or not they judged.
        photos, faces: how many were judged.
        found: how many faces the detector finds where, see `judge.receipt.Found`.
        evidence: "surrogate-only" when every recognizer that judged had helped to make the change.
        examples: worst cases first.
    """

    name: str
    label: str
    options: dict[str, Any] = Field(default_factory=dict)
    surrogates: list[str] = Field(default_factory=list)
    held_out: str | None = None
    target: str | None = None
    evidence: Evidence
    photos: int
    faces: int | None = None
    found: dict[Found, int] = Field(default_factory=dict)
    failures: list[Failure] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)
    success: list[Success]
    quality: Quality
    utility: Utility | None = None
    cost: Cost | None = None
    robustness: list[Robustness] = Field(default_factory=list)
    attacks: list[Attack] = Field(default_factory=list)
    roc: list[Roc] = Field(default_factory=list)
    histograms: list[Histogram] = Field(default_factory=list)
    services: list[Service] = Field(default_factory=list)
    examples: list[Example] = Field(default_factory=list)


class RecognizerInfo(Part):
    """A recognizer that judged.

    Attributes:
        calibrated_on, calibration_sha256: the photos of its thresholds, and their content where it is known.
        false_accepts: share of the pairs of different people, both as they are, that match here, threshold by
            threshold.
    """

    name: str
    weights: list[dict[str, str]] = Field(default_factory=list)
    thresholds: list[Threshold]
    calibrated_on: str
    calibration_sha256: str | None = None
    false_accepts: list[Number] = Field(default_factory=list)

    @field_serializer("thresholds")
    def _in_use(self, thresholds: list[Threshold]) -> list[dict[str, Any]]:
        return [{"far": item.far, "threshold": item.threshold, "source": item.source} for item in thresholds]


class Data(Part):
    """What was judged on.

    Attributes:
        people_with_other_photos: people of whom there are photos of several shots.
        shots: distinct shots: photos of one person that are cut, scaled or saved anew from one another are one.
    """

    name: str
    photos: int
    faces: int | None = None
    people: int
    people_with_other_photos: int
    shots: int | None = None
    sha256: str
    groups: list[str] = Field(default_factory=list)
    gallery: str = Field(description="what the gallery of the identification measures holds")
    unusable: list[Failure] = Field(default_factory=list)


class Results(Part):
    """The whole of results.json.

    Attributes:
        command: repeats the evaluation.
        far: false accept rates, the report's main one first.
        differences: between methods, on the faces that both protected.
        spreads: over the seeds of each method, where it ran with several.
        flags: what a reader must know first, of all methods.
        notes: what limits these numbers.
    """

    schema_version: Literal[1] = Field(1, alias="schema")
    kind: Literal["benchmark", "evaluate"]
    created: str
    version: str
    versions: dict[str, str]
    command: str
    seed: int | None = None
    data: Data
    far: list[float]
    recognizers: list[RecognizerInfo]
    methods: list[MethodResults]
    differences: list[Difference] = Field(default_factory=list)
    spreads: list[Spread] = Field(default_factory=list)
    flags: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


def write_results(results: Results, path: Path) -> None:
    """Atomically written results.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (results.model_dump_json(indent=1, by_alias=True) + "\n").encode())


def read_results(path: Path) -> Results:
    """A results.json.

    Raises:
        ResultsError: when it is missing, malformed, or of another version.
    """
    if not path.is_file():
        raise ResultsError(f"Expected a results.json at {path}, found none. Make one: privacy-faces benchmark")
    try:
        return Results.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ResultsError(
            f"{path} is no results.json of version 1: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
