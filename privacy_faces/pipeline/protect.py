"""The way one photo travels: faces found, frames cut, protected, pasted back, written, read back and judged."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.config.plan import Plan
from privacy_faces.config.registry import METHODS
from privacy_faces.judge.judge import Judge
from privacy_faces.judge.receipt import FaceReceipt, Receipt, Seconds, WeightRecord
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method, Protection, Target
from privacy_faces.photos.batch import frame_tensors
from privacy_faces.photos.faces import Face, NoFaceError
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.paste import paste_frame
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.regions import region_masks
from privacy_faces.recognizers.ensemble import Ensemble
from privacy_faces.weights.places import require
from privacy_faces.weights.store import records


@dataclass
class Journey:
    """One photo on its way, with the seconds that each stage took."""

    photo: Photo
    faces: list[Face] = field(default_factory=list)
    protected: Photo | None = None
    mask: NDArray[np.bool_] | None = None
    target: Target | None = None
    details: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, report: Callable[[str], None]) -> Iterator[None]:
        """Tell the user which stage runs, and time it."""
        report(name)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def _silent(_: str) -> None:
    """Report no stage."""


class Anonymizer:
    """Everything loaded once for a plan; then photo after photo.

    Args:
        plan: what to do.
        report: told the name of each stage as it starts.

    Raises:
        ValueError: (or a named subclass) when a weight, plugin or threshold is missing.
    """

    def __init__(self, plan: Plan, report: Callable[[str], None] = _silent) -> None:
        self.plan = plan
        self.report = report
        report("loading")
        require(plan.weights())
        thresholds = load_thresholds(plan.run.thresholds)
        options = {choice.name: choice.options for choice in plan.run.recognizers}
        self.context = Context(
            plan.run.device,
            options,
            above_threshold(thresholds, plan.run.far),
            detector=plan.run.detector,
            min_face=plan.run.min_face,
        )
        self.finder = self.context.finder
        self.ensemble = Ensemble([self.context.recognizer(choice.name) for choice in plan.run.recognizers])
        self.judge = Judge(self.ensemble, self.finder, thresholds, plan.run.far, self.context.device)
        self.method: Method = METHODS.build(plan.method, plan.options, self.context)

    @cached_property
    def weights(self) -> list[dict[str, str]]:
        """[{"id", "sha256"}, ...] of every weight in use."""
        used = [record for weight_id in self.finder.weights for record in records(weight_id)]
        used += [record for recognizer in self.context.loaded() for record in recognizer.weight_records]
        used += self.method.weight_records()
        return list({record["id"]: record for record in used}.values())

    def anonymize(self, photo: Photo, write: Callable[[bytes], bytes]) -> tuple[Journey, bytes, list[FaceReceipt]]:
        """Protect, write and judge a photo.

        Args:
            photo: the original.
            write: puts the encoded photo where it belongs, and returns the bytes that are there now.

        Raises:
            NoFaceError: when no face is found and the plan does not allow that.
        """
        journey = self.protect(photo)
        keep = self.plan.run.keep_metadata
        with journey.stage("write", self.report):
            written = write(encode_photo(journey.protected or photo, keep_metadata=keep))
        if not journey.faces:
            return journey, written, []
        with journey.stage("judge", self.report):
            verdicts = self.judge.judge(
                photo,
                journey.faces,
                lambda: read_photo(written),
                # A lossless copy has the very same pixels.
                lambda: read_photo(encode_photo(photo, keep_metadata=keep)) if photo.lossy else photo,
                self.method.surrogates,
                journey.target,
            )
        return journey, written, verdicts

    def protect(self, photo: Photo) -> Journey:
        """Find the faces, run the method on their frames in one batch, paste the result back."""
        journey = Journey(photo)
        with journey.stage("detect", self.report):
            journey.faces = self.finder.find(photo.rgb)
        if not journey.faces:
            if self.plan.run.allow_no_face:
                return journey
            raise NoFaceError(
                f"no face found (detector {self.finder.detector.name}). If there is one, try --min-face 20 or another "
                "--detector; "
                "--allow-no-face copies such photos."
            )
        with journey.stage("protect", self.report):
            batch = self.batch(photo, journey.faces)
            protection = self.method(batch)
        with journey.stage("paste", self.report):
            journey.protected, journey.mask = paste(photo, journey.faces, batch, protection)
        journey.target = protection.target
        journey.details = [dict(item) for item in protection.details] or [{} for _ in journey.faces]
        return journey

    def batch(self, photo: Photo, faces: list[Face]) -> FrameBatch:
        """What the method sees of these faces.

        A face's seed comes from the run's seed, the photo's pixels and the face's number.
        """
        size = int(getattr(self.plan.options, "frame_size", 256))
        frames, landmarks = frame_tensors(photo, faces, size, self.context.device)
        masks = [region_masks(places.double().cpu().numpy(), size) for places in landmarks]
        regions = {
            name: torch.from_numpy(np.stack([mask[name] for mask in masks]))[:, None].to(frames.device)
            for name in masks[0]
        }
        pixels = hashlib.sha256(photo.rgb.tobytes()).hexdigest()
        seeds = [
            int.from_bytes(hashlib.sha256(f"{self.plan.run.seed}:{pixels}:{index}".encode()).digest()[:7], "little")
            for index in range(len(faces))
        ]
        return FrameBatch(frames, landmarks, regions, seeds)

    def receipt(self, journey: Journey, verdicts: list[FaceReceipt], source: str, output: str | None) -> Receipt:
        """The receipt of a photo."""
        details = journey.details or [{}] * len(verdicts)
        keep = self.plan.run.keep_metadata
        copied = f"no face found; copied {'with' if keep else 'without'} metadata"
        return Receipt(
            input=source,
            output=output,
            method=self.plan.method,
            options=self.plan.options.model_dump(mode="json"),
            seed=self.plan.run.seed,
            profile=self.plan.profile,
            detector=self.finder.detector.name,
            metadata_kept=keep,
            surrogates=list(self.method.surrogates),
            faces=[
                verdict.model_copy(update={"details": detail})
                for verdict, detail in zip(verdicts, details, strict=True)
            ],
            weights=[WeightRecord.model_validate(record) for record in self.weights],
            seconds=Seconds.model_validate(journey.seconds),
            warnings=[line for verdict in verdicts for line in verdict.warnings()] if verdicts else [copied],
        )


def paste(
    photo: Photo, faces: list[Face], batch: FrameBatch, protection: Protection
) -> tuple[Photo, NDArray[np.bool_]]:
    """The photo with every protected frame in its place, and the mask (H, W) of the pixels that may have changed.

    Small faces go first: where two overlap, the larger one is most likely in front.
    """
    rgb = photo.rgb.copy()
    changed = np.zeros(rgb.shape[:2], dtype=bool)
    size = batch.frames.shape[-1]
    original, protected = (frames.permute(0, 2, 3, 1).cpu().numpy() for frames in (batch.frames, protection.frames))
    masks = protection.mask[:, 0].cpu().numpy()
    for index in reversed(range(len(faces))):
        paste_frame(
            rgb,
            changed,
            faces[index].affine(size),
            original[index],
            protected[index],
            masks[index],
            protection.paste,
            protection.feather,
        )
    return photo.with_rgb(rgb), changed
