"""The attackers that an evaluation asks."""

from __future__ import annotations

from collections.abc import Sequence

from privacy_faces.evaluation.attackers.contract import Attacker, PictureAttacker, Tools
from privacy_faces.evaluation.attackers.crops import averaged, crops
from privacy_faces.evaluation.attackers.sharpening import blur_and_sharpen
from privacy_faces.judge.observations import Embeddings, Observer
from privacy_faces.judge.views import View


def _crop_ensemble(observer: Observer, views: Sequence[View], tools: Tools) -> Embeddings:
    many = observer.embed(crop for view in views for crop in crops(view))
    return {name: averaged(rows, len(views)) for name, rows in many.items()}


BLUR_AND_SHARPEN = PictureAttacker(
    "blur-and-sharpen",
    "smooths the face (Gaussian blur, 1.5 pixels of 256) and sharpens it again, to wash out fine noise",
    lambda observer, views, tools: observer.embed(map(blur_and_sharpen, views)),
)
DIFFUSION_PURIFICATION = PictureAttacker(
    "diffusion-purification",
    "noises the face to step 20 of 1000 and denoises it with the shipped diffusion model (DiffPure, Nie et al., "
    "ICML 2022)",
    lambda observer, views, tools: observer.embed(tools.purify(views)) if tools.purify else None,
)
CROP_ENSEMBLE = PictureAttacker(
    "crop-ensemble",
    "averages the embeddings of ten crops: shifted, scaled, turned and mirrored",
    _crop_ensemble,
)
#: Asked of a method whose operation is linear, such as blur.
REVERSAL = PictureAttacker(
    "reversal",
    "knows the blur or mosaic and its settings, and seeks the face that it turns into what is seen, with and without a "
    "model of faces (Revelio, Zhai et al., arXiv 2506.12344, 2025; Privacy Blur, 2025)",
    lambda observer, views, tools: observer.embed(tools.reverse(views)) if tools.reverse else None,
)
PICTURE_ATTACKERS = (BLUR_AND_SHARPEN, DIFFUSION_PURIFICATION, CROP_ENSEMBLE, REVERSAL)
PROTECTED_GALLERY = Attacker(
    "protected-gallery",
    "looks the photo up among photos protected in the same way; succeeds where the person ranks first",
)
LINEAR_PROBE = Attacker(
    "linear-probe",
    "trains a linear classifier on the people's other photos, protected in the same way; succeeds where it names the "
    "person",
)
GROWING_GALLERY = Attacker(
    "growing-gallery",
    "starts from one unprotected photo of the person and adds every photo that it recognizes by one that it has, "
    "protected ones too (DynTracker, Fan et al., arXiv 2501.06533, 2025)",
)
#: These train networks, and are asked only where that is wanted.
TRAINED_PURIFIER = Attacker(
    "trained-purifier",
    "trains a network that returns the photo before on other people's photos, before and after the protection (PuFace, "
    "Wen, arXiv 2406.02253, 2024), and compares what it makes of the photo",
)
FINE_TUNED = Attacker(
    "fine-tuned-recognizer",
    "tunes the recognizer's last layers and a classifier on the people's other photos, protected in the same way; "
    "succeeds where it names the person (Radiya-Dixit et al., ICLR 2022)",
)
#: What a report says where they were not asked.
NOT_ASKED = (
    f"Attackers who train networks on photos protected in the same way ({TRAINED_PURIFIER.name}, {FINE_TUNED.name}) "
    "were not asked: --trained-attackers asks them, which takes minutes for each method."
)
