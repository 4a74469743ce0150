"""The receipt of one photo (schema version 1): what was done to each face, and what the judge measured on the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

#: How a recognizer took part in making the change; unknown where nothing says so. They are never averaged together.
Role = Literal["surrogate", "held-out", "unknown"]
#: What the verdict on a face rests on; surrogate-only: every recognizer that judged also helped to make the change.
Evidence = Literal["held-out", "surrogate-only", "unknown"]
#: Where the detector finds the face again: at its place; nowhere there, but faces elsewhere in the photo, which count
#: instead; or no face that is not somebody else's, so that its old place counts, since an attacker can crop by hand.
Found = Literal["at its place", "elsewhere", "nowhere"]


class ReceiptError(ValueError):
    """A file that is no receipt of a known version."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class WeightRecord(_Part):
    """Weights in use: their id in the manifest, the digest of the file, and the commit of a hub repository."""

    id: str
    sha256: str
    revision: str | None = None

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, str]:
        return {key: value for key, value in handler(self).items() if value is not None}


class RecognizerVerdict(_Part):
    """What one recognizer says of one face.

    Attributes:
        similarity_before: to the original, of an unprotected copy that was written in the same way.
        similarity: to the original, of the written file.
        threshold, far, threshold_source: a match is a similarity strictly above it at this false accept rate.
    """

    similarity_before: float | None = None
    similarity: float
    threshold: float
    far: float
    threshold_source: Literal["calibrated", "legacy"] | None = None
    matched: bool
    role: Role


class TargetSimilarity(_Part):
    """How like the target one recognizer finds a face, before and after."""

    similarity_before: float | None = None
    similarity: float
    threshold: float
    matched: bool


class TargetVerdict(_Part):
    """Whom the face was to resemble, and how far it does."""

    name: str
    recognizers: dict[str, TargetSimilarity] = {}


class FrameQuality(_Part):
    """Of the frame before and after: PSNR in dB (None for equal frames), SSIM, LPIPS where its weights are there."""

    psnr: float | None
    ssim: float
    lpips: float | None


class FaceReceipt(_Part):
    """One face of the photo.

    Attributes:
        index: its number, from 0, largest first.
        box: (x0, y0, x1, y1) in photo pixels.
        detected_after: whether the detector finds it at its place again.
        found: where the detector finds it again.
        protected: true only when no recognizer in the list still matches.
        details: what the method decided for this face.
    """

    index: int = 0
    box: tuple[float, float, float, float]
    detection_score: float
    detected_after: bool | None = None
    found: Found | None = None
    recognizers: dict[str, RecognizerVerdict]
    protected: bool
    evidence: Evidence
    target: TargetVerdict | None
    quality: FrameQuality
    details: dict[str, Any] = {}

    def warnings(self) -> list[str]:
        """What a user must be told about this face."""
        lines = [
            f"face {self.index + 1}: NOT PROTECTED: {name} still matches: similarity {verdict.similarity:.3f}, "
            f"threshold {verdict.threshold:.3f} at FAR {verdict.far:g} "
            f"(margin {verdict.similarity - verdict.threshold:.3f})"
            for name, verdict in self.recognizers.items()
            if verdict.matched
        ]
        if self.protected and self.evidence == "surrogate-only":
            lines.append(
                f"face {self.index + 1}: every recognizer that judged also helped to make the change: protection "
                "against other recognizers was not measured"
            )
        return lines


class Seconds(_Part):
    """How long each stage took."""

    detect: float = 0.0
    protect: float = 0.0
    paste: float = 0.0
    write: float = 0.0
    judge: float = 0.0


class Receipt(_Part):
    """The whole of receipt.json.

    Attributes:
        input, output: the photo as it was named, and the file that was written; None for a photo in memory.
        method, options, seed, profile, detector, metadata_kept: what was done.
        surrogates: recognizers that helped to make the change, whether or not they judge.
        faces: largest first; none where a photo without a face was copied.
        plan_sha256, input_sha256, output_sha256: by these a later run knows that the photo is done.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    input: str
    output: str | None
    method: str
    options: dict[str, Any]
    seed: int
    profile: str = ""
    detector: str = ""
    metadata_kept: bool = False
    surrogates: list[str] = []
    faces: list[FaceReceipt]
    weights: list[WeightRecord]
    seconds: Seconds
    warnings: list[str] = []
    plan_sha256: str | None = None
    input_sha256: str | None = None
    output_sha256: str | None = None

    @classmethod
    def parse(cls, content: bytes | str, name: str) -> Self:
        """The receipt in a file's content; `name` is the file's, for the message.

        Raises:
            ReceiptError: when it is no JSON, or not of schema version 1.
        """
        try:
            # Later versions add fields, earlier ones lack some: what the contract does not name may be missing.
            return cls.model_validate_json(content, extra="ignore")
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ReceiptError(
                f"Expected a receipt of version 1 in {name}, found another file: {place + ': ' if place else ''}"
                f"{first['msg']}. Make it again: privacy-faces anonymize ... --overwrite"
            ) from None

    def dump(self) -> bytes:
        """The content of receipt.json."""
        return (self.model_dump_json(indent=2, by_alias=True) + "\n").encode()


def evidence_of(roles: Sequence[Role]) -> Evidence:
    """What a verdict of recognizers with these roles rests on."""
    if "held-out" in roles:
        return "held-out"
    return "unknown" if "unknown" in roles else "surrogate-only"
