"""results.json: what an evaluation found.

Every number comes with how many faces it rests on and a 95 % interval, or with the reason why there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer

from privacy_faces.config.files import write_atomic
from privacy_faces.judge.receipt import Evidence, Found, Role
from privacy_faces.judge.thresholds import Threshold
from privacy_faces.judge.verdicts import Measure


class ResultsError(ValueError):
    """A file that is no results.json of a known version."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Number(_Part):
    """A measured number.

    Attributes:
        value: shares lie in [0, 1]; None where it could not be measured.
        n: faces (or pairs) that it rests on.
        low, high: its 95 % interval, where one was computed.
        missing: why there is no value, with the command that helps.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    missing: str | None = None


class Group(_Part):
    """A subgroup of the faces: those with `value` in the column `column` of the data's metadata."""

    column: str
    value: str


class Success(_Part):
    """One measure for one recognizer at one false accept rate; larger is better for the person in the photo.

    Attributes:
        measure: see `Measure`.
        recognizer, role: who judged, and whether it had helped to make the change.
        far: false accept rate of the threshold; None where no threshold takes part (ranks, closed-set classifiers).
        group: None for all faces.
        clean, protected: the share for the unprotected photos, written in the same way, and for the protected ones.
        lift: protected - clean, with a bootstrap interval over people.
    """

    measure: Measure
    recognizer: str
    role: Role
    far: float | None
    group: Group | None = None
    clean: Number
    protected: Number
    lift: Number


class Robustness(_Part):
    """Dodging (same photo) and impersonation after an operation on the written file.

    Attributes:
        operation, summary: name in `evaluation.robustness.OPERATIONS`, and what is done to the photo.
        detected: share of the faces that the detector still finds.
        clean: share of the unprotected photos that the operation alone makes unmatched.
    """

    operation: str
    summary: str = ""
    recognizer: str
    role: Role
    far: float
    clean: Number
    dodging: Number
    impersonation: Number | None = None
    detected: Number


class Attack(_Part):
    """What is left of the protection when an attacker knows of it.

    Attributes:
        attacker, summary: name in `evaluation.attackers`, and what the attacker does.
        far: false accept rate of the attacker's threshold; None where it needs none.
        clean: the share that the same attacker fails to recognize among unprotected photos.
        protected: the share that it fails to recognize among protected ones.
    """

    attacker: str
    summary: str
    recognizer: str
    role: Role
    far: float | None
    clean: Number
    protected: Number


class Roc(_Part):
    """True accept rates at false accept rates, of pairs of one person (first photo unprotected) against pairs of
    different people.

    Attributes:
        pairs: "same-photo" joins a photo with itself, protected or not; "other-photo" two photos of one person.
        far, threshold, clean, protected: columns of one length; the thresholds are those of this data.
    """

    recognizer: str
    role: Role
    pairs: Literal["same-photo", "other-photo"]
    far: list[float]
    threshold: list[float]
    clean: list[float]
    protected: list[float]


class Example(_Part):
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


class Failure(_Part):
    """A photo without a result."""

    photo: str
    reason: str


class Quality(_Part):
    """What the protection costs; see `judge.quality` and `evaluation.fidelity`."""

    psnr: Number
    ssim: Number
    lpips: Number
    fid: Number
    kid: Number
    detected: Number
    landmark_shift: Number
    color_shift: Number


class Cost(_Part):
    """Seconds a face in the method itself, and the peak memory of the process that ran it, in MiB."""

    seconds: Number
    peak_memory: Number


class Service(_Part):
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


class MethodResults(_Part):
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
    options: dict[str, Any] = {}
    surrogates: list[str] = []
    held_out: str | None = None
    target: str | None = None
    evidence: Evidence
    photos: int
    faces: int | None = None
    found: dict[Found, int] = {}
    failures: list[Failure] = []
    flags: list[str] = []
    success: list[Success]
    quality: Quality
    cost: Cost | None = None
    robustness: list[Robustness] = []
    attacks: list[Attack] = []
    roc: list[Roc] = []
    services: list[Service] = []
    examples: list[Example] = []


class RecognizerInfo(_Part):
    """A recognizer that judged."""

    name: str
    weights: list[dict[str, str]] = []
    thresholds: list[Threshold]
    calibrated_on: str

    @field_serializer("thresholds")
    def _in_use(self, thresholds: list[Threshold]) -> list[dict[str, Any]]:
        return [{"far": item.far, "threshold": item.threshold, "source": item.source} for item in thresholds]


class Data(_Part):
    """What was judged on."""

    name: str
    photos: int
    faces: int | None = None
    people: int
    people_with_other_photos: int
    sha256: str
    groups: list[str] = []
    gallery: str = Field(description="what the gallery of the identification measures holds")
    unusable: list[Failure] = []


class Results(_Part):
    """The whole of results.json.

    Attributes:
        command: repeats the evaluation.
        far: false accept rates, the report's main one first.
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
    notes: list[str] = []


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
