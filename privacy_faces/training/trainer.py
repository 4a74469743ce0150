"""The loop that trains a network: accelerate for devices and precision, an exponential moving average of the weights,
checkpoints that resume exactly.

All randomness of a step comes from a generator made from (seed, step, process), so that a run that was interrupted
draws what it would have drawn.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from privacy_faces.pipeline.sharing import launched

# Share of the steps over which the learning rate falls to zero at the end, and the longest gradient that a step takes
# as it is.
_DECAY = 0.3
_CLIP = 1.0


@dataclass(frozen=True)
class Turn:
    """One process's share of one step.

    Attributes:
        step: 0 for the first step of the run.
        process, processes: which of how many processes this is.
        generator: CPU generator of this step and process.
        device: where the network is.
    """

    step: int
    process: int
    processes: int
    generator: torch.Generator
    device: torch.device


class TrainingError(ValueError):
    """A checkpoint that does not fit the run."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        steps: optimizer steps in all, those of earlier sessions included.
        learning_rate: learning rate of AdamW after the warm-up.
        warmup: steps over which it rises.
        ema: largest decay of the moving average.
        seed: of everything random.
        save_every: steps between checkpoints.
        precision: "bf16" computes in bfloat16 where that is safe, "no" in float32.
        tracker: name of an accelerate tracker (tensorboard, wandb, ...), or None.
        purpose: what is trained; a checkpoint made for another purpose is refused.
    """

    steps: int
    learning_rate: float = 3e-4
    warmup: int = 100
    ema: float = 0.999
    seed: int = 0
    save_every: int = 500
    precision: Literal["no", "bf16"] = "no"
    tracker: str | None = None
    purpose: str = ""

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step: a linear rise, a plateau, a linear fall.

        A recipe with another course overrides it.
        """
        falling = (self.steps - step) / max(1, _DECAY * self.steps)
        return self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup), falling)


def train(
    model: nn.Module,
    loss: Callable[[nn.Module, Turn], dict[str, Tensor]],
    recipe: Recipe,
    folder: Path,
    on_checkpoint: Callable[[int], None],
    progress: Callable[[range], Any] = iter,
) -> nn.Module:
    """Train `model` in place, from the checkpoint in `folder` when there is one.

    Args:
        model: the network; its frozen parameters stay as they are, the others end with their averaged values.
        loss: named loss terms of a fresh batch; their sum is minimized. It must call the network as a whole, so that
            many processes can share the work.
        recipe: how to train.
        folder: holds `checkpoint.safetensors`.
        on_checkpoint: called with the number of steps done after each checkpoint, while `model` holds the averaged
            weights.
        progress: wraps the steps left, to show how far the training is; may have `set_postfix`, which is told the loss.

    Raises:
        TrainingError: when the checkpoint is of another network or recipe.
    """
    launched.state("auto")  # before accelerate looks for itself
    accelerator = Accelerator(mixed_precision=recipe.precision, log_with=recipe.tracker, project_dir=folder)
    if recipe.tracker:
        accelerator.init_trackers("privacy-faces")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    average = EMAModel(trained, decay=recipe.ema, use_ema_warmup=True)
    optimizer = torch.optim.AdamW(trained, lr=recipe.learning_rate, weight_decay=0.0, fused=True)
    checkpoint = folder / "checkpoint.safetensors"
    started = _resume(checkpoint, model, average, optimizer, recipe.purpose) if checkpoint.is_file() else 0
    average.to(accelerator.device)
    prepared, optimizer = accelerator.prepare(model, optimizer)
    steps = progress(range(started, recipe.steps))
    shown: dict[str, float] = {}
    model.train()
    for step in steps:
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        generator = torch.Generator().manual_seed(_step_seed(recipe.seed, step, accelerator.process_index))
        with accelerator.autocast():
            turn = Turn(step, accelerator.process_index, accelerator.num_processes, generator, accelerator.device)
            terms = loss(prepared, turn)
        accelerator.backward(torch.stack(list(terms.values())).sum())
        accelerator.clip_grad_norm_(trained, _CLIP)
        optimizer.step()
        optimizer.zero_grad()
        average.step(trained)
        values = {name: value.item() for name, value in terms.items()}
        accelerator.log(values, step=step)
        if hasattr(steps, "set_postfix"):
            # One batch's loss jumps about; what is shown changes slowly.
            shown = {name: 0.98 * shown.get(name, value) + 0.02 * value for name, value in values.items()}
            steps.set_postfix({name: f"{value:.4f}" for name, value in shown.items()}, refresh=False)
        done = step + 1
        if (done % recipe.save_every == 0 or done == recipe.steps) and accelerator.is_main_process:
            _save(checkpoint, model, average, optimizer, done, recipe.purpose)
            average.store(trained)
            average.copy_to(trained)
            model.eval()
            on_checkpoint(done)
            model.train()
            average.restore(trained)
    average.copy_to(trained)
    accelerator.end_training()
    return model.eval()


def _step_seed(seed: int, step: int, process: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{step}:{process}".encode()).digest()[:7], "little")


def _save(path: Path, model: nn.Module, average: EMAModel, optimizer: Any, step: int, purpose: str) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{index}": value for index, value in enumerate(average.shadow_params)}
    tensors |= {
        f"optimizer.{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and moved: an interrupted run leaves the checkpoint before it whole.
    partial = path.with_suffix(".partial")
    run = json.dumps({"step": step, "purpose": purpose})
    save_file(
        {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()},
        partial,
        metadata={"run": run},
    )
    os.replace(partial, path)


def _resume(path: Path, model: nn.Module, average: EMAModel, optimizer: torch.optim.Optimizer, purpose: str) -> int:
    with safe_open(path, "pt") as file:
        run = json.loads(file.metadata()["run"])
        step = int(run["step"])
        if run.get("purpose", "") != purpose:
            raise TrainingError(
                f"The checkpoint {path} is of another run ({run.get('purpose', '')}), not of this one ({purpose}). "
                "Train into an empty folder."
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping, though it has keys)
    try:
        model.load_state_dict(
            {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        )
    except RuntimeError as error:
        raise TrainingError(
            f"The checkpoint {path} is of another network: {str(error).splitlines()[1].strip()} Train into an empty "
            "folder, or with the options of that run."
        ) from None
    average.shadow_params = [tensors[f"average.{index}"] for index in range(len(average.shadow_params))]
    average.optimization_step = step
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".")
            states.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    return step
