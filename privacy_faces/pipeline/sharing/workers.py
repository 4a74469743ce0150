"""One photo in the hands of one worker at a time: what the engines share that hand out photos one by one.

When a worker dies, it is known whose fault that may be: the photo in its hands. Another worker tries it, and after a
few attempts that photo fails by its name, and no other.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from privacy_faces.pipeline.attempt import Outcome, attempt, finished

if TYPE_CHECKING:
    from privacy_faces.config.plan import Plan
    from privacy_faces.pipeline.job import Job

#: (photo, whether an earlier worker died on it) -> outcome.
Work = Callable[["Job", bool], Outcome]

#: Workers that a photo may cost before it is given up, and workers in a row that may die while they load.
ATTEMPTS = 3


class Pool(Protocol):
    """The workers, and what each is doing."""

    last_error: str

    def submit(self, job: Job, again: bool) -> bool:
        """Give a photo to an idle worker; false when there is none."""
        ...

    def next_event(self) -> tuple[Job | None, Outcome | None] | None:
        """What happens next: a worker is ready (None, None), a photo has its outcome, a photo's worker died (outcome
        None). None when no worker is left."""
        ...

    def close(self) -> None:
        """End the workers, also those that are in the middle of a photo."""
        ...


def work(plan: Plan, overwrite: bool) -> Work:
    """What a worker does, with everything loaded that the plan needs.

    Raises:
        ValueError: when a weight, plugin or threshold is missing.
    """
    from privacy_faces.pipeline.anonymizer import Anonymizer

    anonymizer, fingerprint = Anonymizer(plan), plan.fingerprint()

    def do(job: Job, again: bool) -> Outcome:
        # The worker that died may have finished the photo and not have told. With --overwrite its receipt cannot be
        # told from the one before.
        if again and not overwrite and (receipt := finished(job, fingerprint)):
            return Outcome(job, "done", receipt=receipt)
        return attempt(anonymizer, job)

    return do


def outcomes_of(jobs: Sequence[Job], pool: Pool) -> Iterator[Outcome]:
    """One outcome for each of the jobs, in the order in which they come; then the pool is closed."""
    waiting, deaths, left = deque(jobs), Counter["Job"](), len(jobs)
    try:
        while left:
            while waiting and pool.submit(waiting[0], deaths[waiting[0]] > 0):
                waiting.popleft()
            event = pool.next_event()
            if event is None:
                # Nothing is in anyone's hands: all that have no outcome yet are waiting.
                yield from (Outcome(job, "failed", f"no worker is left: {pool.last_error}") for job in waiting)
                return
            job, outcome = event
            if job is not None and outcome is None:
                deaths[job] += 1
                if deaths[job] < ATTEMPTS:
                    waiting.append(job)
                    continue
                outcome = Outcome(job, "failed", f"each of the {ATTEMPTS} workers that tried died: {pool.last_error}")
            if outcome is not None:
                left -= 1
                yield outcome
    finally:
        pool.close()
