"""Whether a face of a photo is one of the people whom a user names: to keep their faces, or to change theirs only.

A wrong answer must hide a face too many, never one too few. So a face is kept as one of the people only where every
recognizer agrees and no other face of the photo is as like the person, and it counts as none of them only where no
recognizer sees any likeness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privacy_faces.judge.candidates import Candidates, Vectors
from privacy_faces.judge.likeness import Alike, Likeness
from privacy_faces.judge.thresholds import Threshold

#: keep: the people's faces stay; only: no other faces are changed.
Rule = Literal["keep", "only"]
#: At which false accept rate, at least, a face counts as one of the people under the rule `only`.
LENIENT_FAR = 0.1


@dataclass(frozen=True)
class Decision:
    """What is to become of a face, and of whom of the people it is most like, if people were named."""

    change: bool
    likeness: Likeness | None = None


@dataclass(frozen=True)
class People:
    """P people.

    Attributes:
        names: of each.
        embeddings: recognizer -> of the photos of each person, one or more.
        thresholds: recognizer -> from which similarity on a face is taken for a person.
    """

    names: tuple[str, ...]
    embeddings: Mapping[str, Candidates]
    thresholds: Mapping[str, Threshold]

    def decide(self, rule: Rule, faces: Mapping[str, Vectors]) -> list[Decision]:
        """A decision for each of the F faces of one photo, which must be given together.

        Args:
            rule: `keep` keeps a face where, for one of the people, every recognizer declares a match, and finds it more
                like that person than each other face of the photo. `only` changes a face where any recognizer declares
                a match with any of the people.
            faces: recognizer -> embeddings (F, D), unit length.

        Raises:
            ValueError: for an embedding that is not a number.
        """
        alike = {name: self._similarities(name, rows) for name, rows in faces.items()}
        matched = [self.thresholds[name].matched(values) for name, values in alike.items()]
        # Recognizers differ in scale: how far above the threshold, of the way to an equal face.
        above = [
            self.thresholds[name].margin(values) / (1 - self.thresholds[name].threshold)
            for name, values in alike.items()
        ]
        order: NDArray[np.float64]
        if rule == "keep":
            claims = np.logical_and.reduce([*matched, *(_largest(values) for values in alike.values())])
            change, order = ~np.any(claims, axis=1), np.where(claims, np.inf, np.minimum.reduce(above))
        else:
            change, order = np.any(np.logical_or.reduce(matched), axis=1), np.maximum.reduce(above)
        return [
            Decision(bool(change[face]), self._likeness(face, int(order[face].argmax()), alike))
            for face in range(len(change))
        ]

    def _similarities(self, name: str, rows: Vectors) -> NDArray[np.float64]:
        """(F, P), to the photo of each person that is most alike."""
        people = self.embeddings[name]
        return np.asarray(people.best(rows.astype(np.float64) @ people.embeddings.astype(np.float64).T, axis=1))

    def _likeness(self, face: int, person: int, alike: Mapping[str, NDArray[np.float64]]) -> Likeness:
        rows = {}
        for name, values in alike.items():
            threshold, similarity = self.thresholds[name], float(values[face, person])
            rows[name] = Alike(
                similarity=round(similarity, 4),
                threshold=threshold.threshold,
                far=threshold.far,
                matched=threshold.matched(similarity),
            )
        return Likeness(person=self.names[person], recognizers=rows)


def _largest(alike: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(F, P): whether the similarity of a face to a person is larger than that of each other face."""
    return np.asarray((alike[:, None] <= alike[None]).sum(1) == 1)
