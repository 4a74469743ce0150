"""Workers on one machine or many, through Ray.

These are plain actors. Ray Data hands each actor several blocks at once and repeats all of them when it dies, so that a
photo that kills its workers takes others with it; it repeats a block for ever, or drops it without saying which photos
were in it. Here one photo is in the hands of one worker, see `sharing.workers`.

All machines must see inputs, outputs and the folder of the command under the same paths.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from privacy_faces.config.extras import install_extra
from privacy_faces.config.plan import Plan
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.sharing.workers import ATTEMPTS, Work, outcomes_of, work

log = logging.getLogger(__name__)

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
    return spread(jobs, partial(work, plan, overwrite), count, needs)


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
        pool.close()
        raise
    return outcomes_of(jobs, pool)


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
        if self._lost_loading < ATTEMPTS:
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
        """See `Pool`."""
        if not self._idle:
            return False
        worker = self._idle.pop()
        self._busy[worker.do.remote(job, again)] = (worker, job)
        return True

    def next_event(self) -> tuple[Job | None, Outcome | None] | None:
        """See `Pool`."""
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

    def close(self) -> None:
        """See `Pool`; ends the cluster too, if it was started here."""
        import ray

        ray.shutdown()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
