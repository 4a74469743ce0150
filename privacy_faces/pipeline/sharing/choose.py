"""Which engine does the photos of a run."""

from __future__ import annotations

from functools import partial

from privacy_faces.pipeline.inputs import InputError
from privacy_faces.pipeline.sharing import Engine, launched, processes, ray


def chosen_engine(name: str, workers: int | None, overwrite: bool) -> Engine:
    """The engine of a run: all processes of a launcher where one started this process.

    Args:
        name: "local" or "ray".
        workers, overwrite: see `sharing.processes.run` and `sharing.ray.run`.

    Raises:
        InputError: for what does not go together.
    """
    if launched.processes() > 1:
        if name != "local" or workers:
            what = "--engine ray starts its" if name != "local" else "--workers starts"
            raise InputError(f"{what} own workers: run it without accelerate launch.")
        return launched.run
    return partial(ray.run if name == "ray" else processes.run, workers=workers, overwrite=overwrite)
