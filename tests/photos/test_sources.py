"""What Python hands over in place of a path."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.photos.formats.read import photo_from_array
from privacy_faces.photos.photo import PhotoError
from privacy_faces.pipeline.anonymize import _read
from privacy_faces.pipeline.inputs import collect
from tests.photo_files import RGB, pixels, saved


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "file", "tensor"])
def test_bytes_files_and_tensors_are_read(kind: str) -> None:
    data = saved(RGB, "PNG")
    source: Any = {
        "bytes": data,
        "bytearray": bytearray(data),
        "file": io.BytesIO(data),
        "tensor": torch.from_numpy(pixels("RGB")),
    }[kind]
    np.testing.assert_array_equal(_read(source, MAX_MEMORY).rgb, pixels("RGB"))


@pytest.mark.parametrize("source", [None, [[1, 2], [3, 4]], 3, io.StringIO("text"), b"", torch.zeros(3, 40, 40)])
def test_anything_else_is_the_promised_error(source: Any) -> None:
    with pytest.raises(PhotoError, match="expected"):
        _read(source, MAX_MEMORY)
    if not isinstance(source, (bytes, io.StringIO)):
        with pytest.raises(PhotoError, match="expected"):
            photo_from_array(source)


def test_pipe_in_place_of_a_photo_that_was_done_is_not_opened(tmp_path: Path) -> None:
    """The digest of the input waited for a writer."""
    os.mkfifo(tmp_path / "a.png")
    (job,) = collect([tmp_path / "a.png"], tmp_path / "out").jobs
    with pytest.raises(OSError, match="expected a photo file"):
        job.digest()
