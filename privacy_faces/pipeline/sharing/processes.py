"""Worker processes on this machine: several photos at a time, each with its share of the processor's threads.

The networks are small, and between them a photo is read, turned, cut out and written: one photo keeps one core busy and
a second one a quarter of the time. So many photos are done side by side, as far as threads and memory go.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from privacy_faces.pipeline.sharing import local
from privacy_faces.pipeline.sharing.workers import ATTEMPTS, outcomes_of, work

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from privacy_faces.config.plan import Plan
    from privacy_faces.pipeline.attempt import Outcome
    from privacy_faces.pipeline.job import Job

# Fewer photos for each worker do not pay for its start.
_PHOTOS_EACH = 4
# Seconds that a worker gets to leave nothing half done, before it is killed.
_PATIENCE = 30


def run(
    jobs: Sequence[Job],
    plan: Plan,
    report: Callable[[str], None],
    *,
    workers: int | None = None,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Do `jobs` in worker processes, or in this one where one worker is enough.

    Args:
        jobs, plan, report: as for every engine.
        workers: processes; by default as `usual_workers` says.
        overwrite: photos that are done already are to be done again.

    Raises:
        ValueError: when a weight, plugin or threshold is missing.
    """
    count = min(workers or usual_workers(plan, len(jobs)), len(jobs))
    if count == 1:
        return local.run(jobs, plan, report)
    report(f"starting {count} workers")
    pool = _Processes(plan, overwrite, count)
    try:
        pool.wait_for_first()
    except BaseException:
        pool.close()
        raise
    return outcomes_of(jobs, pool)


def usual_workers(plan: Plan, photos: int) -> int:
    """One for each thread of PyTorch, as long as there are photos enough and each may take `max_memory`; a GPU holds
    one."""
    if photos < 2 * _PHOTOS_EACH:
        return 1
    import psutil
    import torch

    if plan.run.device != "cpu" and torch.cuda.is_available():
        return 1
    fit = int(psutil.virtual_memory().available / (plan.run.max_memory * 2**30))
    return max(1, min(torch.get_num_threads(), photos // _PHOTOS_EACH, fit))


def fresh(module: str) -> Any:
    """The context of `multiprocessing` for processes that need what `module` imports: forks of a server that has
    imported it, which start at once and share its memory.

    Where there is a GPU each starts anew: CUDA cannot be used in the fork of a process that has looked for it, as
    importing some libraries does.
    """
    import torch

    forks = sys.platform != "win32" and not torch.cuda.is_available()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload([module])
    return context


class _Processes:
    """The pool."""

    def __init__(self, plan: Plan, overwrite: bool, count: int) -> None:
        import torch

        self._context = fresh("privacy_faces.pipeline.anonymizer")
        self._given = plan, overwrite, max(1, torch.get_num_threads() // count)
        self._workers: dict[Connection, BaseProcess] = {}
        self._hands: dict[Connection, Job | None] = {}  # the photo that each has; None while it loads
        self._idle: list[Connection] = []
        self._lost_loading = 0
        self.last_error = ""
        for _ in range(count):
            self._start_worker()

    def _start_worker(self) -> None:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, *self._given), daemon=True)
        process.start()
        # Only the worker holds its end now, so that its death is the end of the file here.
        there.close()
        self._workers[here], self._hands[here] = process, None

    def wait_for_first(self) -> None:
        """Wait for a worker that is ready; the ValueError of one that cannot be is raised here."""
        while not self._idle:
            if self.next_event() is None:
                raise ValueError(self.last_error)

    def submit(self, job: Job, again: bool) -> bool:
        """See `Pool`."""
        if not self._idle:
            return False
        pipe = self._idle.pop()
        self._hands[pipe] = job
        with suppress(OSError):  # it died idle: told by the next event
            pipe.send((job, again))
        return True

    def next_event(self) -> tuple[Job | None, Outcome | None] | None:
        """See `Pool`."""
        if not self._hands:
            return None
        pipe: Any = wait(list(self._hands))[0]
        job = self._hands.pop(pipe)
        try:
            answer = pipe.recv()
        except (EOFError, OSError):
            self._replace(pipe, job)
            return job, None
        if isinstance(answer, str):
            self.last_error = answer
            return None, None
        self._lost_loading = 0
        self._idle.append(pipe)
        return job, answer

    def _replace(self, pipe: Connection, job: Job | None) -> None:
        """A worker has died: another takes its place, unless the last ones all died while they loaded."""
        process = self._workers.pop(pipe)
        process.join()
        code = process.exitcode or 0
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        self.last_error = f"a worker process was lost ({how})"
        self._lost_loading += job is None
        if self._lost_loading < ATTEMPTS:
            self._start_worker()

    def close(self) -> None:
        """See `Pool`."""
        for pipe, process in self._workers.items():
            pipe.close()
            if pipe not in self._idle:
                process.terminate()
        for process in self._workers.values():
            process.join(_PATIENCE)
            process.kill()


def _serve(pipe: Connection, plan: Plan, overwrite: bool, threads: int) -> None:
    """What a worker does: say that it is ready, None, or why not; then one photo after another, until nobody sends
    more."""
    # Ctrl-C reaches all processes of a terminal: the first one decides, and tells the others by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout = sys.stderr  # which carries the result only, in the first process
    try:
        _answer(pipe, plan, overwrite, threads)
    except (KeyboardInterrupt, EOFError, OSError):  # told to end; or the first process is gone
        os._exit(0)


def _answer(pipe: Connection, plan: Plan, overwrite: bool, threads: int) -> None:
    import torch

    from privacy_faces.photos.detection.dlib_models import load_ahead

    torch.set_num_threads(threads)
    load_ahead()
    try:
        do: Any = work(plan, overwrite)
    except (ValueError, OSError) as error:
        pipe.send(str(error))
        return
    pipe.send(None)
    while True:
        pipe.send(do(*pipe.recv()))
