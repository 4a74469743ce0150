"""The way of one photo: protect -> encode -> write -> judge -> receipt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import cached_property, partial
from itertools import zip_longest

import numpy as np

from privacy_faces.config.plan import Plan
from privacy_faces.config.registry import METHODS
from privacy_faces.judge.judge import Judge
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.receipt import FaceReceipt, Receipt, Seconds, Sought, WeightRecord
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import Method, Target
from privacy_faces.photos.faces import NoFaceError
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.choose import Chooser, Known, painted_over
from privacy_faces.pipeline.destination import Destination
from privacy_faces.pipeline.faces import faces_shown
from privacy_faces.pipeline.judges import settled
from privacy_faces.pipeline.protect import frame_batch, paste
from privacy_faces.recognizers.ensemble import Ensemble
from privacy_faces.weights.places import require
from privacy_faces.weights.store import records

# How often faces are changed: those that the finder finds, then those that come to light when these are changed.
_PASSES = 3


def _silent(_: str) -> None:
    """Report no stage."""


class Anonymizer:
    """Everything loaded once for a plan; then photo after photo.

    Args:
        plan: what to do; settled here if it is not yet.
        report: told the name of each stage as it starts.

    Raises:
        ValueError: (or a named subclass) when a weight, plugin or threshold is missing.
    """

    def __init__(self, plan: Plan, report: Callable[[str], None] = _silent) -> None:
        self.plan = plan = settled(plan)
        self.report = report
        report("loading")
        require(plan.weights())
        thresholds = load_thresholds(plan.run.thresholds)
        self.context = Context(
            plan.run.device,
            {choice.name: choice.options for choice in plan.run.recognizers},
            above_threshold(thresholds, plan.run.far),
            detector=plan.run.detector,
            min_face=plan.run.min_face,
        )
        self.finder = self.context.finder
        self.ensemble = Ensemble([self.context.recognizer(choice.name) for choice in plan.run.recognizers])
        self.judge = Judge(self.ensemble, self.finder, thresholds, plan.run.far, self.context.device)
        self.method: Method = METHODS.build(plan.method, plan.options, self.context)
        self.chooser = Chooser(plan, self.judge, thresholds)

    def anonymize(self, photo: Photo, destination: Destination) -> Receipt:
        """Change the faces of a photo, write it, judge what was written, and leave the receipt.

        Args:
            photo: the original.
            destination: where the result goes.

        Raises:
            NoFaceError: when no face is found and the plan does not allow that.
        """
        run, seconds = self.plan.run, dict[str, float]()
        with self._stage("detect", seconds):
            photo, known, told = self._known(photo, destination, observer := self.judge.observer())
        encode = partial(encode_photo, keep_metadata=run.keep_metadata)
        protected, mask = photo, np.zeros(photo.rgb.shape[:2], dtype=bool)
        targets: dict[int, Target | None] = {}
        for _ in range(_PASSES):
            if due := known.due():
                with self._stage("protect", seconds):
                    faces = [known.faces[index] for index in due]
                    batch = frame_batch(protected, faces, self.plan.frame_size, run.seed, self.context.device)
                    protection = self.method(batch)
                with self._stage("paste", seconds):
                    protected, pasted = paste(protected, faces, batch, protection)
                mask |= pasted
                lines = zip_longest(due, protection.warnings)
                told += [f"face {index + 1}: {line}" for index, line in lines if line]
                known.changed |= zip(due, protection.details or [{} for _ in due], strict=True)
                targets |= {face: protection.target_of(place) for place, face in enumerate(due)}
            with self._stage("write", seconds):
                written = destination.write(encode(protected))
            with self._stage("judge", seconds):
                result = read_photo(written, run.max_memory) if known.changed else photo
                for other in self.judge.missed(photo, known.faces, result, observer) if known.changed else ():
                    known.add([other.face], leave=not other.certain)
            if not known.due():
                break
        told += [
            f"face {index + 1} was to be kept, and {share:.0%} of it lies under other faces that were changed"
            for index in known.kept
            if (share := painted_over(known.faces[index], mask)) > 0
        ]
        verdicts: list[FaceReceipt] = []
        if known.hidden:
            with self._stage("judge", seconds):
                verdicts = self.judge.judge(
                    photo,
                    [known.faces[index] for index in known.hidden],
                    lambda: result,
                    # A lossless copy has the very same pixels.
                    lambda: read_photo(encode(photo), run.max_memory) if photo.lossy else photo,
                    self.method.surrogates,
                    [targets.get(index) for index in known.hidden],
                    observer,
                    [known.faces[index] for index in known.kept],
                )
        receipt = self._receipt(photo, known.receipts(verdicts), told, seconds, destination)
        return destination.finish(receipt, photo, protected, mask)

    def choosing(self, plan: Plan) -> Anonymizer:
        """The same networks, for a plan that differs in nothing but the faces that it chooses.

        Raises:
            PeopleError, FacesError: as `Chooser`.
        """
        other = copy(self)
        other.plan = settled(plan)
        other.chooser = Chooser(other.plan, self.judge, load_thresholds(plan.run.thresholds))
        return other

    def _known(self, photo: Photo, destination: Destination, observer: Observer) -> tuple[Photo, Known, list[str]]:
        photo, found, told = faces_shown(photo, self.finder.find)
        known = self.chooser.known(photo, found, destination, observer)
        if not known.faces and not self.plan.run.allow_no_face:
            raise NoFaceError(
                f"no face found (detector {self.finder.detector.name}). If there is one, try --min-face 20 or another "
                "--detector; --allow-no-face copies such photos."
            )
        return photo, known, told + known.told

    def _receipt(
        self,
        photo: Photo,
        verdicts: list[FaceReceipt],
        told: list[str],
        seconds: dict[str, float],
        destination: Destination,
    ) -> Receipt:
        keep = self.plan.run.keep_metadata
        copied = f"no face found; copied {'with' if keep else 'without'} metadata"
        return Receipt(
            input=destination.source,
            output=destination.place,
            method=self.plan.method,
            options=self.plan.options.model_dump(mode="json"),
            seed=self.plan.run.seed,
            profile=self.plan.profile,
            detector=self.finder.detector.name,
            metadata_kept=keep,
            surrogates=list(self.method.surrogates),
            faces=verdicts,
            sought=self._sought(photo),
            weights=self._weights,
            seconds=Seconds.model_validate(seconds),
            warnings=told + ([line for verdict in verdicts for line in verdict.warnings()] if verdicts else [copied]),
        )

    def _sought(self, photo: Photo) -> Sought:
        sizes = self.finder.sizes(photo.rgb)
        return Sought(upright=math.ceil(sizes.upright), turned=math.ceil(sizes.turned))

    @cached_property
    def _weights(self) -> list[WeightRecord]:
        """Every weight in use, each once."""
        used = [record for weight_id in self.finder.weights for record in records(weight_id)]
        used += [record for recognizer in self.context.loaded() for record in recognizer.weight_records]
        used += self.method.weight_records()
        return [WeightRecord.model_validate(record) for record in {record["id"]: record for record in used}.values()]

    @contextmanager
    def _stage(self, name: str, seconds: dict[str, float]) -> Iterator[None]:
        """Tell the user which stage runs, and time it."""
        self.report(name)
        started = time.perf_counter()
        yield
        seconds[name] = round(seconds.get(name, 0) + time.perf_counter() - started, 3)
