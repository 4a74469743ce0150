"""One photo after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from privacy_faces.config.plan import Plan
from privacy_faces.pipeline.attempt import Outcome, attempt
from privacy_faces.pipeline.job import Job


def run(jobs: Sequence[Job], plan: Plan, report: Callable[[str], None]) -> Iterator[Outcome]:
    """Do `jobs`; `report` is told what is being done.

    Raises:
        ValueError: when a weight, plugin or threshold is missing.
    """
    # Imports torch: wrong inputs are refused, and finished photos skipped, without that wait. The landmark model is
    # read meanwhile.
    from privacy_faces.photos.detection.dlib_models import load_ahead

    load_ahead()
    from privacy_faces.pipeline.anonymizer import Anonymizer

    anonymizer = Anonymizer(plan, report)
    return (attempt(anonymizer, job) for job in jobs)
