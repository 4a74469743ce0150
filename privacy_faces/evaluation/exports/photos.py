"""photos.csv and similarities.csv: what every number was computed from, so that anybody can compute it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from privacy_faces.evaluation.attackers.registry import PICTURE_ATTACKERS
from privacy_faces.evaluation.exports.table import as_csv
from privacy_faces.evaluation.measure import QUALITIES, WRITTEN
from privacy_faces.evaluation.robustness import OPERATIONS
from privacy_faces.evaluation.tables.attacks import attacks_on
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.search import Search
from privacy_faces.evaluation.tables.strangers import Comparison, compared
from privacy_faces.evaluation.tables.success import best_among, best_other
from privacy_faces.judge.candidates import Candidates, Indices
from privacy_faces.judge.verdicts import similarity

COLUMNS = (
    "method",
    "version",
    "recognizer",
    "role",
    "condition",
    "photo",
    "face",
    "person",
    "groups",
    "found",
    "still_a_face",
    "similarity",
    "far",
    "threshold",
    "matched",
    "other_photo",
    "other_version",
    "target",
    "strangers",
    "false_accepts",
    "rank",
    "rank_same_photo",
    "target_rank",
    *QUALITIES,
    "sex_kept",
    "age_kept",
    "glasses_kept",
)
VERSIONS = ("unprotected", "protected")
#: What similarities.csv compares with: the photos as they are, or those of the same version.
ORIGINALS, ITSELF = "originals", "itself"
#: With more faces than this, similarities.csv would fill disks, and is not written.
MOST_FACES = 150


class Judged(NamedTuple):
    """A row of the leaderboard, and what it was made of."""

    label: str
    result: Result


def photos_csv(judged: Sequence[Judged]) -> str:
    """A row for every method, version, recognizer, condition and face.

    `similarity` is to the original of the same face, by which `matched` says whether it is above `threshold`;
    `other_photo` is the best to another unprotected photo of the person, `other_version` to another photo of the same
    version, `target` to the target's test image; `strangers` counts the pairs with other people's photos, of which
    `false_accepts` are above the threshold; `rank` is the person's in a search without photos of the same shot,
    `rank_same_photo` in one with them. Empty where there is none. In conditions that compare no pairs
    (protected-gallery, linear-probe, fine-tuned-recognizer) `matched` says whether the attacker names the person.
    """
    rows = (
        {"method": label, "recognizer": name, "role": role} | row
        for label, result in judged
        for name, role in result.roles.items()
        for row in _of_recognizer(result, name)
    )
    return as_csv(COLUMNS, rows)


def similarities_csv(judged: Sequence[Judged]) -> str | None:
    """The similarity of every labeled face to every enrolled photo, a column for each; None with too many faces.

    Beside the protected and the unprotected photos, the version "original" holds the photos as they are. A face that
    several places of a photo may show has a row for each in the condition "written"; the most alike counts, and the
    best rank.

    The people of the columns are those that photos.csv names; of the gallery's other people, whose columns begin with
    "gallery/", the folder.
    """
    if not judged or any(len(result.setting.probes) > MOST_FACES for _, result in judged):
        return None
    setting = judged[0].result.labeled.setting
    enrolled = [probe.label for probe in setting.probes]
    columns = [*enrolled, *(f"gallery/{name}" for name in setting.gallery.names)]
    header = ["method", "version", "recognizer", "condition", "against", "photo", *columns]
    rows = (
        [label, *row]
        for label, result in judged
        for recognizer in result.roles
        for row in _compared(result.labeled, recognizer, len(columns))
    )
    return as_csv(header, rows)


def _compared(result: Result, recognizer: str, width: int) -> Iterator[list[Any]]:
    setting, rows = result.setting, result.seen.rows
    people, names = setting.names[rows], [setting.probes[row].label for row in rows]
    gallery = setting.original[recognizer]
    if setting.gallery.names:
        gallery = np.concatenate([gallery, setting.gallery.embeddings[recognizer]])
    enrolled = np.array([*setting.names, *(f"gallery/{name}" for name in setting.gallery.people)], dtype=str)
    every, probes = np.arange(len(gallery)), np.arange(len(setting.probes))
    unchanged = compared(Candidates.single(result.original[recognizer]), gallery, people, enrolled)
    found: list[tuple[str, str, str, Comparison, Indices]] = [("original", WRITTEN, ORIGINALS, unchanged, every)]
    for version, side in zip(VERSIONS, result.versions(recognizer), strict=True):
        # A search is made with every candidate, and the best answer counts: they stand in rows of their own.
        alone = compared(Candidates.single(side.embeddings), gallery, people[side.owner], enrolled)
        for name, values in zip(np.array(names)[side.owner], alone.similarity, strict=True):
            yield [version, recognizer, WRITTEN, ORIGINALS, str(name), *map(float, values)]
        found.append((version, WRITTEN, ITSELF, compared(side, side, people, people), rows))
    for operation in (name for name in OPERATIONS if name in result.seen.embeddings):
        side = result.seen.embeddings[operation][recognizer]
        here = compared(side, setting.original[recognizer], people, setting.names)
        found.append(("protected", operation, ORIGINALS, here, probes))
    for attacker, attack, _, asked in attacks_on(result):
        if (by := attack(asked, recognizer).compares) is not None:
            found += [
                (version, attacker.name, ORIGINALS, here, by.enrolled)
                for version, here in zip(VERSIONS, by.conditions, strict=True)
            ]
    for version, condition, against, comparison, places in found:
        for name, values in zip(names, comparison.similarity, strict=True):
            cells: list[Any] = [None] * width
            for place, value in zip(places, values, strict=True):
                cells[place] = float(value)
            yield [version, recognizer, condition, against, name, *cells]


def _of_recognizer(result: Result, recognizer: str) -> Iterator[dict[str, Any]]:
    setting, rows, labeled = result.setting, result.seen.rows, result.labeled
    places = np.flatnonzero(np.isin(rows, setting.labeled))
    clean = setting.clean.take(rows)
    threshold = setting.threshold(recognizer, setting.far[0])
    original = result.original[recognizer]
    search = Search(labeled, recognizer)
    operations = [name for name in OPERATIONS if name in result.seen.embeddings]
    attacked = any(attacker.name in result.seen.embeddings for attacker in PICTURE_ATTACKERS)
    for side, version in enumerate(VERSIONS):
        seen = (clean, result.seen)[side]
        about = [_about(result, row) | {"version": version} for row in rows]
        for condition in (WRITTEN, *operations):
            probes = result.versions(recognizer, condition)[side]
            here = labeled.versions(recognizer, condition)[side]
            columns: dict[str, Any] = {"similarity": similarity(probes, original), "found": seen.found[condition]}
            columns["still_a_face"] = seen.detected(condition)
            against = compared(
                here,
                labeled.setting.original[recognizer],
                labeled.setting.names[labeled.seen.rows],
                labeled.setting.names,
            )
            columns |= _accepted(against, threshold.matched(against.similarity), places, len(rows))
            if result.target is not None:
                aim = np.broadcast_to(result.target[recognizer], original.shape)
                columns["target"] = similarity(probes, aim)
            if condition == WRITTEN:
                columns |= {
                    "other_photo": _spread(best_other(labeled, recognizer, here), places, len(rows)),
                    "other_version": _spread(best_among(labeled, here), places, len(rows)),
                    "rank": _spread(search.ranks(here, own_photo=False), places, len(rows)),
                    "rank_same_photo": _spread(search.ranks(here, own_photo=True), places, len(rows)),
                } | seen.quality
                if side:
                    columns |= result.attributes_kept()
                columns["rank"][places[~labeled.setting.has_other_photo[labeled.seen.rows]]] = np.nan
                if result.target is not None:
                    columns["target_rank"] = _spread(search.target_ranks(here), places, len(rows))
            columns["matched"] = threshold.matched(columns["similarity"])
            yield from _together(about, condition, columns, threshold.far, threshold.threshold)
        for attacker, attack, far, asked in attacks_on(result) if attacked else ():
            attempt = attack(asked, recognizer)
            faces = attempt.faces if asked is result else places[attempt.faces]
            columns = {"matched": ~(attempt.clean, attempt.protected)[side]}
            if (by := attempt.compares) is not None:
                columns["similarity"] = (by.clean, by.protected)[side]
                against = by.conditions[side]
                accepted = _accepted(against, threshold.matched(against.similarity), places, len(rows))
                columns |= {name: values[faces] for name, values in accepted.items()}
            named = [about[face] for face in faces]
            yield from _together(named, attacker.name, columns, far, threshold.threshold if far is not None else None)


def _about(result: Result, row: int) -> dict[str, Any]:
    probe = result.setting.probes[row]
    groups = "; ".join(f"{column}={value}" for column, value in sorted(probe.groups.items()))
    return {"photo": probe.name, "face": probe.face + 1, "person": probe.person, "groups": groups}


def _accepted(against: Comparison, matched: Any, places: Indices, count: int) -> dict[str, Any]:
    strangers = against.strangers
    return {
        "strangers": _spread(strangers.sum(1), places, count),
        "false_accepts": _spread((strangers & matched).sum(1), places, count),
    }


def _spread(values: Any, places: Indices, count: int) -> Any:
    """Values (K,) of some faces, at their places among all (count,); NaN elsewhere."""
    found = np.full(count, np.nan)
    found[places] = values
    return found


def _together(
    about: Sequence[dict[str, Any]], condition: str, columns: dict[str, Any], far: float | None, threshold: float | None
) -> Iterator[dict[str, Any]]:
    for place, row in enumerate(about):
        values = {name: values[place].item() for name, values in columns.items()}
        yield row | {"condition": condition, "far": far, "threshold": threshold} | values
