"""What many tests share: the sample photo, its faces, and the portraits where they are at hand."""

from __future__ import annotations

import os

# Threads that spin while they wait make small networks many times slower where another process wants the same core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The other core is another worker's.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch
from privacy_faces.photos.detection.finder import FaceFinder, make_finder
from privacy_faces.photos.faces import Face

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with portraits and golden outputs, kept outside the project because the portraits show real people."""
    if not _SHARED.is_dir():
        pytest.skip("needs ../shared/data: photos of real people are not part of the project")
    return _SHARED


@pytest.fixture(scope="session")
def portraits(shared_data: Path) -> list[Path]:
    """The first photo of every person, in order of name."""
    return sorted((shared_data / "portraits").glob("*/0.jpg"))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Where the other core is busy, two threads spend most of their time waiting for each other: small networks take
    many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def context() -> Context:
    return Context("cpu")


@pytest.fixture(scope="session")
def finder() -> FaceFinder:
    return make_finder()


@pytest.fixture(scope="session")
def sample() -> np.ndarray:
    """The sample photo (512, 512, 3), uint8."""
    return astronaut()


@pytest.fixture(scope="session")
def sample_face(sample: np.ndarray, finder: FaceFinder) -> Face:
    (face,) = finder.find(sample)
    return face


def batch_of(rgbs: list[np.ndarray], faces: list[Face], size: int, seeds: list[int]) -> FrameBatch:
    """A batch of frames, one face of each photo."""
    from privacy_faces.photos.regions import region_masks

    frames = torch.stack(
        [torch.from_numpy(face.frame(rgb, size)).permute(2, 0, 1) for rgb, face in zip(rgbs, faces, strict=True)]
    )
    places = [face.frame_landmarks(size) for face in faces]
    masks = [region_masks(place, size) for place in places]
    regions = {name: torch.from_numpy(np.stack([mask[name] for mask in masks]))[:, None] for name in masks[0]}
    return FrameBatch(frames, torch.from_numpy(np.stack(places)).float(), regions, seeds)
