"""What adaptive attackers still fail to recognize."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.attackers.contract import Attacker
from privacy_faces.evaluation.attackers.registry import (
    FINE_TUNED,
    GROWING_GALLERY,
    LINEAR_PROBE,
    PICTURE_ATTACKERS,
    PROTECTED_GALLERY,
    TRAINED_PURIFIER,
)
from privacy_faces.evaluation.attackers.searches import linked, named
from privacy_faces.evaluation.identification import best_ranks
from privacy_faces.evaluation.intervals import once, share
from privacy_faces.evaluation.rows import Attack, Separation
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.strangers import Comparison, compared
from privacy_faces.judge.candidates import Candidates, Indices
from privacy_faces.judge.thresholds import Threshold
from privacy_faces.judge.verdicts import Scores, dodging, not_identified, similarity

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Compares:
    """By what an attacker decides.

    Attributes:
        clean, protected: (K,), the similarity of each of its faces.
        conditions: of the unprotected copies and of the protected photos, every labeled face against every enrolled
            one.
        enrolled: (M,), the probes that are enrolled.
    """

    clean: Scores
    protected: Scores
    conditions: tuple[Comparison, Comparison]
    enrolled: Indices

    def separations(self, labeled: Flags, people: NDArray[np.str_], threshold: Threshold) -> list[Separation | None]:
        """Of both versions; of the labeled ones of its faces (K,), who are `people`."""
        return [
            condition.separation(side[labeled], people, threshold)
            for condition, side in zip(self.conditions, (self.clean, self.protected), strict=True)
        ]


@dataclass(frozen=True)
class Attempt:
    """What an attacker fails to recognize.

    Attributes:
        faces: (K,), places among the faces that it was asked of: those of `Result`, or of `Result.labeled`.
        clean, protected: (K,), True where it fails, of the unprotected copies and of the protected photos.
        compares: how, where it decides by similarity.
    """

    faces: Indices
    clean: Flags
    protected: Flags
    compares: Compares | None = None


_NOBODY = Attempt(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))


def decided(threshold: Threshold, faces: Indices, compares: Compares) -> Attempt:
    """What an attacker with a threshold fails to recognize."""
    return Attempt(faces, dodging(compares.clean, threshold), dodging(compares.protected, threshold), compares)


def attack_table(result: Result) -> list[Attack]:
    """What every adaptive attacker still fails to recognize."""
    rows = []
    for attacker, attack, far, asked in attacks_on(result):
        for recognizer, role in result.roles.items():
            attempt = attack(asked, recognizer)
            if len(attempt.faces):
                people, (clean, protected) = once(
                    asked.files(attempt.faces),
                    [asked.names[face] for face in attempt.faces],
                    attempt.clean,
                    attempt.protected,
                )
                separations = _separations(attempt, asked, recognizer)
                rows.append(
                    Attack(
                        attacker=attacker.name,
                        summary=attacker.summary,
                        recognizer=recognizer,
                        role=role,
                        far=far,
                        clean=share(clean, people),
                        protected=share(protected, people),
                        clean_separation=separations[0],
                        separation=separations[1],
                    )
                )
    return rows


def attacks_on(
    result: Result,
) -> list[tuple[Attacker, Callable[[Result, str], Attempt], float | None, Result]]:
    """Every attacker, how it goes about a recognizer, its false accept rate, and the faces that it is asked of."""
    return [
        *(
            (attacker, _cleaned(attacker), result.setting.far[0], result)
            for attacker in (*PICTURE_ATTACKERS, TRAINED_PURIFIER)
            if attacker.name in result.seen.embeddings
        ),
        (PROTECTED_GALLERY, _protected_gallery, None, result.labeled),
        (LINEAR_PROBE, _linear_probe, None, result.labeled),
        (GROWING_GALLERY, _growing_gallery, result.setting.far[0], result.labeled),
        *([(FINE_TUNED, _fine_tuned, None, result.labeled)] if result.named else []),
    ]


def _separations(attempt: Attempt, asked: Result, recognizer: str) -> list[Separation | None]:
    if attempt.compares is None:
        return [None, None]
    setting, rows = asked.setting, asked.seen.rows[attempt.faces]
    labeled = np.isin(rows, setting.labeled)
    return attempt.compares.separations(
        labeled, setting.names[rows[labeled]], setting.threshold(recognizer, setting.far[0])
    )


def _cleaned_similarity(result: Result, recognizer: str, attacker: str) -> tuple[Scores, Scores]:
    """Similarities (M,) by which an attacker on pictures decides: it has the person's photo, as it is and treated
    likewise, and believes the better match; of the unprotected copies and of the protected photos."""
    original = result.original[recognizer]
    treated, attacked = result.versions(recognizer, attacker)
    # Of a treated copy that has several candidates, the first is the one that the attacker enrolls.
    enrolled = treated.embeddings[treated.first]
    clean, protected = (
        np.maximum(similarity(probes, original), similarity(probes, enrolled)) for probes in (treated, attacked)
    )
    return clean, protected


def _cleaned_comparison(result: Result, recognizer: str, attacker: str) -> tuple[Comparison, Comparison]:
    """The same between every probe and every photo, of labeled faces."""
    setting, people = result.setting, result.setting.names[result.seen.rows]
    enrolled = setting.copies(recognizer, np.arange(len(setting.probes)), attacker)
    references = setting.original[recognizer], enrolled.embeddings[enrolled.first]
    clean, protected = (
        Comparison(
            np.maximum(*(compared(probes, gallery, people, setting.names).similarity for gallery in references)),
            people,
            setting.names,
        )
        for probes in result.versions(recognizer, attacker)
    )
    return clean, protected


def _cleaned(attacker: Attacker) -> Callable[[Result, str], Attempt]:
    def attack(result: Result, recognizer: str) -> Attempt:
        clean, protected = _cleaned_similarity(result, recognizer, attacker.name)
        labeled = result.labeled
        conditions = _cleaned_comparison(labeled, recognizer, attacker.name)
        return decided(
            result.setting.threshold(recognizer, result.setting.far[0]),
            np.arange(len(clean)),
            Compares(clean, protected, conditions, np.arange(len(labeled.setting.probes))),
        )

    return attack


def _growing_gallery(result: Result, recognizer: str) -> Attempt:
    setting, people = result.setting, result.setting.names[result.seen.rows]
    several = np.flatnonzero(result.several)
    if not len(several):
        return _NOBODY
    names, first = np.unique(people[several], return_index=True)
    enrolled = several[first]
    owner = np.searchsorted(names, people[several])
    other = ~result.same_shot[several, enrolled[owner]]
    faces, owner = several[other], owner[other]
    clean, protected = (
        Comparison(
            linked(
                compared(version, result.original[recognizer][enrolled], people, names).similarity,
                compared(version, version, people, people).similarity,
            ),
            people,
            names,
        )
        for version in result.versions(recognizer)
    )
    return decided(
        setting.threshold(recognizer, setting.far[0]),
        faces,
        Compares(
            clean.similarity[faces, owner],
            protected.similarity[faces, owner],
            (clean, protected),
            result.seen.rows[enrolled],
        ),
    )


def _protected_gallery(result: Result, recognizer: str) -> Attempt:
    people = result.setting.people[result.seen.rows]
    faces = np.flatnonzero(result.several)
    clean, protected = (
        not_identified(best_ranks(probes, probes.embeddings, people[probes.owner], people, _own(result, probes)), 1)
        for probes in result.versions(recognizer)
    )
    return Attempt(faces, clean[faces], protected[faces])


def _own(result: Result, version: Candidates) -> Indices:
    """The candidates (M, L) of each face, and of others of its shot; -1 is none."""
    shots = result.own_shots
    members = np.where(shots[:, :, None] >= 0, version.members[shots], -1)
    return members.reshape(len(shots), shots.shape[1] * version.members.shape[1])


def _linear_probe(result: Result, recognizer: str) -> Attempt:
    people = result.setting.people[result.seen.rows]
    training, probe = result.training_and_probes
    if np.unique(people[training]).size < 2:
        return _NOBODY
    clean, protected = (
        _misnamed(version.take(training), version.take(probe), people[training], people[probe])
        for version in result.versions(recognizer)
    )
    return Attempt(probe, clean, protected)


def _misnamed(known: Candidates, probes: Candidates, learned: Indices, asked: Indices) -> Flags:
    """Whom the classifier names by none of their candidates."""
    said = named(known.embeddings, learned[known.owner], probes.embeddings)
    return ~probes.best(said == asked[probes.owner])


def _fine_tuned(result: Result, recognizer: str) -> Attempt:
    return Attempt(*result.named[recognizer]) if recognizer in result.named else _NOBODY
