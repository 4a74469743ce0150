"""Photos that thresholds or models were made with: who is judged on them is judged too kindly.

They are known by the bytes of their files; a photo that was saved anew is not recognized.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from privacy_faces.config.files import sha256_of

_DIGITS = 16

T = TypeVar("T")


@dataclass(frozen=True)
class KnownSet:
    """Photos that something was made with.

    Attributes:
        name: for the reader.
        role: "calibration" of thresholds, or "training" of models.
        of: recognizers, or models.
        photos: the first 16 hex digits of the sha256 of each file.
    """

    name: str
    role: Literal["calibration", "training"]
    of: tuple[str, ...]
    photos: frozenset[str]

    @property
    def made(self) -> str:
        """What was made with it."""
        things = ", ".join(self.of)
        return f"the thresholds of {things} were calibrated" if self.role == "calibration" else f"{things} were trained"


@cache
def known_sets() -> list[KnownSet]:
    """The sets whose photos are known."""
    content: dict[str, Any] = json.loads(Path(__file__).with_name("known_photos.json").read_text(encoding="utf-8"))
    return [
        KnownSet(item["name"], item["role"], tuple(item["of"]), frozenset(_split(item["photos"])))
        for item in content["sets"]
    ]


def digest_of(path: Path) -> str:
    """By what a photo is known."""
    return sha256_of(path)[:_DIGITS]


def seen_before(paths: Sequence[Path]) -> list[tuple[KnownSet, int]]:
    """The sets that hold any of these photos, each with how many."""
    digests = {digest_of(path) for path in paths if path.is_file()}
    return [(known, count) for known in known_sets() if (count := len(digests & known.photos))]


def left_out(
    items: Sequence[T], photo: Callable[[T], Path], person: Callable[[T], str], people: str | None
) -> tuple[list[T], list[str]]:
    """The items whose people no model was trained on, and notes about the others.

    Args:
        items: photos to judge on.
        photo, person: their file, and who is in it.
        people: "left-out", "all", or None: left-out where most of the photos belong to a set that is known, and some
            people were left out of its training.
    """
    if people == "all":
        return list(items), []
    digests = [digest_of(photo(item)) for item in items]
    training = frozenset[str]().union(*(known.photos for known in known_sets() if known.role == "training"))
    every = training.union(*(known.photos for known in known_sets()))
    trained = {person(item) for item, digest in zip(items, digests, strict=True) if digest in training}
    kept = [item for item in items if person(item) not in trained]
    if not trained or (people is None and 2 * sum(digest in every for digest in digests) < len(items)):
        return list(items), []
    if not kept:
        if people is None:
            return list(items), []
        raise ValueError(
            f"Expected people whom no shipped model was trained on, found none among {len(trained)}. Judge on others, "
            "or on these all the same: --people all"
        )
    return kept, [
        f"{len(items) - len(kept)} photos of {len(trained)} people are left out: shipped models were trained on them. "
        "--people all judges on them too."
    ]


def _split(text: str) -> list[str]:
    return [text[place : place + _DIGITS] for place in range(0, len(text), _DIGITS)]
