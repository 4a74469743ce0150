"""Which engine does the photos of a run."""

from __future__ import annotations

from functools import partial

from privacy_faces.pipeline.inputs import InputError
from privacy_faces.pipeline.sharing import Engine, launched, local, ray


def chosen_engine(name: str, workers: int | None, overwrite: bool) -> Engine:
    """The engine of a run: all processes of a launcher where one started this process.

    Args:
        name: "local" or "ray".
        workers, overwrite: see `sharing.ray.run`.

    Raises:
        InputError: for what does not go together.
    """
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
    return partial(ray.run, workers=workers, overwrite=overwrite)
