"""Workers on one machine or many, through Ray: one photo at a time each, and a photo whose worker dies is given to
another.

These are plain actors. Ray Data hands each actor several blocks at once and repeats all of them when it dies, so that a
photo that kills its workers takes others with it; it repeats a block for ever, or drops it without saying which photos
were in it. Here one photo is in the hands of one worker: when the worker dies, it is known whose fault that may be, and
after a few attempts that photo fails by its name, and no other.

All machines must see inputs, outputs and the folder of the command under the same paths.
"""

from __future__ import annotations

import logging
import os
import platform
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from privacy_faces.config.extras import install_extra
from privacy_faces.config.plan import Plan
from privacy_faces.pipeline.attempt import Outcome, attempt, finished
from privacy_faces.pipeline.job import Job

log = logging.getLogger(__name__)

#: (photo, whether an earlier worker died on it) -> outcome.
Work = Callable[[Job, bool], Outcome]

# Workers that a photo may cost before it is given up, and workers in a row that may die while they load.
_ATTEMPTS = 3
# Seconds without a ready worker after which the user is told what is waited for.
_PATIENCE = 60
# Photos go through the file system, so that Ray's own memory holds a few receipts; in bytes, near the smallest that Ray
# accepts.
_OBJECT_STORE = 100 * 2**20


class MissingRayError(ValueError):
    """Ray is not installed; the message carries the install command."""


def run(
    jobs: Sequence[Job],
    plan: Plan,
    report: Callable[[str], None],
    *,
    workers: int | None = None,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Do `jobs` in the cluster that the environment variable RAY_ADDRESS names, or in one that is started on this
    machine.

    Args:
        jobs, plan, report: as for every engine.
        workers: processes; one for each GPU, or CPU where there is none, of the cluster by default.
        overwrite: photos that are done already are to be done again.

    Raises:
        ValueError: when Ray is missing, or what the plan needs.
    """
    report("starting workers")
    ray = connect(workers)
    gpus = int(ray.cluster_resources().get("GPU", 0)) if plan.run.device != "cpu" else 0
    count = workers or gpus or int(ray.cluster_resources().get("CPU", 1))
    needs = {"num_cpus": 1, "num_gpus": 1 if gpus else 0}
    return spread(jobs, partial(_work, plan, overwrite), count, needs)


def connect(workers: int | None = None) -> Any:
    """The module ray, connected.

    Raises:
        MissingRayError: when it is not installed.
        ValueError: when there is no cluster at RAY_ADDRESS, or it refuses.
    """
    # No reports to its makers; and no copy of this folder to each worker, which `uv run` would otherwise bring about.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        # Read when Ray is imported, and meant for macOS and Windows, where it is the default: the servers of a cluster
        # of this machine alone listen on its loopback address alone. Ray replaces that address where it is given.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ImportError:
        raise MissingRayError(f"--engine ray needs Ray. Install it: {install_extra('ray')}") from None
    if ray.is_initialized():
        return ray
    # Workers' words would come on stdout, which carries the result only; Ray keeps them in its own logs.
    silent = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        try:
            ray.init(**silent)
        except ConnectionError as error:
            raise ValueError(
                f"Cannot connect to a Ray cluster at RAY_ADDRESS={address}: {error} Start one with `ray start "
                "--head`, or unset RAY_ADDRESS. "
                "One that asks for a token needs RAY_AUTH_MODE=token here too."
            ) from None
    else:
        ray.init("local", num_cpus=workers, object_store_memory=_OBJECT_STORE, include_dashboard=False, **silent)
    return ray


class _Worker:
    """What runs in a process of the cluster."""

    def __init__(self, make: Callable[[], Work], folder: str) -> None:
        self._make, self._folder = make, folder

    def load(self) -> None:
        """Get ready for the first photo."""
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise ValueError(
                f"--engine ray: every machine must see the same folders, and {platform.node()} lacks one: {error}"
            ) from None
        self._do = self._make()

    def do(self, job: Job, again: bool) -> Outcome:
        """Do a photo."""
        return self._do(job, again)


def _work(plan: Plan, overwrite: bool) -> Work:
    from privacy_faces.pipeline.anonymizer import Anonymizer

    anonymizer, fingerprint = Anonymizer(plan), plan.fingerprint()

    def do(job: Job, again: bool) -> Outcome:
        # The worker that died may have finished the photo and not have told. With --overwrite its receipt cannot be
        # told from the one before.
        if again and not overwrite and (receipt := finished(job, fingerprint)):
            return Outcome(job, "done", receipt=receipt)
        return attempt(anonymizer, job)

    return do


def spread(jobs: Sequence[Job], make: Callable[[], Work], workers: int, needs: dict[str, Any]) -> Iterator[Outcome]:
    """Have workers do `jobs`.

    Args:
        jobs: one outcome is given for each.
        make: called once in each worker, where it makes what does a photo.
        workers: how many at a time.
        needs: of each worker, as options of a Ray actor.

    Raises:
        ValueError: that `make` raises in the first worker that is ready or cannot be.
    """
    pool = _Pool(make, needs)
    for _ in range(min(workers, len(jobs))):
        pool.start_worker()
    try:
        pool.wait_for_first()
    except BaseException:
        _disconnect()
        raise
    return _outcomes(jobs, pool)


class _Pool:
    """The workers, and what each is doing."""

    def __init__(self, make: Callable[[], Work], needs: dict[str, Any]) -> None:
        import ray

        self._actor = ray.remote(**needs)(_Worker)
        self._make, self._needs = make, needs
        self._busy: dict[Any, tuple[Any, Job | None]] = {}  # promise -> (worker, the photo; None while it loads)
        self._idle: list[Any] = []
        self._lost_loading = 0
        self.last_error = ""

    def start_worker(self) -> None:
        """Start a worker, unless the last ones all died while they loaded."""
        if self._lost_loading < _ATTEMPTS:
            worker = self._actor.remote(self._make, os.getcwd())
            self._busy[worker.load.remote()] = (worker, None)

    def wait_for_first(self) -> None:
        """Wait for a worker that is ready; the ValueError of one that cannot be is raised here."""
        import ray

        while not (ready := ray.wait(list(self._busy), timeout=_PATIENCE)[0]):
            log.warning(
                "no worker is ready yet; they wait until the Ray cluster has room for them: each needs %s", self._needs
            )
        try:
            ray.get(ready[0])
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ValueError):
                raise error.cause from None
            raise
        except ray.exceptions.RayError as error:
            raise ValueError(f"A Ray worker died while it loaded: {_first_line(error)}") from None

    def submit(self, job: Job, again: bool) -> bool:
        """Give a photo to an idle worker; false when there is none."""
        if not self._idle:
            return False
        worker = self._idle.pop()
        self._busy[worker.do.remote(job, again)] = (worker, job)
        return True

    def next_event(self) -> tuple[Job | None, Outcome | None] | None:
        """What happens next: a worker is ready (None, None), a photo has its outcome, a photo's worker died (outcome
        None). None when no worker is left."""
        import ray

        if not self._busy:
            return None
        (promise,), _ = ray.wait(list(self._busy))
        worker, job = self._busy.pop(promise)
        try:
            outcome = ray.get(promise)
        except ray.exceptions.RayTaskError as error:  # raised by the code of the worker, which lives
            self.last_error = str(error.cause)
            if job is None:
                log.warning("a worker could not start: %s", self.last_error)
                return None, None
            outcome = Outcome(job, "failed", f"unexpected {type(error.cause).__name__}: {error.cause}")
        except ray.exceptions.RayError as error:
            self.last_error = _first_line(error)
            self._lost_loading += job is None
            self.start_worker()
            return job, None
        self._lost_loading = 0
        self._idle.append(worker)
        return job, outcome


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _disconnect() -> None:
    """Ends the workers, and the cluster if it was started here."""
    import ray

    ray.shutdown()


def _outcomes(jobs: Sequence[Job], pool: _Pool) -> Iterator[Outcome]:
    waiting, deaths, left = deque(jobs), Counter[Job](), len(jobs)
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
                if deaths[job] < _ATTEMPTS:
                    waiting.append(job)
                    continue
                outcome = Outcome(job, "failed", f"each of the {_ATTEMPTS} workers that tried died: {pool.last_error}")
            if outcome is not None:
                left -= 1
                yield outcome
    finally:
        _disconnect()
