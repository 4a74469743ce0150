"""The receipt of one photo (schema version 1): what was done to each face, and what the judge measured on the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from privacy_faces.judge.likeness import Likeness

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
        similarity: to the original, of the written file; None in a short receipt.
        threshold, far, threshold_source: a match is a similarity strictly above it at this false accept rate.
    """

    similarity_before: float | None = None
    similarity: float | None = None
    threshold: float | None = None
    far: float
    threshold_source: Literal["calibrated", "legacy"] | None = None
    matched: bool
    role: Role

    def margin(self) -> str:
        """By how much, for a warning; nothing where the receipt is short."""
        if self.similarity is None or self.threshold is None:
            return f" at FAR {self.far:g}"
        return (
            f": similarity {self.similarity:.3f}, threshold {self.threshold:.3f} at FAR {self.far:g} "
            f"(margin {self.similarity - self.threshold:.3f})"
        )


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
        index: its number, from 0, largest first; faces that came to light when the others were changed come last.
        changed: False for a face that was to be kept, and where the judge found the face in the written photo, and no
            pass was left to change it.
        decision: what was to become of the face, where the user chose faces; None where all are changed.
        likeness: what the decision rests on, where people were named; None in a short receipt.
        box: (x0, y0, x1, y1) in photo pixels; like detection_score and quality, None in a short receipt.
        detected_after: whether the detector finds it at its place again.
        found: where the detector finds it again.
        protected: true only when no recognizer in the list still matches.
        details: what the method decided for this face.
    """

    index: int = 0
    changed: bool = True
    decision: Literal["changed", "kept"] | None = None
    likeness: Likeness | None = None
    box: tuple[float, float, float, float] | None = None
    detection_score: float | None = None
    detected_after: bool | None = None
    found: Found | None = None
    recognizers: dict[str, RecognizerVerdict]
    protected: bool
    evidence: Evidence
    target: TargetVerdict | None
    quality: FrameQuality | None = None
    details: dict[str, Any] = {}

    def warnings(self) -> list[str]:
        """What a user must be told about this face."""
        who = f"face {self.index + 1}: NOT PROTECTED"
        if not self.changed and self.box is not None:
            x0, y0, x1, y1 = (round(value) for value in self.box)
            who += f" at x {x0} to {x1}, y {y0} to {y1}, found when the others were changed, and unchanged"
        lines = [
            f"{who}: {name} still matches{verdict.margin()}"
            for name, verdict in self.recognizers.items()
            if verdict.matched
        ]
        if self.protected and self.evidence == "surrogate-only":
            lines.append(
                f"face {self.index + 1}: every recognizer that judged also helped to make the change: protection "
                "against other recognizers was not measured"
            )
        return lines

    def short(self) -> FaceReceipt:
        """The verdicts alone; of a face that is unchanged against the user's will, which everybody sees, also its
        place."""
        verdicts = FaceReceipt(
            index=self.index,
            changed=self.changed,
            detected_after=self.detected_after,
            found=self.found,
            recognizers={
                name: RecognizerVerdict(far=verdict.far, matched=verdict.matched, role=verdict.role)
                for name, verdict in self.recognizers.items()
            },
            protected=self.protected,
            evidence=self.evidence,
            target=self.target and TargetVerdict(name=self.target.name),
        )
        # What does not apply is not there at all, see `Receipt.dump`.
        applies: dict[str, Any] = {} if self.decision is None else {"decision": self.decision}
        if not self.changed and self.decision != "kept":
            applies["box"] = self.box
        return verdicts.model_copy(update=applies)


class Sought(_Part):
    """Widths in pixels of the smallest faces that were looked for: of those that stand upright, and of those turned."""

    upright: int
    turned: int


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
        input, output: the photo as it was named, and the file that was written; None for a photo in memory. In a short
            receipt no input, and of the output the name.
        method, options, seed, profile, detector, metadata_kept: what was done.
        surrogates: recognizers that helped to make the change, whether or not they judge.
        faces: largest first; none where a photo without a face was copied.
        sought: how small the faces were that were looked for; smaller ones are as they were.
        written: names of the files that were written for the photo; a later run replaces or removes no others.
        output_sha256: of the written file.
        input_salted, plan_salted: `salted` digests of input and plan, by which a later run knows that the photo is
            done. They say nothing to whom does not have the original.
        plan_sha256, input_sha256: the plain digests; None in a short receipt.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    input: str | None = None
    output: str | None
    method: str
    options: dict[str, Any] = {}
    seed: int | None = None
    profile: str = ""
    detector: str = ""
    metadata_kept: bool = False
    surrogates: list[str] = []
    faces: list[FaceReceipt]
    sought: Sought | None = None
    weights: list[WeightRecord] = []
    seconds: Seconds = Seconds()
    warnings: list[str] = []
    written: list[str] = []
    plan_sha256: str | None = None
    input_sha256: str | None = None
    output_sha256: str | None = None
    input_salted: str | None = None
    plan_salted: str | None = None

    def short(self) -> Receipt:
        """What can lie beside a photo that is published: the verdicts, and nothing that names the user, tells where the
        photo came from, or is known of the original alone."""
        faces = [face.short() for face in self.faces]
        with_scores = {line for face in self.faces for line in face.warnings()}
        return Receipt(
            output=self.output and PurePath(self.output).name,
            method=self.method,
            profile=self.profile,
            detector=self.detector,
            metadata_kept=self.metadata_kept,
            surrogates=self.surrogates,
            faces=faces,
            sought=self.sought,
            warnings=[line for line in self.warnings if line not in with_scores]
            + [line for face in faces for line in face.warnings()],
            written=self.written,
            output_sha256=self.output_sha256,
            input_salted=self.input_salted,
            plan_salted=self.plan_salted,
        )

    def made_from(self, input_sha256: str) -> bool:
        """Whether an input of this digest is the one."""
        return self.output_sha256 is not None and self.input_salted == salted(input_sha256, self.output_sha256)

    def made_by(self, plan_sha256: str) -> bool:
        """Whether a plan of this fingerprint is the one."""
        return self.output_sha256 is not None and self.plan_salted == salted(plan_sha256, self.output_sha256)

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
        """The content of receipt.json; a short receipt leaves out what it does not hold."""
        content = self.model_dump(mode="json", by_alias=True, exclude_unset=self.input is None)
        return (json.dumps({"schema": 1} | content, indent=2, ensure_ascii=False) + "\n").encode()


def salted(digest: str, output_sha256: str) -> str:
    """A digest that no list of known digests holds: the protected photo is the salt."""
    return hashlib.sha256(f"{output_sha256}:{digest}".encode()).hexdigest()


def evidence_of(roles: Sequence[Role]) -> Evidence:
    """What a verdict of recognizers with these roles rests on."""
    if "held-out" in roles:
        return "held-out"
    return "unknown" if "unknown" in roles else "surrogate-only"
