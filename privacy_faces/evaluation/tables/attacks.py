"""What adaptive attackers still fail to recognize."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.attackers import LINEAR_PROBE, PICTURE_ATTACKERS, PROTECTED_GALLERY, Attacker, named
from privacy_faces.evaluation.identification import best_ranks
from privacy_faces.evaluation.intervals import share
from privacy_faces.evaluation.results import Attack
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.judge.candidates import Candidates, Indices
from privacy_faces.judge.verdicts import dodging, not_identified, similarity

Flags = NDArray[np.bool_]


def attack_table(result: Result) -> list[Attack]:
    """What every adaptive attacker still fails to recognize."""
    rows = []
    attacks: list[tuple[Attacker, Callable[[Result, str], tuple[Flags, Flags]], float | None]] = [
        *(
            (attacker, _cleaned(attacker), result.setting.far[0])
            for attacker in PICTURE_ATTACKERS
            if attacker.name in result.seen.embeddings
        ),
        (PROTECTED_GALLERY, _protected_gallery, None),
        (LINEAR_PROBE, _linear_probe, None),
    ]
    for attacker, attack, far in attacks:
        for recognizer, role in result.roles.items():
            clean, protected = attack(result, recognizer)
            if len(protected):
                rows.append(
                    Attack(
                        attacker=attacker.name,
                        summary=attacker.summary,
                        recognizer=recognizer,
                        role=role,
                        far=far,
                        clean=share(clean),
                        protected=share(protected),
                    )
                )
    return rows


def _cleaned(attacker: Attacker) -> Callable[[Result, str], tuple[Flags, Flags]]:
    def attack(result: Result, recognizer: str) -> tuple[Flags, Flags]:
        """The attacker has the person's photo, as it is and treated likewise, and believes the better match."""
        original = result.original[recognizer]
        treated, attacked = result.versions(recognizer, attacker.name)
        threshold = result.setting.threshold(recognizer, result.setting.far[0])
        # Of a treated copy that has several candidates, the first is the one that the attacker enrolls.
        enrolled = treated.embeddings[treated.first]
        clean, protected = (
            dodging(np.maximum(similarity(probes, original), similarity(probes, enrolled)), threshold)
            for probes in (treated, attacked)
        )
        return clean, protected

    return attack


def _several(people: Indices) -> Flags:
    """Who has several photos (N,)."""
    return np.bincount(people)[people] > 1 if len(people) else np.zeros(0, dtype=bool)


def _protected_gallery(result: Result, recognizer: str) -> tuple[Flags, Flags]:
    result = result.labeled
    people = result.setting.people[result.seen.rows]
    clean, protected = (
        not_identified(best_ranks(probes, probes.embeddings, people[probes.owner], people, probes.members), 1)[
            _several(people)
        ]
        for probes in result.versions(recognizer)
    )
    return clean, protected


def _linear_probe(result: Result, recognizer: str) -> tuple[Flags, Flags]:
    result = result.labeled
    people = result.setting.people[result.seen.rows]
    several = _several(people)
    _, first = np.unique(people, return_index=True)
    probe = np.isin(np.arange(len(people)), first) & several
    training = several & ~probe
    if np.unique(people[training]).size < 2:
        return np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
    clean, protected = (
        _misnamed(version.take(np.flatnonzero(training)), version.take(np.flatnonzero(probe)), people, training, probe)
        for version in result.versions(recognizer)
    )
    return clean, protected


def _misnamed(known: Candidates, probes: Candidates, people: Indices, training: Flags, probe: Flags) -> Flags:
    """Whom the classifier names by none of their candidates."""
    said = named(known.embeddings, people[training][known.owner], probes.embeddings)
    return ~probes.best(said == people[probe][probes.owner])
