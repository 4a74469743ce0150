"""The rows of results.json: numbers with their intervals, and what each measure found for one recognizer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from privacy_faces.judge.receipt import Role
from privacy_faces.judge.verdicts import Measure


class Part(BaseModel):
    """A part of results.json: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Number(Part):
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


class Group(Part):
    """A subgroup of the faces: those with `value` in the column `column` of the data's metadata."""

    column: str
    value: str


class Separation(Part):
    """How far pairs of one person stand apart from pairs of different people in one condition, both as they are there.

    Attributes:
        false_accepts: share of the pairs of different people that the threshold takes for one; it was calibrated on
            other pairs, and means little where this is far from the rate that it stands for.
        auc: the chance that a pair of one person is more alike than one of different people, ties half: 1 tells them
            apart, 0.5 tells nothing.
        eer: the rate at which false accepts and false rejects are equally frequent.
    """

    false_accepts: Number | None = None
    auc: Number
    eer: Number


class Success(Part):
    """One measure for one recognizer at one false accept rate; larger is better for the person in the photo.

    Attributes:
        measure: see `Measure`.
        recognizer, role: who judged, and whether it had helped to make the change.
        far: false accept rate of the threshold; None where no threshold takes part (ranks, closed-set classifiers).
        group: None for all faces.
        clean, protected: the share for the unprotected photos, written in the same way, and for the protected ones.
        lift: protected - clean.
        separation, clean_separation: of the protected and of the unprotected photos; at the main rate, of all faces.
    """

    measure: Measure
    recognizer: str
    role: Role
    far: float | None
    group: Group | None = None
    clean: Number
    protected: Number
    lift: Number
    separation: Separation | None = None
    clean_separation: Separation | None = None


class Spread(Part):
    """A method's shares of one measure with each seed.

    Attributes:
        method: label of its row with the first seed.
        shares: of the protected photos, seed by seed.
        deviation: their standard deviation, as of a sample.
    """

    method: str
    measure: Measure
    recognizer: str
    role: Role
    far: float | None
    shares: list[float]
    deviation: float


class Difference(Part):
    """How two methods differ on the same faces.

    Attributes:
        first, second: labels of the methods.
        difference: the share of the first less that of the second.
        only_first, only_second: faces that only one of the two protects.
        p: of the exact McNemar test, in which each person counts once.
    """

    first: str
    second: str
    measure: Measure
    recognizer: str
    role: Role
    far: float | None
    difference: Number
    only_first: int
    only_second: int
    p: float


class Robustness(Part):
    """Dodging (same photo) and impersonation after an operation on the written file.

    Attributes:
        operation, summary: name in `evaluation.robustness.OPERATIONS`, and what is done to the photo.
        detected: share of the faces that the detector still finds.
        clean: share of the unprotected photos that the operation alone makes unmatched.
        separation: of the protected photos after the operation, from the originals.
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
    separation: Separation | None = None


class Attack(Part):
    """What is left of the protection when an attacker knows of it.

    Attributes:
        attacker, summary: name in `evaluation.attackers.registry`, and what the attacker does.
        far: false accept rate of the attacker's threshold; None where it needs none.
        clean: the share that the same attacker fails to recognize among unprotected photos.
        protected: the share that it fails to recognize among protected ones.
        separation, clean_separation: what the attacker compares, of the protected and of the unprotected photos.
    """

    attacker: str
    summary: str
    recognizer: str
    role: Role
    far: float | None
    clean: Number
    protected: Number
    separation: Separation | None = None
    clean_separation: Separation | None = None


class Roc(Part):
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


class Histogram(Part):
    """How alike pairs are, in bins between `edges` (B + 1).

    Attributes:
        strangers: pairs of different people, both as they are (B).
        clean, protected: each face with itself before, unprotected and protected (B).
    """

    recognizer: str
    role: Role
    edges: list[float]
    strangers: list[int]
    clean: list[int]
    protected: list[int]
