"""One contract for every method, recognizer and inpainter of the core."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distribution
from typing import ClassVar

import pytest
from safetensors.torch import save_file

from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method, Protection
from privacy_faces.methods.options import MethodOptions
from privacy_faces.testing import InpainterContract, MethodContract, RecognizerContract
from privacy_faces.weights import store
from tests.golden_files import filled_state
from tests.recognizers.test_mobileface_v2 import filled_network, published_file


def built_in(group: str) -> list[str]:
    """What the core itself registers."""
    return sorted(point.name for point in distribution("privacy-faces").entry_points if point.group == group)


@pytest.fixture(scope="module")
def contract_context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A context in which every recognizer can be built: weights that cannot be shipped are filled from their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVACY_FACES_CACHE", str(tmp_path_factory.mktemp("cache")))
        for weight_id, golden in {
            "facenet-vggface2": "facenet",
            "ir152": "ir152",
            "irse50": "irse50",
            "mobileface": "mobileface",
        }.items():
            file = tmp_path_factory.mktemp("weights") / "published.safetensors"
            save_file(filled_state(golden), file)
            store.add(weight_id, file)
            file.unlink()
        store.add("mobileface-v2", published_file(filled_network(), tmp_path_factory.mktemp("weights")))
        yield Context("cpu", above_threshold=above_threshold(load_thresholds(), 0.001))


class TestMethods(MethodContract):
    names = built_in("privacy_faces.methods")
    # One face is drawn instead of three; random masks are filled without a generator.
    quick: ClassVar = {
        "inpaint-gradcam": {"strength": "natural"},
        "inpaint-random": {"inpainter": "classical"},
        "inpaint-saliency": {"strength": "natural"},
    }


class TestRecognizers(RecognizerContract):
    names = built_in("privacy_faces.recognizers")


class TestInpainters(InpainterContract):
    # stable-diffusion has tests of its own, with a tiny pipeline.
    names = sorted(set(built_in("privacy_faces.inpainters")) - {"stable-diffusion"})


def test_method_that_changes_nothing_is_refused(contract_batch: FrameBatch, context: Context) -> None:
    class Idle(Method):
        def protect(self, batch: FrameBatch) -> Protection:
            return Protection(batch.frames, batch.regions["face"], "replace")

    with pytest.raises(ValueError, match="Idle left face 1 unchanged"):
        Idle(MethodOptions(), context)(contract_batch)
