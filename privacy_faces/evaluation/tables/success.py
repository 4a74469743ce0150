"""Who is no longer matched: every measure of success, for every recognizer and false accept rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.intervals import lift, once, share
from privacy_faces.evaluation.rows import Group, Number, Separation, Success
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.search import Search
from privacy_faces.evaluation.tables.strangers import compared
from privacy_faces.judge.candidates import Candidates, Indices, Vectors
from privacy_faces.judge.verdicts import (
    Measure,
    Scores,
    best_of_person,
    both,
    dodging,
    identified_as_target,
    impersonation,
    not_identified,
    similarity,
)

Flags = NDArray[np.bool_]
_Hit = Callable[[Indices, int], Flags]

#: How many of the first answers of a search count, and what that is called: of the person by another photo, of the
#: person by the very photo before, and of the target.
RANKS: tuple[tuple[int, Measure, Measure, Measure], ...] = (
    (1, "rank-1", "rank-1-same-photo", "targeted-rank-1"),
    (5, "rank-5", "rank-5-same-photo", "targeted-rank-5"),
)


@dataclass(frozen=True)
class Answers:
    """What one measure says of the faces that it can be asked of.

    Attributes:
        result: whose faces.
        measure, far: as in `Success`.
        faces: (M,), places among the protected faces of the result.
        clean, protected: (M,), True where the person is better off, for the unprotected copies and for the protected
            photos.
        missing: why it cannot be asked.
        separations: of the unprotected copies and of the protected photos, where the measure compares pairs.
    """

    result: Result
    measure: Measure
    far: float | None
    faces: Indices
    clean: Flags
    protected: Flags
    missing: str | None = None
    separations: tuple[Separation | None, ...] = (None, None)

    @property
    def rows(self) -> Indices:
        """The probes (M,) of the whole evaluation, or of its labeled faces."""
        return self.result.seen.rows[self.faces]

    def row(self, recognizer: str, members: Indices | None = None, group: Group | None = None) -> Success | None:
        """The row of all faces, or of those among some `members`; None without any."""
        inside = np.ones(len(self.faces), dtype=bool) if members is None else np.isin(self.faces, members)
        if not inside.any() and members is not None:
            return None
        members = self.faces[inside]
        names = [self.result.names[face] for face in members]
        people, (clean, protected) = once(self.result.files(members), names, self.clean[inside], self.protected[inside])
        if self.missing:
            none = Number(value=None, n=0, missing=self.missing)
            found = (none, none, none)
        else:
            found = share(clean, people), share(protected, people), lift(clean, protected, people)
        before, after = self.separations if group is None else (None, None)
        return Success(
            measure=self.measure,
            recognizer=recognizer,
            role=self.result.roles[recognizer],
            far=self.far,
            group=group,
            clean=found[0],
            protected=found[1],
            lift=found[2],
            clean_separation=before,
            separation=after,
        )


def success_table(result: Result) -> list[Success]:
    """Every measure for every recognizer and false accept rate; subgroups at the main rate."""
    rows: list[Success | None] = []
    for recognizer in result.roles:
        for answers in answers_of(result, recognizer):
            rows.append(answers.row(recognizer))
            if answers.far in (None, result.setting.far[0]) and not answers.missing:
                groups = answers.result.setting.groups(answers.result.seen.rows)
                rows += [answers.row(recognizer, members, group) for group, members in groups]
    return [row for row in rows if row is not None]


def answers_of(result: Result, recognizer: str) -> Iterator[Answers]:
    """Every measure at every rate."""
    labeled, setting = result.labeled, result.setting
    everyone = np.arange(len(result.seen.rows))
    original = result.original[recognizer]
    same = tuple(similarity(version, original) for version in result.versions(recognizer))
    other = tuple(best_other(labeled, recognizer, version) for version in labeled.versions(recognizer))
    among = tuple(best_among(labeled, version) for version in labeled.versions(recognizer))
    resembled = None if result.target is None else _resembled(result, recognizer, result.target[recognizer])
    separations = _separations(
        result, recognizer, {"dodging": same, "dodging-other-photo": other, "dodging-protected": among}
    )
    for far in setting.far:
        threshold = setting.threshold(recognizer, far)
        apart = separations if far == setting.far[0] else {}

        clean, protected = (dodging(side, threshold) for side in same)
        yield Answers(result, "dodging", far, everyone, clean, protected, None, apart.get("dodging", (None, None)))
        if resembled is not None:
            clean, protected = (impersonation(side, threshold) for side in resembled)
            yield Answers(result, "impersonation", far, everyone, clean, protected)
            clean, protected = (both(*sides, threshold) for sides in zip(same, resembled, strict=True))
            yield Answers(result, "dodging-and-impersonation", far, everyone, clean, protected)
        compared_with: tuple[tuple[Measure, tuple[Scores, ...]], ...] = (
            ("dodging-other-photo", other),
            ("dodging-protected", among),
        )
        for measure, (before, after) in compared_with:
            known = np.flatnonzero(~np.isnan(after))
            if len(known):
                clean, protected = dodging(before[known], threshold), dodging(after[known], threshold)
                yield Answers(labeled, measure, far, known, clean, protected, None, apart.get(measure, (None, None)))
    yield from _identification(labeled, recognizer)


def _separations(
    result: Result, recognizer: str, scores: Mapping[Measure, tuple[Scores, ...]]
) -> dict[Measure, tuple[Separation | None, ...]]:
    """Measure -> how far pairs of one person stand apart from strangers there, unprotected and protected."""
    labeled = result.labeled
    places = np.flatnonzero(np.isin(result.seen.rows, result.setting.labeled))
    people, enrolled = labeled.setting.names[labeled.seen.rows], labeled.setting.names
    threshold = result.setting.threshold(recognizer, result.setting.far[0])
    found: dict[Measure, list[Separation | None]] = {measure: [] for measure in scores}
    for side, version in enumerate(labeled.versions(recognizer)):
        against = compared(version, labeled.setting.original[recognizer], people, enrolled)
        among = compared(version, version, people, people)
        for measure, sides in scores.items():
            own = sides[side][places] if measure == "dodging" else sides[side]
            known = ~np.isnan(own)
            condition = among if measure == "dodging-protected" else against
            found[measure].append(condition.separation(own[known], people[known], threshold))
    return {measure: tuple(sides) for measure, sides in found.items()}


def best_other(result: Result, recognizer: str, version: Candidates) -> Scores:
    """The best similarity (M,) to another unprotected photo of the person, whether or not that one was protected as
    well; a copy of the same shot is no other photo."""
    setting, rows = result.setting, result.seen.rows
    gallery = Candidates.single(setting.original[recognizer])
    return best_of_person(version, setting.people[rows], gallery, setting.people, setting.own_shots[rows])


def best_among(result: Result, version: Candidates) -> Scores:
    """The best similarity (M,) to a version of another photo of the person; NaN without one."""
    people = result.setting.people[result.seen.rows]
    return best_of_person(version, people, version, people, result.own_shots)


def _resembled(result: Result, recognizer: str, target: Vectors) -> tuple[Scores, ...]:
    return tuple(
        similarity(version, np.broadcast_to(target, (len(version), len(target))))
        for version in result.versions(recognizer)
    )


def _identification(result: Result, recognizer: str) -> Iterator[Answers]:
    rows = result.seen.rows
    everyone, nobody = np.arange(len(rows)), np.zeros(0, dtype=np.int64)
    search = Search(result, recognizer)
    others = np.flatnonzero(result.setting.has_other_photo[rows])

    def answers(measure: Measure, n: int, faces: Indices, sides: Sequence[Indices], hit: _Hit) -> Answers:
        missing = None if len(faces) else "nobody has a photo of another shot: give several of each person"
        if search.people <= n:
            missing = f"the gallery holds {search.people} people: rank {n} asks for more; --gallery DIR adds some"
        if missing:
            return Answers(result, measure, None, nobody, nobody > 0, nobody > 0, missing)
        clean, protected = (hit(side[faces], n) for side in sides)
        return Answers(result, measure, None, faces, clean, protected)

    versions = result.versions(recognizer)
    another, itself = ([search.ranks(version, own) for version in versions] for own in (False, True))
    for n, other, same, _ in RANKS:
        yield answers(other, n, others, another, not_identified)
        yield answers(same, n, everyone, itself, not_identified)
    if result.target is not None:
        aimed = [search.target_ranks(version) for version in versions]
        for n, _, _, measure in RANKS:
            yield answers(measure, n, everyone, aimed, identified_as_target)
