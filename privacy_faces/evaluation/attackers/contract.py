"""What an attacker is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privacy_faces.judge.observations import Embeddings, Observer
from privacy_faces.judge.views import View

#: Makes other views of views: one of each, or several, those of each view side by side.
Treat = Callable[[Sequence[View]], list[View]]


@dataclass(frozen=True)
class Attacker:
    """Somebody who knows that photos are protected.

    Attributes:
        name, summary: for results and report.
    """

    name: str
    summary: str


@dataclass(frozen=True)
class Tools:
    """What attackers on pictures bring along.

    Attributes:
        purify: the diffusion purifier.
        reverse: undoes the operation that the photos were protected with, where that is known and linear.
    """

    purify: Treat | None = None
    reverse: Treat | None = None


@dataclass(frozen=True)
class PictureAttacker(Attacker):
    """One who works on pictures.

    Attributes:
        embed: recognizer -> embeddings (K N, D) of what is made of N views, K of each; None without the tools.
    """

    embed: Callable[[Observer, Sequence[View], Tools], Embeddings | None]
