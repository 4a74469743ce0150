"""Engines: who does the photos that remain. This process (`local`), all that `accelerate launch` started (`launched`),
or workers on many machines (`ray`).

An engine is a function `run(jobs, plan, report)`. The call loads what the plan needs, and raises ValueError when that
cannot be done: nothing has been touched by then. The iterator that it returns does the photos, and gives one outcome
for each job, in any order. In all of them a photo goes through `pipeline.attempt`, and what becomes of it depends on
the plan and itself alone, so that results are the same whoever made them. To the byte, that is, where PyTorch has
the same number of threads: it adds up in another order with another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from privacy_faces.pipeline.inputs import InputError

if TYPE_CHECKING:
    from privacy_faces.config.plan import Plan
    from privacy_faces.pipeline.attempt import Outcome
    from privacy_faces.pipeline.job import Job


class Engine(Protocol):
    """The contract."""

    def __call__(self, jobs: Sequence[Job], plan: Plan, report: Callable[[str], None]) -> Iterator[Outcome]:
        """Do `jobs` as `plan` says; `report` is told what is being done."""
        ...


def chosen_engine(name: str, workers: int | None, overwrite: bool) -> Engine:
    """The engine of a run: all processes of a launcher where one started this process.

    Args:
        name: "local" or "ray".
        workers, overwrite: see `sharing.ray.run`.

    Raises:
        InputError: for what does not go together.
    """
    from privacy_faces.pipeline.sharing import launched, local

    here = launched.run if launched.processes() > 1 else local.run
    if name == "local":
        if workers:
            raise InputError(
                "--workers goes with --engine ray. Without Ray: accelerate launch --multi_gpu --num_processes N -m "
                "privacy_faces anonymize ..."
            )
        return here
    if here is launched.run:
        raise InputError("--engine ray starts its own workers: run it without accelerate launch.")
    from privacy_faces.pipeline.sharing import ray

    return partial(ray.run, workers=workers, overwrite=overwrite)
