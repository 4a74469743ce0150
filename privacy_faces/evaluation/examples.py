"""Faces to look at, before and after: the ones that are recognized most easily come first."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from privacy_faces.evaluation.results import Example
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.judge.verdicts import similarity

Frame = NDArray[np.uint8]

_SHOWN = 6
_SIDE = 224
_QUALITY = 82
# Gray levels by which a pixel must differ to count as changed: fewer may come from writing the file.
_CHANGED = 3


def worst_examples(result: Result) -> list[Example]:
    """The faces with the largest similarity to their own photo before, measured from the main threshold, over all
    recognizers."""
    setting, seen = result.setting, result.seen
    found = {name: similarity(result.versions(name)[1], result.original[name]) for name in result.roles}
    if not len(seen.rows):
        return []
    margin = np.max([setting.threshold(name, setting.far[0]).margin(values) for name, values in found.items()], axis=0)
    return [
        Example(
            photo=setting.probes[seen.rows[face]].label,
            similarity={name: round(float(values[face]), 4) for name, values in found.items()},
            margin=round(float(margin[face]), 4),
            psnr=None if not np.isfinite(seen.quality["psnr"][face]) else round(float(seen.quality["psnr"][face]), 2),
            before=_data_uri(setting.clean.frames[seen.rows[face]]),
            mask=_data_uri(_difference(setting.clean.frames[seen.rows[face]], seen.frames[face])),
            after=_data_uri(seen.frames[face]),
        )
        for face in np.argsort(-margin, kind="stable")[:_SHOWN]
    ]


def _difference(before: Frame, after: Frame) -> Frame:
    """White where two frames (S, S, 3) differ."""
    changed = np.abs(before.astype(int) - after).max(2, keepdims=True) >= _CHANGED
    return np.repeat((changed * 255).astype(np.uint8), 3, axis=2)


def _data_uri(frame: Frame) -> str:
    image = Image.fromarray(frame).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
