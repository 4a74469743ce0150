"""Attackers who train networks on photos protected in the same way. They take minutes for each method, and are asked
only where that is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.attackers.fine_tuned import named_after_tuning
from privacy_faces.evaluation.attackers.registry import FINE_TUNED, TRAINED_PURIFIER
from privacy_faces.evaluation.attackers.trained_purifier import LEAST_PEOPLE, STEPS, Pairs, purified_by_others
from privacy_faces.evaluation.measure import Seen
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.tables.result import Named, Result
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.views import View

Indices = NDArray[np.int64]


def with_trained_attackers(result: Result, observer: Observer) -> tuple[Result, list[str]]:
    """The result with what these attackers found, and notes about those who could not learn."""
    notes, setting, seen = [], result.setting, result.seen
    people = len(np.unique(setting.names[seen.rows]))
    if people < LEAST_PEOPLE:
        notes.append(
            f"{TRAINED_PURIFIER.name} was not asked: it needs photos of {LEAST_PEOPLE} people, to learn from others, "
            f"and found {people}."
        )
    else:
        setting, seen = _purified(setting, seen, observer)
    found = replace(result, setting=setting, seen=seen)
    named = {
        recognizer.name: answers
        for recognizer in observer.ensemble
        if (answers := _named(found.labeled, observer, recognizer.name)) is not None
    }
    if not named:
        notes.append(f"{FINE_TUNED.name} was not asked: it needs two people with photos of several shots.")
    return replace(found, named=named), notes


def told_once(told: Iterable[tuple[str, str]]) -> list[str]:
    """Each note once, with the methods that it is about.

    Args:
        told: method and note.
    """
    about: dict[str, list[str]] = {}
    for method, note in told:
        about.setdefault(note, []).append(method)
    return [f"{', '.join(methods)}: {note}" for note, methods in about.items()]


def _purified(setting: Setting, seen: Seen, observer: Observer) -> tuple[Setting, Seen]:
    """Both with the frames that the trained purifier makes, embedded."""
    clean, protected = purified_by_others(
        setting.clean.frames,
        seen.frames,
        Pairs(seen.rows, seen.placed),
        setting.clean.landmarks,
        setting.names.tolist(),
        observer,
        STEPS,
    )
    return (
        replace(setting, clean=_with(setting.clean, clean, observer)),
        _with(seen, protected, observer),
    )


def _with(seen: Seen, frames: NDArray[np.uint8], observer: Observer) -> Seen:
    rows = observer.embed(_views(frames, seen.landmarks))
    embeddings = {name: Candidates.single(found) for name, found in rows.items()}
    return replace(seen, embeddings=seen.embeddings | {TRAINED_PURIFIER.name: embeddings})


def _named(result: Result, observer: Observer, name: str) -> Named | None:
    """Whom a tuned recognizer names: on the first photo of everybody of whom there is another shot, on which it was
    tuned; None with fewer than two such people."""
    training, probes = result.training_and_probes
    people = result.setting.people[result.seen.rows]
    if np.unique(people[training]).size < 2:
        return None
    (recognizer,) = (each for each in observer.ensemble if each.name == name)
    clean = result.setting.clean.take(result.seen.rows)
    missed = []
    for seen in (clean, result.seen):
        sides = [list(_views(seen.frames[faces], seen.landmarks[faces])) for faces in (training, probes)]
        said = named_after_tuning(recognizer, sides[0], people[training], sides[1], observer.device)
        missed.append(said != people[probes])
    return Named(probes, missed[0], missed[1])


def _views(frames: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> Iterator[View]:
    return (View(frame.astype(np.float32) / 255, points) for frame, points in zip(frames, landmarks, strict=True))
