"""The processes that `accelerate launch` (or torchrun) started: the first leads, the others do what it sends them.

Only the leader reads the arguments, looks what is left to do, writes run.json and prints. It sends every process its
share, by index: photo i goes to process i modulo their number, and no two ever have the same one. Were the others to
look for themselves, they would see what the faster ones have just finished, and count differently.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from accelerate import PartialState

    from privacy_faces.config.plan import Plan
    from privacy_faces.pipeline.attempt import Outcome
    from privacy_faces.pipeline.job import Job

# One process may be done hours before another: none may take the wait for a failure.
_PATIENCE = timedelta(days=30)


def processes() -> int:
    """How many processes the launcher started; told by its environment, since accelerate takes a second to import."""
    launched = {"RANK", "LOCAL_RANK", "WORLD_SIZE"} <= os.environ.keys()
    return int(os.environ["WORLD_SIZE"]) if launched else 1


def leads() -> bool:
    """Whether this is the first process, or the only one."""
    return processes() == 1 or os.environ["RANK"] == "0"


def state(device: str) -> PartialState:
    """accelerate's view of the processes, joined by the first call; makes this process's own GPU its current CUDA
    device.

    Args:
        device: "auto", "cpu" or "cuda", the same in every process.
    """
    import torch
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    cpu = device == "cpu" or parse_flag_from_env("ACCELERATE_USE_CPU")
    if processes() == 1:
        return PartialState(cpu=cpu)
    # Without cpu=True, accelerate takes the processes of a machine that has no GPU for so many runs of one process.
    return PartialState(cpu=cpu or not torch.cuda.is_available(), timeout=_PATIENCE)


def run(jobs: Sequence[Job], plan: Plan, report: Callable[[str], None]) -> Iterator[Outcome]:
    """Do `jobs` in all processes; for the leader. Its own outcomes come as they are known, those of the others at the
    end.

    Raises:
        ValueError: when a process cannot load what the plan needs.
    """
    _sent((plan, list(jobs)))
    return _share(jobs, plan, report)


def follow() -> NoReturn:
    """Do what the leader sends, in silence, until it sends the exit status of the run; end with that."""
    while not isinstance(order := _sent(None), int):
        plan, jobs = order
        try:
            for _ in _share(jobs, plan, lambda stage: None):
                pass
        except ValueError:  # the leader raises it too
            continue
    _leave(order)


def dismiss(status: int) -> NoReturn:
    """End all processes with this exit status; for the leader, when all is said: the launcher ends all processes as
    soon as one has ended with an error."""
    _sent(status)
    _leave(status)


def _leave(status: int) -> NoReturn:
    """Close the process group, and end without taking the interpreter down.

    A thread of a library that comes back from C++ while Python ends is unwound by force, which C++ answers with
    std::terminate ("terminate called without an active exception", SIGABRT): a run whose photos are all done would end
    as a failure. CPython does this up to 3.13.
    """
    state("auto").destroy_process_group()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _share(jobs: Sequence[Job], plan: Plan, report: Callable[[str], None]) -> Iterator[Outcome]:
    from accelerate.utils import gather_object

    from privacy_faces.pipeline.sharing import local

    us = state(plan.run.device)
    problem = None
    outcomes: Iterator[Outcome] = iter(())
    try:
        outcomes = local.run(jobs[us.process_index :: us.num_processes], plan, report)
    except ValueError as error:
        problem = str(error)
    # Nobody starts before all have loaded. A problem that all have is told once.
    problems = {text: index for index, text in reversed(list(enumerate(gather_object([problem])))) if text}
    if problems:
        raise ValueError(
            "\n".join(text if index == 0 else f"process {index}: {text}" for text, index in problems.items())
        )
    return _gathered(outcomes)


def _gathered(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    from accelerate.utils import gather_object

    mine = []
    for outcome in outcomes:
        mine.append(outcome)
        yield outcome
    # Not read from the receipts on the disk: a photo that failed has none.
    everyone = gather_object(mine)
    if leads():
        yield from everyone[len(mine) :]


def _sent(order: Any) -> Any:
    """What the leader gives, in every process."""
    from accelerate.utils import broadcast_object_list

    # Orders are sent before a plan is known, so each process takes the device that is there.
    state("auto")
    parcel = [order]
    broadcast_object_list(parcel)
    return parcel[0]
