"""Does the written photo still match the person? Measured on the file that was written, read back, its faces found
again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from privacy_faces.judge.quality import quality
from privacy_faces.judge.receipt import (
    FaceReceipt,
    RecognizerVerdict,
    TargetSimilarity,
    TargetVerdict,
    evidence_of,
)
from privacy_faces.judge.thresholds import ThresholdFile, threshold_for
from privacy_faces.methods.targets import Target
from privacy_faces.photos.batch import COMPARED_FRAME, frame_tensors
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face, same_face
from privacy_faces.photos.photo import Photo
from privacy_faces.recognizers.ensemble import Ensemble


class Judge:
    """Compares faces before and after with every recogniser in a list.

    Args:
        ensemble: the recognisers.
        finder: finds the faces again in the written photo.
        thresholds: the threshold file.
        far: false accept rate at which a match is declared.

    Raises:
        ThresholdError: when a recogniser has no threshold at `far`.
    """

    def __init__(
        self, ensemble: Ensemble, finder: FaceFinder, thresholds: ThresholdFile, far: float, device: torch.device
    ) -> None:
        self.ensemble = ensemble
        self.finder = finder
        self.thresholds = {name: threshold_for(thresholds, name, far) for name in ensemble.names}
        self.device = device

    @torch.no_grad()
    def judge(
        self,
        photo: Photo,
        faces: Sequence[Face],
        written: Callable[[], Photo],
        copied: Callable[[], Photo],
        surrogates: Iterable[str],
        target: Target | None = None,
    ) -> list[FaceReceipt]:
        """One verdict per face.

        Args:
            photo: the original.
            faces: its faces.
            written: reads the protected photo back.
            copied: reads an unprotected copy back that was written in the same way: the clean baseline. The original
                itself where writing loses nothing.
            surrogates: names of the recognisers that helped to make the change.
            target: whom the faces are to resemble.
        """
        frames, landmarks = frame_tensors(photo, faces, COMPARED_FRAME, self.device)
        before = self.ensemble.embed(frames, landmarks)
        copy = copied()
        # Equal pixels give equal faces: no need to look for them again.
        baseline = (
            self._scores(before, before) if copy is photo else self._scores(before, self._embedded(copy, faces)[0])
        )
        result = written()
        again, found = self._embedded(result, faces)
        after = self._scores(before, again)
        resembled = self._resembled(target, before, again)
        changed, _ = frame_tensors(result, faces, COMPARED_FRAME, self.device)
        helped = set(surrogates)
        receipts = []
        for index, face in enumerate(faces):
            rows = {
                name: self._verdict(name, baseline[name][index], after[name][index], name in helped) for name in after
            }
            receipts.append(
                FaceReceipt(
                    index=index,
                    box=_box(face),
                    detection_score=round(face.score, 4),
                    detected_after=found[index] is not None,
                    found="at its place" if found[index] is not None else "nowhere",
                    recognizers=rows,
                    protected=not any(row.matched for row in rows.values()),
                    evidence=evidence_of([row.role for row in rows.values()]),
                    target=resembled[index] if resembled else None,
                    quality=quality(frames[index], changed[index]),
                )
            )
        return receipts

    def _verdict(self, name: str, before: float, after: float, helped: bool) -> RecognizerVerdict:
        threshold = self.thresholds[name]
        return RecognizerVerdict(
            similarity_before=round(before, 4),
            similarity=round(after, 4),
            threshold=threshold.value,
            far=threshold.far,
            threshold_source=threshold.source,
            matched=threshold.matched(after),
            role="surrogate" if helped else "held-out",
        )

    def _resembled(
        self, target: Target | None, before: dict[str, Tensor], after: dict[str, Tensor]
    ) -> list[TargetVerdict]:
        """How like the target each face was and is, and whether it matches it now; none without a target."""
        if target is None:
            return []
        embeddings = self.ensemble.embed(target.frame[None].to(self.device), target.landmarks[None].to(self.device))
        aim = {name: embedding.expand_as(before[name]) for name, embedding in embeddings.items()}
        clean, similarity = self._scores(aim, before), self._scores(aim, after)
        verdicts = []
        for index in range(len(next(iter(clean.values())))):
            rows = {}
            for name, threshold in self.thresholds.items():
                was, now = clean[name][index], similarity[name][index]
                rows[name] = TargetSimilarity(
                    similarity_before=round(was, 4),
                    similarity=round(now, 4),
                    threshold=threshold.value,
                    matched=threshold.matched(now),
                )
            verdicts.append(TargetVerdict(name=target.name, recognizers=rows))
        return verdicts

    def _embedded(self, photo: Photo, faces: Sequence[Face]) -> tuple[dict[str, Tensor], list[Face | None]]:
        """Name -> embeddings (N, D) of the faces in another version of the photo, and the face that the detector found
        there for each.

        Where it finds none, the recogniser gets the original's landmarks: an attacker can crop by hand.
        """
        candidates = self.finder.find(photo.rgb)
        found = [same_face(face, candidates) for face in faces]
        frames, landmarks = frame_tensors(
            photo, [again or face for again, face in zip(found, faces, strict=True)], COMPARED_FRAME, self.device
        )
        return self.ensemble.embed(frames, landmarks), found

    def _scores(self, before: dict[str, Tensor], after: dict[str, Tensor]) -> dict[str, list[float]]:
        return {name: values.tolist() for name, values in self.ensemble.similarity(before, after).items()}


def _box(face: Face) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (round(float(value), 1) for value in face.box)
    return x0, y0, x1, y1
