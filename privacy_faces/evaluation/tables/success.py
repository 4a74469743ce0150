"""Who is no longer matched: every measure of success, for every recognizer and false accept rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.identification import best_ranks, ranks
from privacy_faces.evaluation.intervals import lift, share
from privacy_faces.evaluation.results import Group, Success
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.judge.candidates import Candidates, Indices, Vectors
from privacy_faces.judge.verdicts import (
    Measure,
    Scores,
    best_of_person,
    both,
    dodging,
    fooled,
    identified_as_target,
    impersonation,
    not_identified,
    similarity,
)

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class _Answers:
    """What one measure says of the faces that it can be asked of.

    Attributes:
        result: whose faces.
        measure, far: as in `Success`.
        faces: (M,), places among the protected faces of the result.
        clean, protected: (M,), True where the person is better off, for the unprotected copies and for the protected
            photos.
    """

    result: Result
    measure: Measure
    far: float | None
    faces: Indices
    clean: Flags
    protected: Flags

    def row(self, recognizer: str, members: Indices | None = None, group: Group | None = None) -> Success | None:
        """The row of all faces, or of those among some `members`; None without any."""
        inside = np.ones(len(self.faces), dtype=bool) if members is None else np.isin(self.faces, members)
        if not inside.any() and members is not None:
            return None
        clean, protected, people = (
            self.clean[inside],
            self.protected[inside],
            [self.result.names[face] for face in self.faces[inside]],
        )
        return Success(
            measure=self.measure,
            recognizer=recognizer,
            role=self.result.roles[recognizer],
            far=self.far,
            group=group,
            clean=share(clean),
            protected=share(protected),
            lift=lift(clean, protected, people),
        )


def success_table(result: Result) -> list[Success]:
    """Every measure for every recognizer and false accept rate; subgroups at the main rate."""
    rows: list[Success | None] = []
    for recognizer in result.roles:
        for answers in _answers(result, recognizer):
            rows.append(answers.row(recognizer))
            if answers.far in (None, result.setting.far[0]):
                groups = answers.result.setting.groups(answers.result.seen.rows)
                rows += [answers.row(recognizer, members, group) for group, members in groups]
    return [row for row in rows if row is not None]


def _answers(result: Result, recognizer: str) -> Iterator[_Answers]:
    """Every measure at every rate."""
    labeled = result.labeled
    everyone = np.arange(len(result.seen.rows))
    original = result.original[recognizer]
    same = tuple(similarity(version, original) for version in result.versions(recognizer))
    other = tuple(_best_other(labeled, recognizer, version) for version in labeled.versions(recognizer))
    among = tuple(_best_among(labeled, version) for version in labeled.versions(recognizer))
    resembled = None if result.target is None else _resembled(result, recognizer, result.target[recognizer])
    for far in result.setting.far:
        threshold = result.setting.threshold(recognizer, far)

        clean, protected = (dodging(side, threshold) for side in same)
        yield _Answers(result, "dodging", far, everyone, clean, protected)
        if resembled is not None:
            clean, protected = (impersonation(side, threshold) for side in resembled)
            yield _Answers(result, "impersonation", far, everyone, clean, protected)
            clean, protected = (both(*sides, threshold) for sides in zip(same, resembled, strict=True))
            yield _Answers(result, "dodging-and-impersonation", far, everyone, clean, protected)
        compared: tuple[tuple[Measure, tuple[Scores, ...]], ...] = (
            ("dodging-other-photo", other),
            ("dodging-protected", among),
        )
        for measure, (before, after) in compared:
            known = np.flatnonzero(~np.isnan(after))
            if len(known):
                clean, protected = dodging(before[known], threshold), dodging(after[known], threshold)
                yield _Answers(labeled, measure, far, known, clean, protected)
    yield from _identification(labeled, recognizer)


def _best_other(result: Result, recognizer: str, version: Candidates) -> Scores:
    """The best similarity (M,) to another unprotected photo of the person, whether or not that one was protected as
    well."""
    people, rows = result.setting.people, result.seen.rows
    return best_of_person(version, people[rows], Candidates.single(result.setting.original[recognizer]), people, rows)


def _best_among(result: Result, version: Candidates) -> Scores:
    people = result.setting.people[result.seen.rows]
    return best_of_person(version, people, version, people, np.arange(len(people)))


def _resembled(result: Result, recognizer: str, target: Vectors) -> tuple[Scores, ...]:
    return tuple(
        similarity(version, np.broadcast_to(target, (len(version), len(target))))
        for version in result.versions(recognizer)
    )


def _identification(result: Result, recognizer: str) -> Iterator[_Answers]:
    setting, rows = result.setting, result.seen.rows
    everyone, sought = np.arange(len(rows)), setting.people[rows]
    gallery, enrolled, leave_out = setting.original[recognizer], setting.people, setting.enrolled_itself[rows]
    if result.target is not None:
        # The target is enrolled beside the people, by the test image.
        gallery = np.concatenate([gallery, result.target[recognizer][None]])
        enrolled = np.append(enrolled, enrolled.max() + 1)
    versions = result.versions(recognizer)

    def answers(measure: Measure, clean: Flags, protected: Flags, faces: Indices = everyone) -> _Answers:
        return _Answers(result, measure, None, faces, clean, protected)

    copy, protected = (best_ranks(probes, gallery, enrolled, sought, leave_out) for probes in versions)
    yield answers("rank-1", not_identified(copy, 1), not_identified(protected, 1))
    yield answers("rank-5", not_identified(copy, 5), not_identified(protected, 5))
    if result.target is not None:
        aim = np.full(len(rows), enrolled[-1])
        copied, aimed = (best_ranks(probes, gallery, enrolled, aim, leave_out) for probes in versions)
        yield answers("targeted-rank-1", identified_as_target(copied, 1), identified_as_target(aimed, 1))
        yield answers("targeted-rank-5", identified_as_target(copied, 5), identified_as_target(aimed, 5))
    # The nearest enrolled person as a closed-set classifier; -1 is anybody else.
    before = ranks(setting.original[recognizer][rows], gallery, enrolled, sought, leave_out)
    said = [np.where(rank == 1, sought, -1) for rank in (before, copy, protected)]
    right = np.flatnonzero(said[0] == sought)
    if len(right):
        yield answers("fooling", fooled(sought, said[0], said[1]), fooled(sought, said[0], said[2]), right)
