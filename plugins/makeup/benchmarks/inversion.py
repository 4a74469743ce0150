"""Seconds and peak memory of inverting one photo and generating it again with DiffAM's network (random weights: the
work is the same): 20 steps of inverse DDIM and 6 of DDIM, in float32 and in bfloat16 (`--precision bf16`).

    python plugins/makeup/benchmarks/inversion.py [--side 256]

Each runs in a process of its own, in turn. What bfloat16 changes is printed as the mean absolute difference of the
generated photo, in levels of 256; processors without bfloat16 units gain nothing by it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal, get_args

import numpy as np

Precision = Literal["no", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def measure(precision: Precision, side: int, threads: int) -> dict[str, float | np.ndarray]:
    """Seconds, peak memory in GiB, and the photo (3, S, S) that comes back."""
    import torch
    from diffusers import UNet2DModel
    from privacy_faces_makeup.diffusion.ddpm_layouts import CELEBA_HQ
    from privacy_faces_makeup.diffusion.denoiser import PlainDenoiser
    from privacy_faces_makeup.diffusion.latents import latents_of
    from privacy_faces_makeup.options import MakeupOptions

    from privacy_faces.plugin import frame_tensors, make_finder, read_photo
    from privacy_faces.plugin import resource as packaged

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    photo = read_photo(packaged("assets/faces/001.png"))
    frames, _ = frame_tensors(photo, make_finder().find(photo.rgb)[:1], side, torch.device("cpu"))
    denoiser = PlainDenoiser("random", UNet2DModel.from_config(dict(CELEBA_HQ.config)).eval())
    denoiser.compute_in(precision)
    steps = MakeupOptions().t_0, 20, 6
    started = time.perf_counter()
    latents = latents_of(denoiser, frames, *steps)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak": peak, "photo": latents.plain[0].numpy()}


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=256, help="side of the frame in pixels")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=PRECISIONS, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.precision:
        np.savez(asked.answer, **measure(asked.precision, asked.side, asked.threads))
        return
    found: dict[str, list[dict[str, np.ndarray]]] = {precision: [] for precision in PRECISIONS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            for precision, answers in found.items():
                answer = Path(folder) / "answer.npz"
                flags = [f"--side={asked.side}", f"--threads={asked.threads}", f"--precision={precision}"]
                subprocess.run([sys.executable, __file__, *flags, "--answer", str(answer)], check=True)
                with np.load(answer) as file:
                    answers.append(dict(file))
    plain = found["no"]
    print(f"One photo of {asked.side} x {asked.side} pixels, {asked.rounds} rounds, medians.\n")
    print("| --precision | seconds | times no | GiB | mean difference, of 255 |\n|---|---|---|---|---|")
    for precision, answers in found.items():
        seconds = statistics.median(float(answer["seconds"]) for answer in answers)
        times = statistics.median(
            float(ours["seconds"] / theirs["seconds"]) for ours, theirs in zip(answers, plain, strict=True)
        )
        peak = statistics.median(float(answer["peak"]) for answer in answers)
        apart = 255 * np.abs(answers[0]["photo"] - plain[0]["photo"]).mean()
        print(f"| {precision} | {seconds:.1f} | {times:.2f} | {peak:.2f} | {apart:.2f} |")


if __name__ == "__main__":
    main()
