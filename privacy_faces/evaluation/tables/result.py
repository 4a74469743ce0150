"""What the tables of one method are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.measure import WRITTEN, Seen
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.utility import Values, attributes_kept
from privacy_faces.judge.candidates import Candidates, Indices
from privacy_faces.judge.observations import Embeddings
from privacy_faces.judge.receipt import Role


class Named(NamedTuple):
    """What a classifier of the labeled people says of some of their faces (K,), places among the labeled ones: True
    where it names somebody else, of the unprotected copies and of the protected photos."""

    faces: Indices
    clean: NDArray[np.bool_]
    protected: NDArray[np.bool_]


@dataclass(frozen=True)
class Result:
    """One method's results in a setting.

    Attributes:
        setting: what methods are compared on.
        seen: what was seen of the protected photos.
        roles: recognizer -> role.
        target: recognizer -> embedding (D,) of the target's test image, where there is a target.
        named: recognizer -> what it says once fine-tuned on the labeled people's photos, where that was asked.
    """

    setting: Setting
    seen: Seen
    roles: Mapping[str, Role]
    target: Embeddings | None = None
    named: Mapping[str, Named] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The person of each protected face."""
        return [str(name) for name in self.setting.names[self.seen.rows]]

    def attributes_kept(self) -> Mapping[str, Values]:
        """See `utility.attributes_kept`; who took no part reads first: what fools a surrogate need not show."""
        names = sorted(self.roles, key=lambda name: self.roles[name] == "surrogate")
        return attributes_kept({name: self.versions(name) for name in names})

    def files(self, faces: Indices | None = None) -> list[str]:
        """The original of each protected face, or of some of them: the file, and which face of it."""
        rows = self.seen.rows if faces is None else self.seen.rows[faces]
        return [f"{probe.photo}#{probe.face}" for probe in (self.setting.probes[row] for row in rows)]

    @cached_property
    def labeled(self) -> Result:
        """The same of the faces of whom the data says who they are: searches ask for people."""
        chosen = self.setting.labeled
        if len(chosen) == len(self.setting.probes):
            return self
        places = np.flatnonzero(np.isin(self.seen.rows, chosen))
        rows = np.searchsorted(chosen, self.seen.rows[places])
        return Result(self.setting.take(chosen), self.seen.take(places, rows), self.roles, self.target, self.named)

    @cached_property
    def same_shot(self) -> NDArray[np.bool_]:
        """Which pairs of protected faces (M, M) show one shot."""
        return self.setting.same_shot[np.ix_(self.seen.rows, self.seen.rows)]

    @cached_property
    def several(self) -> NDArray[np.bool_]:
        """Whose person (M,) has a protected photo of another shot."""
        people = self.setting.people[self.seen.rows]
        return np.asarray(((people[:, None] == people[None]) & ~self.same_shot).any(1))

    @cached_property
    def training_and_probes(self) -> tuple[Indices, Indices]:
        """The faces of which a classifier of these people learns, and those that it is asked about: the first of
        everybody who has photos of several shots. What it learns of shows no shot that it is asked about."""
        people = self.setting.people[self.seen.rows]
        first = np.unique(people, return_index=True)[1]
        probe = np.isin(np.arange(len(people)), first) & self.several
        training = self.several & ~self.same_shot[:, probe].any(1)
        return np.flatnonzero(training), np.flatnonzero(probe)

    @cached_property
    def own_shots(self) -> Indices:
        """The protected faces (M, L) that show the same shot as each, places among them, padded with -1."""
        place = np.full(len(self.setting.probes) + 1, -1, dtype=np.int64)
        place[self.seen.rows] = np.arange(len(self.seen.rows))
        return place[self.setting.own_shots[self.seen.rows]]

    @property
    def original(self) -> Embeddings:
        """Recognizer -> embeddings (M, D) of the protected faces, before."""
        return {name: embeddings[self.seen.rows] for name, embeddings in self.setting.original.items()}

    def versions(self, recognizer: str, kind: str = WRITTEN) -> tuple[Candidates, Candidates]:
        """The unprotected copies (M), and the protected faces (M)."""
        return self.setting.copies(recognizer, self.seen.rows, kind), self.seen.embeddings[kind][recognizer]
