"""Does the written photo still match the person? Measured on the file that was written, read back, its faces found
again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privacy_faces.judge.quality import quality
from privacy_faces.judge.thresholds import ThresholdFile, threshold_for
from privacy_faces.methods.contract import Target
from privacy_faces.photos.batch import COMPARED_FRAME, frame_tensors
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face, same_face
from privacy_faces.photos.photo import Photo
from privacy_faces.recognizers.ensemble import Ensemble


@dataclass(frozen=True)
class FaceVerdict:
    """What the judge measured on one face; `receipt` is its part of the receipt."""

    receipt: dict[str, Any]

    @property
    def protected(self) -> bool:
        """True only when no recogniser still matches."""
        return bool(self.receipt["protected"])

    def warnings(self) -> list[str]:
        """What a user must be told about this face."""
        lines = []
        for name, result in self.receipt["recognizers"].items():
            if result["matched"]:
                margin = result["similarity"] - result["threshold"]
                lines.append(
                    f"NOT PROTECTED: {name} still matches: similarity {result['similarity']:.3f}, threshold "
                    f"{result['threshold']:.3f} "
                    f"at FAR {result['far']:g} (margin {margin:.3f})"
                )
        if self.protected and self.receipt["evidence"] == "surrogate-only":
            lines.append(
                "every recognizer that judged also helped to make the change: protection against other recognizers "
                "was not measured"
            )
        return lines


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
    ) -> list[FaceVerdict]:
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
        return [
            FaceVerdict(
                {
                    "index": index,
                    "box": [round(float(value), 1) for value in face.box],
                    "detection_score": round(face.score, 4),
                    "detected_after": found[index] is not None,
                    **self._matches({name: (baseline[name][index], after[name][index]) for name in after}, helped),
                    "target": {
                        "name": target.name,
                        "recognizers": {name: rows[index] for name, rows in resembled.items()},
                    }
                    if target
                    else None,
                    "quality": quality(frames[index], changed[index]),
                }
            )
            for index, face in enumerate(faces)
        ]

    def _matches(self, scores: dict[str, tuple[float, float]], helped: set[str]) -> dict[str, Any]:
        """What each recogniser says of (similarity before, similarity after), and what follows from all of them."""
        rows = {}
        for name, (clean, similarity) in scores.items():
            threshold = self.thresholds[name]
            rows[name] = {
                "similarity_before": round(clean, 4),
                "similarity": round(similarity, 4),
                "threshold": threshold.value,
                "far": threshold.far,
                "threshold_source": threshold.source,
                "matched": threshold.matched(similarity),
                "role": "surrogate" if name in helped else "held-out",
            }
        return {
            "recognizers": rows,
            "protected": not any(row["matched"] for row in rows.values()),
            "evidence": "held-out" if any(row["role"] == "held-out" for row in rows.values()) else "surrogate-only",
        }

    def _resembled(
        self, target: Target | None, before: dict[str, Tensor], after: dict[str, Tensor]
    ) -> dict[str, list[dict[str, Any]]]:
        """Name -> how like the target each face was and is, and whether it matches it now."""
        if target is None:
            return {}
        embeddings = self.ensemble.embed(target.frame[None].to(self.device), target.landmarks[None].to(self.device))
        aim = {name: embedding.expand_as(before[name]) for name, embedding in embeddings.items()}
        clean, similarity = self._scores(aim, before), self._scores(aim, after)
        return {
            name: [
                {
                    "similarity_before": round(was, 4),
                    "similarity": round(now, 4),
                    "threshold": threshold.value,
                    "matched": threshold.matched(now),
                }
                for was, now in zip(clean[name], similarity[name], strict=True)
            ]
            for name, threshold in self.thresholds.items()
        }

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
