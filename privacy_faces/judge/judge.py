"""Does the written photo still match the person? Measured on the file that was written, read back, its faces found
again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Embeddings, Observation, Observer, Other, together
from privacy_faces.judge.quality import frame_quality
from privacy_faces.judge.receipt import (
    FaceReceipt,
    RecognizerVerdict,
    TargetSimilarity,
    TargetVerdict,
    evidence_of,
)
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import ThresholdFile, threshold_for
from privacy_faces.judge.verdicts import cosine, similarity
from privacy_faces.judge.views import View, view_of
from privacy_faces.methods.targets import Target
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.transparency import shown
from privacy_faces.recognizers.ensemble import Ensemble


class Judge:
    """Compares faces before and after with every recognizer in a list.

    Args:
        ensemble: the recognizers.
        finder: finds the faces again in the written photo.
        thresholds: the threshold file.
        far: false accept rate at which a match is declared.
        device: where the recognizers run.

    Attributes:
        store: what was seen; None forgets each photo once it is judged. A benchmark sets its own, so that nothing is
            looked at twice.

    Raises:
        ThresholdError: when a recognizer has no threshold at `far`.
    """

    def __init__(
        self, ensemble: Ensemble, finder: FaceFinder, thresholds: ThresholdFile, far: float, device: torch.device
    ) -> None:
        self.ensemble = ensemble
        self.finder = finder
        self.thresholds = {name: threshold_for(thresholds, name, far) for name in ensemble.names}
        self.device = device
        self.store: Store | None = None

    def observer(self) -> Observer:
        """Who looks."""
        return Observer(self.finder, self.ensemble, self.device, self.store)

    def judge(
        self,
        photo: Photo,
        faces: Sequence[Face],
        written: Callable[[], Photo],
        copied: Callable[[], Photo],
        surrogates: Iterable[str],
        targets: Sequence[Target | None] = (),
        observer: Observer | None = None,
        kept: Sequence[Face] = (),
    ) -> list[FaceReceipt]:
        """One verdict per face.

        Args:
            photo: the original.
            faces: those of its faces that were changed.
            written: reads the protected photo back.
            copied: reads an unprotected copy back that was written in the same way: the clean baseline. The original
                itself where writing loses nothing.
            surrogates: names of the recognizers that helped to make the change.
            targets: whom each of the faces is to resemble; none for nobody at all.
            observer: who looked at the photo before, see `missed`; None looks for the first time.
            kept: other faces of the photo, which are meant to stay: none of them is taken for one of `faces`.
        """
        observer = observer or self.observer()
        views = [view_of(photo.rgb, face) for face in faces]
        original = observer.embed(views)
        copy, result = copied(), written()
        # Equal pixels give equal faces: no need to look for them again.
        baseline = (
            {name: Candidates.single(rows) for name, rows in original.items()}
            if copy is photo
            else observer.embedded(observer.look(copy.rgb, [*faces, *kept])[: len(faces)])
        )
        # Whatever a viewer puts behind a photo with alpha: the best match counts.
        closely = (observer.look_closely(rgb, [*faces, *kept])[: len(faces)] for rgb in shown(result))
        observed = [together(seen) for seen in zip(*closely, strict=True)]
        after = observer.embedded(observed)
        before, now = (
            {name: similarity(side[name], rows) for name, rows in original.items()} for side in (baseline, after)
        )
        resembled = self._resembled(targets, observer, original, after)
        helped = set(surrogates)
        return [
            self._receipt(
                index,
                face,
                observed[index],
                {
                    name: self._verdict(name, float(before[name][index]), float(now[name][index]), name in helped)
                    for name in now
                },
                resembled[index] if resembled else None,
                views[index],
                view_of(result.rgb, face),
            )
            for index, face in enumerate(faces)
        ]

    def missed(self, photo: Photo, faces: Sequence[Face], result: Photo, observer: Observer) -> list[Other]:
        """The faces in a protected photo, other than the `faces` that are known, that still match what the original
        shows at their places.

        Args:
            photo: the original.
            faces: those of its faces that were changed, and those that are meant to stay.
            result: the protected photo, read back.
            observer: looks; hand it to `judge`, so that nothing is looked at twice.
        """
        found: list[Other] = []
        for original, rgb in zip(shown(photo), shown(result), strict=True):
            others = observer.others(rgb, [*faces, *(other.face for other in found)])
            before, after = (observer.embed([view_of(each, item.face) for item in others]) for each in (original, rgb))
            matched = np.zeros(len(others), dtype=bool)
            for name, rows in before.items():
                matched |= self.thresholds[name].matched(cosine(rows, after[name]))
            found += [item for item, match in zip(others, matched, strict=True) if match]
        return found

    @staticmethod
    def _receipt(
        index: int,
        face: Face,
        observed: Observation,
        rows: dict[str, RecognizerVerdict],
        target: TargetVerdict | None,
        before: View,
        after: View,
    ) -> FaceReceipt:
        return FaceReceipt(
            index=index,
            box=_box(face),
            detection_score=round(face.score, 4),
            detected_after=observed.found == "at its place",
            found=observed.found,
            recognizers=rows,
            protected=not any(row.matched for row in rows.values()),
            evidence=evidence_of([row.role for row in rows.values()]),
            target=target,
            quality=frame_quality(before.frame, after.frame),
        )

    def _verdict(self, name: str, before: float, after: float, helped: bool) -> RecognizerVerdict:
        threshold = self.thresholds[name]
        return RecognizerVerdict(
            similarity_before=round(before, 4),
            similarity=round(after, 4),
            threshold=threshold.threshold,
            far=threshold.far,
            threshold_source=threshold.source,
            matched=threshold.matched(after),
            role="surrogate" if helped else "held-out",
        )

    def _resembled(
        self,
        targets: Sequence[Target | None],
        observer: Observer,
        before: Embeddings,
        after: dict[str, Candidates],
    ) -> list[TargetVerdict | None]:
        """How like its target each face was and is, and whether it matches it now; none without targets."""
        wanted = {target.name: target for target in targets if target}
        if not wanted:
            return []
        views = [
            View(
                np.ascontiguousarray(target.frame.permute(1, 2, 0).cpu().numpy()),
                target.landmarks.double().cpu().numpy(),
            )
            for target in wanted.values()
        ]
        aims = observer.embed(views)
        # A face without a target is compared with the first, and the result left aside.
        rows = [list(wanted).index(target.name) if target else 0 for target in targets]
        clean, now = (
            {name: similarity(faces, aims[name][rows]) for name, faces in side.items()}
            for side in ({name: Candidates.single(faces) for name, faces in before.items()}, after)
        )
        return [
            TargetVerdict(
                name=target.name,
                recognizers={
                    name: TargetSimilarity(
                        similarity_before=round(float(clean[name][index]), 4),
                        similarity=round(float(now[name][index]), 4),
                        threshold=threshold.threshold,
                        matched=threshold.matched(float(now[name][index])),
                    )
                    for name, threshold in self.thresholds.items()
                },
            )
            if target
            else None
            for index, target in enumerate(targets)
        ]


def kept_face(index: int, face: Face) -> FaceReceipt:
    """What there is to say of a face that was meant to stay: nothing was changed, nothing is protected."""
    return FaceReceipt(
        index=index,
        changed=False,
        decision="kept",
        box=_box(face),
        detection_score=round(face.score, 4),
        recognizers={},
        protected=False,
        evidence="unknown",
        target=None,
    )


def _box(face: Face) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box)
    return x0, y0, x1, y1
