"""From what was seen to the tables of results.json: success, robustness, adaptive attackers and ROC curves of one
method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.attackers import SUMMARIES, named
from privacy_faces.evaluation.identification import ranks
from privacy_faces.evaluation.intervals import lift, share
from privacy_faces.evaluation.measure import WRITTEN, Seen
from privacy_faces.evaluation.results import Attack, Group, Measure, Robustness, Roc, Role, Success
from privacy_faces.evaluation.robustness import OPERATIONS
from privacy_faces.evaluation.setting import Setting
from privacy_faces.judge.observations import Embeddings
from privacy_faces.judge.verdicts import (
    best_of_person,
    both,
    cosine,
    dodging,
    fooled,
    identified_as_target,
    impersonation,
    not_identified,
)

Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]
Indices = NDArray[np.int64]
Vectors = NDArray[np.float32]

# Points of a ROC curve, evenly spaced in the logarithm of the false accept rate.
_CURVE = 40


@dataclass(frozen=True)
class Result:
    """One method's results in a setting.

    Attributes:
        setting: what methods are compared on.
        seen: what was seen of the protected photos.
        roles: recogniser -> role.
        target: recogniser -> embedding (D,) of the target's test image, where there is a target.
    """

    setting: Setting
    seen: Seen
    roles: Mapping[str, Role]
    target: Embeddings | None = None

    @property
    def names(self) -> list[str]:
        """The person of each protected photo."""
        return [str(name) for name in self.setting.names[self.seen.rows]]

    def versions(self, recognizer: str, kind: str = WRITTEN) -> tuple[Vectors, Vectors]:
        """Embeddings (M, D) of the unprotected copies, and of the protected photos."""
        return self.setting.copies(recognizer, self.seen.rows, kind), self.seen.embeddings[kind][recognizer]


@dataclass(frozen=True)
class _Answers:
    """What one measure says of the faces that it can be asked of.

    Attributes:
        measure, far: as in `Success`.
        faces: (M,), places among the protected photos.
        clean, protected: (M,), True where the person is better off, for the unprotected copies and for the protected
            photos.
    """

    measure: Measure
    far: float | None
    faces: Indices
    clean: Flags
    protected: Flags

    def row(
        self, result: Result, recognizer: str, members: Indices | None = None, group: Group | None = None
    ) -> Success | None:
        """The row of all faces, or of those among some `members`; None without any."""
        inside = np.ones(len(self.faces), dtype=bool) if members is None else np.isin(self.faces, members)
        if not inside.any() and members is not None:
            return None
        clean, protected, people = (
            self.clean[inside],
            self.protected[inside],
            [result.names[face] for face in self.faces[inside]],
        )
        return Success(
            measure=self.measure,
            recognizer=recognizer,
            role=result.roles[recognizer],
            far=self.far,
            group=group,
            clean=share(clean),
            protected=share(protected),
            lift=lift(clean, protected, people),
        )


def success_table(result: Result) -> list[Success]:
    """Every measure for every recogniser and false accept rate; subgroups at the main rate."""
    groups = result.setting.groups(result.seen.rows)
    rows: list[Success | None] = []
    for recognizer in result.roles:
        for answers in _answers(result, recognizer):
            rows.append(answers.row(result, recognizer))
            if answers.far in (None, result.setting.far[0]):
                rows += [answers.row(result, recognizer, members, group) for group, members in groups]
    return [row for row in rows if row is not None]


def _answers(result: Result, recognizer: str) -> Iterator[_Answers]:
    """Every measure at every rate."""
    setting, rows = result.setting, result.seen.rows
    people = setting.people[rows]
    original = setting.original[recognizer][rows]
    copy, protected = result.versions(recognizer)
    everyone = np.arange(len(rows))
    same = cosine(original, copy), cosine(original, protected)
    other = tuple(_best_other(setting, recognizer, probes, rows) for probes in (copy, protected))
    among = tuple(best_of_person(probes, people, probes, people) for probes in (copy, protected))
    resembled = _resembled(result, recognizer)
    for far in setting.far:
        threshold = setting.threshold(recognizer, far)
        yield _Answers("dodging", far, everyone, dodging(same[0], threshold), dodging(same[1], threshold))
        if resembled is not None:
            yield _Answers(
                "impersonation",
                far,
                everyone,
                impersonation(resembled[0], threshold),
                impersonation(resembled[1], threshold),
            )
            yield _Answers(
                "dodging-and-impersonation",
                far,
                everyone,
                both(same[0], resembled[0], threshold),
                both(same[1], resembled[1], threshold),
            )
        compared: tuple[tuple[Measure, tuple[Scores, ...]], ...] = (
            ("dodging-other-photo", other),
            ("dodging-protected", among),
        )
        for measure, (before, after) in compared:
            known = np.flatnonzero(~np.isnan(after))
            if len(known):
                yield _Answers(measure, far, known, dodging(before[known], threshold), dodging(after[known], threshold))
    yield from _identification(result, recognizer)


def _best_other(setting: Setting, recognizer: str, probes: Vectors, rows: Indices) -> Scores:
    """The best similarity (M,) to another unprotected photo of the person, whether or not that one was protected as
    well."""
    everything = np.array(setting.original[recognizer])
    everything[rows] = probes
    similarity = best_of_person(everything, setting.people, setting.original[recognizer], setting.people)
    return similarity[rows]


def _resembled(result: Result, recognizer: str) -> tuple[Scores, Scores] | None:
    if result.target is None:
        return None
    aim = result.target[recognizer][None]
    copy, protected = result.versions(recognizer)
    return cosine(copy, np.broadcast_to(aim, copy.shape)), cosine(protected, np.broadcast_to(aim, protected.shape))


def _identification(result: Result, recognizer: str) -> Iterator[_Answers]:
    setting, rows = result.setting, result.seen.rows
    everyone, sought = np.arange(len(rows)), setting.people[rows]
    gallery, enrolled, leave_out = setting.original[recognizer], setting.people, setting.enrolled_itself[rows]
    if result.target is not None:
        # The target is enrolled beside the people, by the test image.
        gallery = np.concatenate([gallery, result.target[recognizer][None]])
        enrolled = np.append(enrolled, enrolled.max() + 1)
    versions = result.versions(recognizer)
    copy, protected = (ranks(probes, gallery, enrolled, sought, leave_out) for probes in versions)
    yield _Answers("rank-1", None, everyone, not_identified(copy, 1), not_identified(protected, 1))
    yield _Answers("rank-5", None, everyone, not_identified(copy, 5), not_identified(protected, 5))
    if result.target is not None:
        aim = np.full(len(rows), enrolled[-1])
        copied, aimed = (ranks(probes, gallery, enrolled, aim, leave_out) for probes in versions)
        yield _Answers(
            "targeted-rank-1", None, everyone, identified_as_target(copied, 1), identified_as_target(aimed, 1)
        )
        yield _Answers(
            "targeted-rank-5", None, everyone, identified_as_target(copied, 5), identified_as_target(aimed, 5)
        )
    # The nearest enrolled person as a closed-set classifier; -1 is anybody else.
    before = ranks(setting.original[recognizer][rows], gallery, enrolled, sought, leave_out)
    said = [np.where(rank == 1, sought, -1) for rank in (before, copy, protected)]
    right = np.flatnonzero(said[0] == sought)
    if len(right):
        yield _Answers("fooling", None, right, fooled(sought, said[0], said[1]), fooled(sought, said[0], said[2]))


def robustness_table(result: Result) -> list[Robustness]:
    """Dodging of the same photo, and impersonation, after each operation, at the main rate."""
    setting, far = result.setting, result.setting.far[0]
    rows = []
    for operation in OPERATIONS if set(OPERATIONS) <= set(result.seen.embeddings) else ():
        for recognizer, role in result.roles.items():
            threshold = setting.threshold(recognizer, far)
            original = setting.original[recognizer][result.seen.rows]
            clean, protected = (
                dodging(cosine(original, probes), threshold) for probes in result.versions(recognizer, operation)
            )
            target = None if result.target is None else np.broadcast_to(result.target[recognizer], original.shape)
            rows.append(
                Robustness(
                    operation=operation,
                    summary=OPERATIONS[operation].summary,
                    recognizer=recognizer,
                    role=role,
                    far=far,
                    clean=share(clean),
                    dodging=share(protected),
                    impersonation=None
                    if target is None
                    else share(impersonation(cosine(target, result.seen.embeddings[operation][recognizer]), threshold)),
                    detected=share(result.seen.detected[operation]),
                )
            )
    return rows


def attack_table(result: Result) -> list[Attack]:
    """What every adaptive attacker still fails to recognise."""
    rows = []
    attacks: dict[str, Callable[[Result, str], tuple[Flags, Flags]]] = {
        **{
            name: _cleaned(name)
            for name in ("blur-and-sharpen", "diffusion-purification", "crop-ensemble")
            if name in result.seen.embeddings
        },
        "protected-gallery": _protected_gallery,
        "linear-probe": _linear_probe,
    }
    for attacker, attack in attacks.items():
        for recognizer, role in result.roles.items():
            clean, protected = attack(result, recognizer)
            if len(protected):
                far = result.setting.far[0] if attacker in result.seen.embeddings else None
                rows.append(
                    Attack(
                        attacker=attacker,
                        summary=SUMMARIES[attacker],
                        recognizer=recognizer,
                        role=role,
                        far=far,
                        clean=share(clean),
                        protected=share(protected),
                    )
                )
    return rows


def _cleaned(attacker: str) -> Callable[[Result, str], tuple[Flags, Flags]]:
    def attack(result: Result, recognizer: str) -> tuple[Flags, Flags]:
        """The attacker has the person's photo, as it is and treated likewise, and believes the better match."""
        original = result.setting.original[recognizer][result.seen.rows]
        treated, attacked = result.versions(recognizer, attacker)
        threshold = result.setting.threshold(recognizer, result.setting.far[0])
        clean, protected = (
            dodging(np.maximum(cosine(original, probes), cosine(treated, probes)), threshold)
            for probes in (treated, attacked)
        )
        return clean, protected

    return attack


def _protected_gallery(result: Result, recognizer: str) -> tuple[Flags, Flags]:
    people = result.setting.people[result.seen.rows]
    several = np.bincount(people)[people] > 1 if len(people) else np.zeros(0, dtype=bool)
    places = np.arange(len(people))
    clean, protected = (
        not_identified(ranks(probes, probes, people, people, places), 1)[several]
        for probes in result.versions(recognizer)
    )
    return clean, protected


def _linear_probe(result: Result, recognizer: str) -> tuple[Flags, Flags]:
    people = result.setting.people[result.seen.rows]
    several = np.bincount(people)[people] > 1 if len(people) else np.zeros(0, dtype=bool)
    _, first = np.unique(people, return_index=True)
    probe = np.isin(np.arange(len(people)), first) & several
    training = several & ~probe
    if np.unique(people[training]).size < 2:
        return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    clean, protected = (
        named(probes[training], people[training], probes[probe]) != people[probe]
        for probes in result.versions(recognizer)
    )
    return np.asarray(clean), np.asarray(protected)


def roc_table(result: Result) -> list[Roc]:
    """ROC curves on this data: pairs of one person, the first photo as it is, against pairs of different people, both
    as they are."""
    setting, rows = result.setting, result.seen.rows
    people = setting.people
    curves = []
    for recognizer, role in result.roles.items():
        gallery = setting.original[recognizer].astype(np.float64)
        similarity = gallery @ gallery.T
        impostor = similarity[np.triu(people[:, None] != people[None], 1)]
        if not len(impostor) or not len(rows):
            continue
        far = np.logspace(np.log10(1 / len(impostor)), 0, _CURVE)
        threshold = np.quantile(impostor, 1 - far, method="inverted_cdf")
        others = (people[rows][:, None] == people[None]) & (rows[:, None] != np.arange(len(people))[None])
        copy, protected = (probes.astype(np.float64) @ gallery.T for probes in result.versions(recognizer))
        itself = np.arange(len(rows)), rows
        for pairs, clean_scores, scores in (
            ("same-photo", copy[itself], protected[itself]),
            ("other-photo", copy[others], protected[others]),
        ):
            if len(scores):
                curves.append(
                    Roc.model_validate(
                        {
                            "recognizer": recognizer,
                            "role": role,
                            "pairs": pairs,
                            "far": _rounded(far),
                            "threshold": _rounded(threshold),
                            "clean": _rounded((clean_scores > threshold[:, None]).mean(1)),
                            "protected": _rounded((scores > threshold[:, None]).mean(1)),
                        }
                    )
                )
    return curves


def _rounded(values: Scores) -> list[float]:
    return [round(float(value), 6) for value in values]
