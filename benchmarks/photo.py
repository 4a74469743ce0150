"""One large photo from the key press: what its start takes, what the networks take, and what is left.

    uv run python benchmarks/photo.py [--method inpaint-gradcam] [--rounds 3]

A photo of 12 megapixels with five faces is done in a process of its own, beside one that imports torch and ends. The
start ends when everything is loaded; the networks' own passes are those of torch (forward and backward) and of dlib's
landmarks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from composites import portraits
from photos import put_photos
from spent import spent

_SIDES = (4000, 3000)


class Passes:
    """Seconds in what is wrapped; what one of them calls counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*args: Any, **options: Any) -> Any:
            self._depth += 1
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - started

        return timed


def once(method: str, photo: Path, output: Path) -> dict[str, float]:
    """Do it in this process; seconds since that started."""
    started = psutil.Process().create_time()
    from privacy_faces.config.plan import make_plan
    from privacy_faces.pipeline.inputs import collect
    from privacy_faces.pipeline.sharing import local

    plan = make_plan(method, run={"device": "cpu"})
    stages: list[str] = []
    outcomes = local.run(collect([photo], output, "tree").jobs, plan, stages.append)
    loaded = time.time()
    import torch

    from privacy_faces.photos.detection.dlib_models import DlibLandmarks

    passes = Passes()
    torch.nn.Module.__call__ = passes.of(torch.nn.Module.__call__)  # type: ignore[method-assign]
    torch.autograd.grad = passes.of(torch.autograd.grad)
    DlibLandmarks.place = passes.of(DlibLandmarks.place)  # type: ignore[method-assign]
    (outcome,) = outcomes
    ended = time.time()
    if outcome.status != "done" or outcome.receipt is None:
        raise SystemExit(f"{photo}: {outcome.reason}")
    return {
        "start": loaded - started,
        "networks": passes.seconds,
        "whole": ended - started,
        "faces": len(outcome.receipt.faces),
    }


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="inpaint-gradcam")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", nargs=2, type=Path, metavar=("PHOTO", "OUTPUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.once:
        print(json.dumps(once(asked.method, *asked.once)))
        return
    from privacy_faces.config.files import resource
    from privacy_faces.photos.detection.finder import make_finder

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = put_photos(root / "photo", portraits(resource("assets/faces"), make_finder()), 1, 5, _SIDES)
        (photo,) = folder.iterdir()
        torch, runs = [], []
        for number in range(asked.rounds):
            torch.append(spent([sys.executable, "-c", "import torch"]).wall)
            command = [sys.executable, __file__, "--method", asked.method, "--once", photo, root / f"out-{number}"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    usual = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    loading = statistics.median(run["start"] / one for run, one in zip(runs, torch, strict=True))
    rest = statistics.median(run["whole"] / (run["start"] + run["networks"]) for run in runs)
    print(f"{asked.method}, {usual['faces']:.0f} faces found, {asked.rounds} rounds, medians.\n")
    print("| | seconds | times |\n|---|---|---|")
    print(f"| import torch | {statistics.median(torch):.2f} | 1.00 |")
    print(f"| start | {usual['start']:.2f} | {loading:.2f} of `import torch` |")
    print(f"| networks | {usual['networks']:.2f} | |")
    print(f"| whole | {usual['whole']:.2f} | {rest:.2f} of start and networks |")


if __name__ == "__main__":
    main()
