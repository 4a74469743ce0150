"""The makeup method from end to end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kornia.color import rgb_to_lab
from PIL import Image
from privacy_faces_makeup.diffusion.adapter import About, AdapterError, attach, save
from privacy_faces_makeup.face.look import LIPSTICK_COLORS, Look, Paint
from privacy_faces_makeup.face.references import UnknownReferenceError
from privacy_faces_makeup.face.regions import REGIONS, canvas_of
from privacy_faces_makeup.face.rendering import render
from privacy_faces_makeup.loading import load_denoiser
from privacy_faces_makeup.method import Makeup
from privacy_faces_makeup.options import MakeupOptions

from privacy_faces import anonymize
from privacy_faces.config.files import resource
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.testing import batch_of

pytestmark = pytest.mark.slow(reason="optimizes the photo's latents step by step")

SIZE = 128

REFERENCES = Path(__file__).parents[1] / "privacy_faces_makeup" / "assets" / "references"


@pytest.fixture(scope="module")
def context() -> Context:
    return Context("cpu", above_threshold=above_threshold(load_thresholds(), 0.001))


@pytest.fixture(scope="module")
def face(sample: np.ndarray, finder: FaceFinder) -> FrameBatch:
    return batch_of([sample], [finder.find(sample)[0]], SIZE, [7])


def wearing(face: FrameBatch, context: Context, **options: Any) -> torch.Tensor:
    return Makeup(MakeupOptions(**{"adapter": "none", **options}), context)(face).frames


def lip_hue(frames: torch.Tensor, landmarks: torch.Tensor) -> float:
    """The hue of the lips' mean color in CIELAB, in degrees."""
    lips = canvas_of(landmarks, frames.shape[-1]).regions[:, REGIONS.index("lips")]
    lab = rgb_to_lab(frames).permute(0, 2, 3, 1)[lips].mean(0)
    return math.degrees(math.atan2(float(lab[2]), float(lab[1])))


def apart(first: float, second: float) -> float:
    return abs((first - second + 180) % 360 - 180)


def reference_hue(finder: FaceFinder, makeup: Path, clean: Path) -> float:
    face = [finder.find(read_photo(clean).rgb)[0]]
    batch = batch_of([read_photo(makeup).rgb], face, SIZE, [0])
    return lip_hue(batch.frames, batch.landmarks)


def similarity(face: FrameBatch, frames: torch.Tensor, context: Context) -> float:
    recognizer = context.recognizer("dlib-resnet")
    with torch.no_grad():
        return float(
            recognizer.similarity(
                recognizer.embed(face.frames, face.landmarks), recognizer.embed(frames, face.landmarks)
            )
        )


class TestSamplePhoto:
    @pytest.fixture(scope="class")
    @staticmethod
    def result(sample: np.ndarray) -> Any:
        return anonymize(sample, method="makeup", ref="XMY-060", goal="both", frame_size=256)

    def test_dlib_no_longer_matches_and_the_receipt_says_how(self, result: Any) -> None:
        (face,) = result.receipt.faces
        assert face.protected
        assert face.detected_after
        assert face.recognizers["dlib-resnet"].role == "surrogate"
        assert face.details["reference"] == "XMY-060"
        assert face.details["source"] == "shipped"
        assert face.details["perceptual"] == "ms-ssim"
        assert face.target.name == "synthetic face 000"
        target = face.target.recognizers["dlib-resnet"]
        assert target.similarity > target.similarity_before + 0.02
        assert {"face-diffusion-128", "face-prior"} <= {weight.id for weight in result.receipt.weights}

    def test_lips_are_purple_and_eyes_teeth_and_skin_are_not(
        self, result: Any, sample: np.ndarray, finder: FaceFinder
    ) -> None:
        found = finder.find(sample)[0]
        before, after = (batch_of([photo], [found], 256, [0]) for photo in (sample, np.asarray(result.image)))
        folder = REFERENCES
        goal = reference_hue(finder, folder / "XMY-060_m.png", folder / "XMY-060_nm.png")
        assert (
            apart(lip_hue(after.frames, after.landmarks), goal)
            < 15
            < apart(lip_hue(before.frames, before.landmarks), goal)
        )
        # On eyeballs, teeth and cheeks light may change, but no purple lies there: b* does not fall as it does on lips.
        blue = [rgb_to_lab(batch.frames)[:, 2:] for batch in (before, after)]
        canvas = canvas_of(before.landmarks, 256)
        lips = canvas.regions[:, :1]
        elsewhere = [before.regions["face"] & (canvas.allowed == 0), before.regions["skin"]]
        fallen = [float((blue[0] - blue[1])[where].mean()) for where in (lips, *elsewhere)]
        assert fallen[0] > 10
        assert max(fallen[1:]) < 0.25 * fallen[0]

    def test_pixels_outside_the_face_are_untouched(self, result: Any, sample: np.ndarray) -> None:
        changed = np.any(np.asarray(result.image) != sample, axis=2)
        assert 0.005 < changed.mean() < 0.2
        x0, y0, x1, y1 = (int(value) for value in result.receipt.faces[0].box)
        height, width = y1 - y0, x1 - x0
        inside = np.zeros_like(changed)
        inside[max(0, y0 - height // 2) : y1 + height // 2, max(0, x0 - width // 2) : x1 + width // 2] = True
        assert not changed[~inside].any()


class TestReferences:
    def test_the_color_of_a_new_reference_is_transferred(
        self, face: FrameBatch, context: Context, finder: FaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(LIPSTICK_COLORS, "teal", (24, 124, 128))
        clean = resource("assets/faces/009.png")
        photo = read_photo(clean).rgb
        bare = batch_of([photo], [finder.find(photo)[0]], 256, [0])
        made_up = render(
            bare.frames, bare.landmarks, [Look(lipstick=Paint("teal", 0.9), eyeshadow=Paint("green", 0.8))], [0]
        )[0]
        file = tmp_path / "teal.png"
        Image.fromarray((made_up.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)).save(file)
        goal = lip_hue(made_up[None], bare.landmarks)
        frames = wearing(face, context, ref=str(file))
        assert apart(lip_hue(face.frames, face.landmarks), goal) > 60
        assert apart(lip_hue(frames, face.landmarks), goal) < 15

    def test_unknown_names_are_refused(self, context: Context) -> None:
        with pytest.raises(
            UnknownReferenceError,
            match=r"Unknown reference 'XMY-999': not found among the shipped ones, XMY-060.*An image file with a face",
        ):
            Makeup(MakeupOptions(ref="XMY-999"), context)
        with pytest.raises(
            ValueError, match=r"Expected a synthetic face \(000 to 023\) or an image file as the target, got '024'"
        ):
            Makeup(MakeupOptions(target="024"), context)

    def test_a_users_own_folder_comes_first(self, context: Context, tmp_path: Path) -> None:
        for part in ("m", "nm", "mask"):
            source = REFERENCES / f"classic-red_{part}.png"
            (tmp_path / f"XMY-060_{part}.png").write_bytes(source.read_bytes())
        method = Makeup(MakeupOptions(references=tmp_path), context)
        assert method.source == str(tmp_path)
        assert method.adapter_id == "none", "the shipped adapter paints another look"


class TestTerms:
    """Each term, left out, takes with it what it is for."""

    @pytest.fixture(scope="class")
    @staticmethod
    def complete(face: FrameBatch, context: Context) -> torch.Tensor:
        return wearing(face, context)

    @pytest.fixture(scope="class")
    @staticmethod
    def purple(finder: FaceFinder) -> float:
        folder = REFERENCES
        return reference_hue(finder, folder / "XMY-060_m.png", folder / "XMY-060_nm.png")

    def test_without_the_shift_the_person_is_matched_again(
        self, face: FrameBatch, context: Context, complete: torch.Tensor
    ) -> None:
        plain = wearing(face, context, shift_steps=0)
        threshold = -float(context.above_threshold("dlib-resnet", torch.zeros(1)))
        assert similarity(face, complete, context) < threshold < similarity(face, plain, context)

    def test_without_the_color_term_the_lips_keep_their_color(
        self, face: FrameBatch, context: Context, complete: torch.Tensor, purple: float
    ) -> None:
        plain = wearing(face, context, histogram=0)
        assert apart(lip_hue(complete, face.landmarks), purple) < 15
        assert apart(lip_hue(plain, face.landmarks), purple) > 30

    def test_without_the_direction_term_clip_sees_less_of_the_makeup(self, face: FrameBatch, context: Context) -> None:
        method = Makeup(MakeupOptions(adapter="none"), context)
        subject = method.objective.subject(face.frames, face.landmarks, [context.target("000")])
        seen = [
            float(method.objective.terms(frames, subject)["direction"])
            # Without the shift under the paint, which this term does not steer, and which CLIP sees more of.
            for frames in (wearing(face, context, shift_steps=0), wearing(face, context, shift_steps=0, direction=0))
        ]
        assert seen[0] < seen[1]

    def test_a_term_of_weight_zero_is_not_computed(self, face: FrameBatch, context: Context) -> None:
        method = Makeup(MakeupOptions(adapter="none", direction=0, similarity=0), context)
        subject = method.objective.subject(face.frames, face.landmarks, [context.target("000")])
        assert set(method.objective.terms(face.frames, subject)) == {"histogram", "l1"}


class TestGoals:
    def test_dodging_alone_has_no_target(self, face: FrameBatch, context: Context) -> None:
        assert Makeup(MakeupOptions(adapter="none", steps=0, shift_steps=2), context)(face).target is None

    def test_impersonation_alone_resembles_the_target(self, face: FrameBatch, context: Context) -> None:
        result = Makeup(MakeupOptions(adapter="none", goal="impersonate", target="004"), context)(face)
        target = result.target_of(0)
        assert target is not None
        assert target.name == "synthetic face 004"
        recognizer = context.recognizer("dlib-resnet")
        with torch.no_grad():
            goal = recognizer.embed(target.frame[None], target.landmarks[None])
            before, after = (
                float(recognizer.similarity(goal, recognizer.embed(frames, face.landmarks)))
                for frames in (face.frames, result.frames)
            )
        assert after > float(-context.above_threshold("dlib-resnet", torch.zeros(1))) > before


class TestAdapters:
    def test_an_adapter_of_another_model_is_refused(self, context: Context, tmp_path: Path) -> None:
        denoiser, _ = load_denoiser("face-diffusion-128", torch.device("cpu"))
        attach(denoiser.unet, 1)
        save(denoiser.unet, About("ddpm-celeba-hq", "XMY-060", 1), tmp_path / "other.safetensors")
        with pytest.raises(
            AdapterError, match=r"other.safetensors changes ddpm-celeba-hq, and --model is face-diffusion-128"
        ):
            Makeup(MakeupOptions(adapter=str(tmp_path / "other.safetensors")), context)


def test_surrogates_are_those_that_pulled(context: Context) -> None:
    def named(**options: Any) -> tuple[str, ...]:
        return Makeup(MakeupOptions(**options), context).surrogates

    assert named(adapter="none") == ("dlib-resnet",)
    assert named(adapter="none", steps=0) == ("dlib-resnet",), "the face shifts, whoever paints it"
    assert named(adapter="none", shift_steps=0) == ()
    assert named(shift_steps=0) == (), "the shipped adapter was trained against nobody"
