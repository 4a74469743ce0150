"""`privacy-faces finetune recognizer`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from privacy_faces.cli.finetune import finetune_command
from privacy_faces.cli.progress import bar
from privacy_faces.training.options import RecognizerFinetuneOptions


def _run(options: Any) -> Path:
    from tqdm import tqdm

    from privacy_faces.training.recognizer import finetune_recognizer

    return finetune_recognizer(
        options, lambda items: bar(items, "photo or step"), lambda text: tqdm.write(text, file=sys.stderr)
    )


command = finetune_command(
    "recognizer",
    "Train a closed-set classifier on a frozen recognizer (PrivacyPreservingDiffusion).",
    RecognizerFinetuneOptions,
    _run,
)
