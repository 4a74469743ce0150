"""How near the networks come to what the machine's matrix products reach, in float32.

    uv run python benchmarks/networks.py [--batch 16] [--rounds 9]

The machine's rate is that of products of 2048 x 2048 matrices. A network's is its floating-point operations (two for
each multiplication with an addition; torch counts those of convolutions and products) by the seconds that they took.
Products of matrices and networks run in turn, and medians are printed. Random weights would take as long; where those
that ship are not here, the row is missing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from privacy_faces.config.registry import RECOGNIZERS
from privacy_faces.methods.context import Context
from privacy_faces.models.mobile_stylegan_files import load as load_generator
from privacy_faces.weights.store import is_present

_SIDE = 2048

Work = Callable[[], object]


def ready() -> list[str]:
    """The recognizers whose weights are here."""
    specs = {name: RECOGNIZERS.spec(name) for name in RECOGNIZERS.entries()}
    return [name for name, card in specs.items() if is_present(card.weights[0])]


def works(batch: int) -> dict[str, tuple[Work, int]]:
    """Name -> what runs, and for how many faces."""
    context = Context("cpu")
    found: dict[str, tuple[Work, int]] = {}
    for name in ready():
        recognizer = context.recognizer(name)
        for count in (1, batch):
            chips = torch.rand(count, 3, recognizer.template.size, recognizer.template.size)
            found[f"{name}, {count} at a time"] = (lambda chips=chips, net=recognizer: net.features(chips), count)
    if is_present("mobile-stylegan"):
        generator = load_generator(torch.device("cpu"))
        w = generator.mapping(torch.randn(1, 512), 0.7)
        for size in (256, 1024):
            found[f"face-gan, {size} pixels"] = (lambda size=size: generator.synthesize(w, size), 1)

        def steered() -> None:
            moved = w.detach().clone().requires_grad_()
            with torch.enable_grad():
                generator.synthesize(moved, 256).mean().backward()

        found["face-gan, 256 pixels, with gradient"] = (steered, 1)
    return found


def timed(work: Work) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    left, right = torch.rand(2, _SIDE, _SIDE)
    with torch.no_grad():
        table = works(asked.batch)
        operations: dict[str, int] = {}
        for name, (work, _) in table.items():
            with FlopCounterMode(display=False) as counter:
                work()
            operations[name] = counter.get_total_flops()
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in table}
        for _ in range(asked.rounds):
            for name, (work, _) in table.items():
                product = 2 * _SIDE**3 / timed(lambda: left @ right)
                seconds = timed(work)
                rates[name].append((seconds, operations[name] / seconds / product))
    print(f"{asked.rounds} rounds, medians.\n")
    print("| network | milliseconds a face | GFLOP a face | share of the matrix rate |\n|---|---|---|---|")
    for name, runs in rates.items():
        faces = table[name][1]
        seconds, share = (statistics.median(column) for column in zip(*runs, strict=True))
        work = operations[name] / faces / 1e9
        print(f"| {name} | {1e3 * seconds / faces:.1f} | {work:.2f} | {share:.0%} |")


if __name__ == "__main__":
    main()
