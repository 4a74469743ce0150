"""Seconds and peak memory of one fine-tuning iteration with DiffAM's network (random weights: the work is the same): a
plain float32 loop, and ours.

    python plugins/makeup/benchmarks/iteration.py --side 256

Every variant runs in a process of its own, so that its peak memory is its own. "plain" keeps all activations of all
generation steps, trains all weights, and computes the features of photo and reference anew in each iteration;
"activation_checkpointing" computes them once and keeps few activations (`--activation-checkpointing`); "bf16" also runs
the network in bfloat16 (`--precision bf16`), "adapter" also trains a low-rank adapter, of all but the finest level,
instead of all weights (`--rank 8 --frozen-levels 1`). The loss of the first iteration is the same, since an adapter
starts at zero; in bfloat16 within a thousandth. CPU seconds are those of all threads: they tell the work where the
machine is shared. THP_MEM_ALLOC_ENABLE=1 in the environment lets torch take its memory in large pages, where Linux has
them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

VARIANTS = ("plain", "activation_checkpointing", "bf16", "adapter")
# What the loss in bfloat16 may differ by, as a share.
TOLERANCE = 1e-3


def prepared(variant: str, side: int, steps: int) -> tuple[Any, ...]:
    """The objective, the denoiser, latents, the photo's frame and landmarks, and the options."""
    import torch
    from diffusers import UNet2DModel
    from privacy_faces_makeup.diffusion import adapter
    from privacy_faces_makeup.diffusion.ddpm_layouts import CELEBA_HQ
    from privacy_faces_makeup.diffusion.denoiser import PlainDenoiser
    from privacy_faces_makeup.diffusion.latents import Latents
    from privacy_faces_makeup.face.style import read_style
    from privacy_faces_makeup.finetune.adversarial import AdversarialObjective
    from privacy_faces_makeup.finetune.memory import give_back_at_once, round_frozen
    from privacy_faces_makeup.loading import load_clip
    from privacy_faces_makeup.losses.perceptual import make_perceptual
    from privacy_faces_makeup.objective import Objective
    from privacy_faces_makeup.options import AdversarialOptions
    from privacy_faces_makeup.pull import pull_of

    from privacy_faces.plugin import (
        Context,
        Ensemble,
        above_threshold,
        frame_tensors,
        load_thresholds,
        make_finder,
        read_photo,
        read_target,
    )
    from privacy_faces.plugin import resource as packaged

    torch.manual_seed(0)
    cpu = torch.device("cpu")
    context = Context("cpu", above_threshold=above_threshold(load_thresholds(), 0.001))
    options = AdversarialOptions(generation_steps=steps, diversity=0.0, activation_checkpointing=variant != "plain")
    finder, ensemble = make_finder(), Ensemble([context.recognizer("dlib-resnet")])
    photo = read_photo(packaged("assets/faces/001.png"))
    frames, landmarks = frame_tensors(photo, finder.find(photo.rgb)[:1], side, cpu)
    targets = [read_target("000", finder, cpu)]
    style = read_style(options, finder, side, cpu)
    perceptual = make_perceptual("ms-ssim", cpu)[1]
    with torch.no_grad():
        objective = Objective(
            options,
            style,
            ensemble,
            load_clip("makeup-clip", cpu)[0],
            perceptual,
        )
        pull = pull_of(ensemble, options.goal, context, options.margin, options.margin)
        objective = AdversarialObjective(objective, pull, options.diversity)
    network = UNet2DModel.from_config(dict(CELEBA_HQ.config))
    denoiser = PlainDenoiser("random", network)
    denoiser.compute_in("bf16" if variant in ("bf16", "adapter") else "no")
    latents = Latents(torch.randn_like(frames), denoiser.condition(frames), frames)
    if options.activation_checkpointing:
        give_back_at_once()
    if variant == "adapter":
        adapter.attach(network, 8, adapter.adaptable(network, 1))
        round_frozen(network)
    return objective, denoiser, latents, frames, landmarks, targets, options


def measure(variant: str, side: int, steps: int, iterations: int, threads: int) -> dict[str, float]:
    """Seconds and CPU seconds per iteration after the first, peak memory in GiB, and the loss of the first
    iteration."""
    import torch
    from privacy_faces_makeup.diffusion.transfer import made_up

    torch.set_num_threads(threads)
    objective, denoiser, latents, frames, landmarks, targets, options = prepared(variant, side, steps)
    optimizer = torch.optim.Adam([parameter for parameter in denoiser.parameters() if parameter.requires_grad], lr=8e-6)
    subject = objective.objective.subject(frames, landmarks, targets)
    losses, seconds, work = [], [], []
    for _ in range(iterations):
        started, worked = time.perf_counter(), time.process_time()
        if variant == "plain":
            subject = objective.objective.subject(frames, landmarks, targets)
        edited = made_up(denoiser, latents, latents.noisy, subject, options)
        terms = objective.terms(edited, subject, [torch.Generator()])
        loss = torch.stack(list(objective.objective.weighted(terms, options.weights).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - started)
        work.append(time.process_time() - worked)
    later = max(1, iterations - 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "seconds": sum(seconds[-later:]) / later,
        "cpu_seconds": sum(work[-later:]) / later,
        "peak_gib": peak,
        "loss": losses[0],
    }


def main() -> None:
    """Run every variant and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--side", type=int, default=256, help="side of the frames in pixels; the plain loop takes about 16 GiB at 256"
    )
    parser.add_argument("--steps", type=int, default=6, help="generation steps; DiffAM takes 6")
    parser.add_argument("--iterations", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="names, separated by commas")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.variant:
        print(json.dumps(measure(given.variant, given.side, given.steps, given.iterations, given.threads)))
        return
    names = given.variants.split(",")
    if unknown := [name for name in names if name not in VARIANTS]:
        parser.error(f"expected names among {', '.join(VARIANTS)}, got {', '.join(unknown)}")
    print(f"Frames of {given.side} x {given.side} pixels, {given.steps} generation steps, {given.threads} threads.\n")
    print(
        f"| | seconds | times {names[0]} | processor seconds | GiB | times {names[0]} | first loss |\n"
        "|---|---|---|---|---|---|---|"
    )
    first = None
    for variant in names:
        flags = [f"--{name}={getattr(given, name)}" for name in ("side", "steps", "iterations", "threads")]
        done = subprocess.run(
            [sys.executable, __file__, f"--variant={variant}", *flags], check=True, stdout=subprocess.PIPE, text=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        first = first or found
        same = "" if abs(found["loss"] / first["loss"] - 1) < TOLERANCE else " (ANOTHER)"
        row = found["seconds"] / first["seconds"], found["cpu_seconds"], found["peak_gib"]
        print(
            f"| {variant} | {found['seconds']:.1f} | {row[0]:.2f} | {row[1]:.1f} | {row[2]:.2f} | "
            f"{row[2] / first['peak_gib']:.2f} | {found['loss']:.4f}{same} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
