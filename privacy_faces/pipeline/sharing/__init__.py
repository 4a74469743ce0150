"""Engines: who does the photos that remain. This process (`local`), workers that it starts (`processes`), all that
`accelerate launch` started (`launched`), or workers on many machines (`ray`).

An engine is a function `run(jobs, plan, report)`. The call loads what the plan needs, and raises ValueError when that
cannot be done: nothing has been touched by then. The iterator that it returns does the photos, and gives one outcome
for each job, in any order. In all of them a photo goes through `pipeline.attempt`, and what becomes of it depends on
the plan and itself alone, so that results are the same whoever made them. To the byte, that is, where PyTorch has
the same number of threads: it adds up in another order with another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from privacy_faces.config.plan import Plan
    from privacy_faces.pipeline.attempt import Outcome
    from privacy_faces.pipeline.job import Job


class Engine(Protocol):
    """The contract."""

    def __call__(self, jobs: Sequence[Job], plan: Plan, report: Callable[[str], None]) -> Iterator[Outcome]:
        """Do `jobs` as `plan` says; `report` is told what is being done."""
        ...
