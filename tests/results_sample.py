"""Results to make reports of: one with everything that results.json can hold, and one with as little as it must.

Made up, from a fixed seed.
"""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from privacy_faces.evaluation.results import Results
from privacy_faces.judge.receipt import Role

ASSETS = Path(__file__).parents[1] / "assets"
FAR = [0.001, 0.01, 0.1]
NO_LPIPS = "the weights lpips-alex are missing; get them: privacy-faces weights pull lpips-alex"
NO_INCEPTION = "the weights inception-fid are missing; get them: privacy-faces weights pull inception-fid"
OPERATIONS = [
    "jpeg-95",
    "jpeg-75",
    "jpeg-50",
    "half-size",
    "gaussian-blur",
    "median-blur",
    "crop",
    "brightness",
    "screenshot",
    "social-network",
    "messenger",
]
ATTACKERS = {
    "blur-and-sharpen": "smooths the face and sharpens it again, to wash out fine noise",
    "diffusion-purification": "noises the face and denoises it with the shipped diffusion model",
    "crop-ensemble": "averages the embeddings of ten crops",
    "protected-gallery": "looks the photo up among photos protected in the same way",
    "linear-probe": "trains a linear classifier on the people's other photos, protected in the same way",
}
WHITE_BOX = ["dlib-resnet"]
# Method, surrogates, share dodged against a surrogate or dlib-resnet and against facenet, PSNR, SSIM, seconds.
METHODS: list[tuple[str, list[str], float, float, float | None, float, float]] = [
    ("blur", [], 0.45, 0.30, 26.4, 0.842, 0.011),
    ("fill", [], 1.0, 1.0, 17.9, 0.741, 0.009),
    ("inpaint-gradcam", WHITE_BOX, 1.0, 0.97, 20.8, 0.802, 3.41),
    ("inpaint-random", WHITE_BOX, 0.98, 0.88, 21.2, 0.811, 3.12),
    ("inpaint-saliency", WHITE_BOX, 1.0, 0.92, 21.0, 0.806, 3.38),
    ("makeup", WHITE_BOX, 0.87, 0.22, 24.9, 0.913, 41.7),
    ("noise-fgsm", WHITE_BOX, 0.62, 0.03, 30.1, 0.861, 0.16),
    ("noise-mifgsm", WHITE_BOX, 1.0, 0.12, 31.8, 0.893, 0.94),
    ("noise-pgd", WHITE_BOX, 1.0, 0.02, 33.2, 0.921, 0.93),
    ("noise-tidim", WHITE_BOX, 0.98, 0.15, 31.6, 0.89, 0.97),
    ("noise-tipim", [*WHITE_BOX, "facenet"], 1.0, 1.0, 32.0, 0.9, 1.04),
    ("pixelate", [], 0.0, 0.0, None, 1.0, 0.008),
]
HOSTILE = "<script>alert(1)</script>.jpg"


def share(value: float, n: int) -> dict[str, Any]:
    """A share of n faces with its Wilson interval."""
    hits, z = round(value * n), 1.96
    middle, half = (hits + z * z / 2) / (n + z * z), z / (n + z * z) * np.sqrt(hits * (n - hits) / n + z * z / 4)
    return {
        "value": round(hits / n, 6),
        "n": n,
        "low": round(max(0.0, middle - half), 6),
        "high": round(min(1.0, middle + half), 6),
    }


def lift(clean: dict[str, Any], protected: dict[str, Any]) -> dict[str, Any]:
    value = protected["value"] - clean["value"]
    half = (protected["high"] - protected["low"]) / 2
    return {
        "value": round(value, 6),
        "n": protected["n"],
        "low": round(max(-1, value - half), 6),
        "high": round(min(1, value + half), 6),
    }


def number(value: float, n: int, spread: float = 0.05) -> dict[str, Any]:
    return {"value": value, "n": n, "low": round(value * (1 - spread), 6), "high": round(value * (1 + spread), 6)}


def missing(why: str) -> dict[str, Any]:
    return {"value": None, "n": 0, "missing": why}


def success(
    measure: str, recognizer: str, role: Role, far: float | None, clean: float, protected: float, n: int, **more: Any
) -> dict[str, Any]:
    before, after = share(clean, n), share(protected, n)
    return {
        "measure": measure,
        "recognizer": recognizer,
        "role": role,
        "far": far,
        "clean": before,
        "protected": after,
        "lift": lift(before, after),
        **more,
    }


@cache
def full() -> Results:
    """Twelve methods, a surrogate and a held-out recognizer, subgroups, flags, failures, pictures, a service."""
    return Results.model_validate(
        {
            "kind": "benchmark",
            "created": "2026-11-24T20:00:00+00:00",
            "version": "0.1.0",
            "versions": {"python": "3.11.9", "torch": "2.15.0", "numpy": "2.4.0", "pillow": "12.0.0"},
            "command": (
                "privacy-faces benchmark --data portraits --limit 60 --recognizers dlib-resnet,facenet --held-out "
                "facenet"
            ),
            "seed": 0,
            "data": {
                "name": "portraits",
                "photos": 60,
                "people": 41,
                "people_with_other_photos": 19,
                "sha256": "9f2c" * 16,
                "groups": ["age"],
                "gallery": "the 60 unprotected photos of 41 people; a probe's own photo does not count",
                "unusable": [{"photo": "p17/2.jpg", "reason": "no face found (detector mtcnn)"}],
            },
            "far": FAR,
            "recognizers": [
                {
                    "name": name,
                    "weights": [{"id": name, "sha256": digest * 16}],
                    "thresholds": [
                        {"far": far, "threshold": value, "source": "calibrated"}
                        for far, value in zip(FAR, values, strict=True)
                    ],
                    "calibrated_on": "915 portraits of members of the United States Congress, public domain",
                }
                for name, digest, values in (
                    ("dlib-resnet", "5553", (0.926861, 0.909405, 0.881186)),
                    ("facenet", "ab01", (0.523401, 0.401112, 0.271234)),
                )
            ],
            "methods": [method(*row) for row in METHODS],
            "notes": [
                "People with one photo only do not count in measures that need another photo.",
                "FID of 60 faces is biased upwards.",
            ],
        }
    )


def method(
    name: str, surrogates: list[str], white: float, black: float, psnr: float | None, ssim: float, seconds: float
) -> dict[str, Any]:
    random = np.random.default_rng(len(name))
    n = 57 if name == "makeup" else 60
    roles: dict[str, tuple[Role, float]] = {
        "dlib-resnet": ("surrogate" if "dlib-resnet" in surrogates else "held-out", white),
        "facenet": ("surrogate" if "facenet" in surrogates else "held-out", black),
    }
    rows: list[dict[str, Any]] = []
    for recognizer, (role, value) in roles.items():
        for step, far in enumerate(FAR):
            rate = value * (1, 0.9, 0.6)[step]
            rows.append(success("dodging", recognizer, role, far, 0.02 if value else 0.05, rate, n))
            rows.append(
                success(
                    "dodging-other-photo",
                    recognizer,
                    role,
                    far,
                    (0.24, 0.11, 0.03)[step],
                    min(1, rate + 0.1) if value else 0.24,
                    38,
                )
            )
            rows.append(success("dodging-protected", recognizer, role, far, 0.24, rate * 0.8, 38))
            if name == "makeup":
                rows.append(
                    success(
                        "impersonation",
                        recognizer,
                        role,
                        far,
                        0.0,
                        (0.7, 0.85, 0.95)[step] if role == "surrogate" else 0.1,
                        n,
                    )
                )
                rows.append(
                    success(
                        "dodging-and-impersonation", recognizer, role, far, 0.0, 0.6 if role == "surrogate" else 0.05, n
                    )
                )
        for measure in ("rank-1", "rank-5"):
            rows.append(success(measure, recognizer, role, None, 0.0, value * 0.5, n))
        if name == "makeup":
            rows.append(success("targeted-rank-1", recognizer, role, None, 0.0, 0.3, n))
        for age, count in (("under 40", 22), ("40 and over", n - 22)):
            rows.append(
                success("dodging", recognizer, role, FAR[0], 0.02, value, count, group={"column": "age", "value": age})
            )
    return {
        "name": name,
        "label": name,
        "options": {
            "frame_size": 256,
            "seeds": (1, 2),
            "reference": Path("faces/031.png"),
            "inpainter": {"name": "face-prior"},
        }
        if surrogates
        else {"frame_size": 256},
        "surrogates": surrogates,
        "held_out": "facenet" if surrogates == WHITE_BOX else None,
        "target": "faces/031.png" if name == "makeup" else None,
        "evidence": "surrogate-only" if len(surrogates) == 2 else "held-out",
        "photos": n,
        "failures": [{"photo": f"p{place}/0.jpg", "reason": "no lips found"} for place in range(60 - n)],
        "flags": [
            *(
                ["UNCHANGED: 60 of 60 photos came back with the very same pixels: nothing was protected in them."]
                if psnr is None
                else []
            ),
            *(["FAILED: 3 of 60 photos have no result, and count nowhere below."] if n < 60 else []),
        ],
        "success": rows,
        "quality": {
            "psnr": missing("no frame differs from its original") if psnr is None else number(psnr, n, 0.02),
            "ssim": number(ssim, n, 0.01),
            "lpips": missing(NO_LPIPS),
            "fid": missing(NO_INCEPTION),
            "kid": missing(NO_INCEPTION),
            "detected": share(0.0 if name == "fill" else 1.0, n),
            "landmark_shift": missing("no such faces") if name == "fill" else number(0.012, n),
            "color_shift": number(0.0, n),
            "detectability": number(0.91, n, 0.04),
        },
        "utility": {
            "pose_shift": missing("no such faces") if name == "fill" else number(2.1, n),
            "gaze_shift": missing("no such faces") if name == "fill" else number(0.04, n),
            "mouth_kept": missing("no such faces") if name == "fill" else share(0.9, n),
            "eyes_kept": missing("no such faces") if name == "fill" else share(0.95, n),
            "sex_kept": share(0.9, n),
            "age_kept": share(0.8, n),
            "glasses_kept": share(1.0, n),
            "tone_shift": number(3.2, n),
            "coarse_similarity": number(0.93, n),
        },
        "cost": {"seconds": number(seconds, n), "peak_memory": {"value": 812.4 if seconds < 1 else 1934.0, "n": n}},
        "robustness": [
            {
                "operation": operation,
                "recognizer": recognizer,
                "role": role,
                "far": FAR[0],
                "clean": share(0.02 + 0.004 * place, n),
                "dodging": share(value * (1 - 0.07 * place * random.random()), n),
                "impersonation": share(0.4, n) if name == "makeup" else None,
                "detected": share(0.98, n),
            }
            for recognizer, (role, value) in roles.items()
            for place, operation in enumerate(OPERATIONS)
        ],
        "attacks": [
            {
                "attacker": attacker,
                "summary": summary,
                "recognizer": recognizer,
                "role": role,
                "far": FAR[0] if place < 3 else None,
                "clean": share(0.02 * (place + 1), n if place < 3 else 38),
                "protected": share(value * (1 - 0.15 * place), n if place < 3 else 38),
            }
            for recognizer, (role, value) in roles.items()
            for place, (attacker, summary) in enumerate(ATTACKERS.items())
            if (name, attacker) != ("blur", "linear-probe")
        ],
        "histograms": [
            {
                "recognizer": recognizer,
                "role": role,
                "edges": [0.1 * edge for edge in range(11)],
                "strangers": [9, 80, 200, 300, 160, 60, 11, 0, 0, 0],
                "clean": [0, 0, 0, 0, 0, 0, 0, 0, 2, n - 2],
                "protected": [0, 0, 1, 3, n - 14, 5, 2, 2, 1, 0],
            }
            for recognizer, (role, _) in roles.items()
        ],
        "roc": [
            curve(recognizer, role, pairs, value)
            for recognizer, (role, value) in roles.items()
            for pairs in ("same-photo", "other-photo")
        ],
        "services": [
            {
                "service": "faceplusplus",
                "far": 1e-5,
                "threshold": 73.9,
                "clean": number(96.2, n, 0.01),
                "protected": number(61.0, n),
                "dodging": share(0.8, n),
            }
        ]
        if name in {"makeup", "inpaint-gradcam"}
        else [],
        "examples": examples(name, roles),
    }


def curve(recognizer: str, role: Role, pairs: str, dodged: float) -> dict[str, Any]:
    far = np.logspace(np.log10(1 / 820), 0, 40)
    clean = np.ones(40) if pairs == "same-photo" else far**0.05
    strictest, loosest = (0.93, 0.83) if recognizer == "dlib-resnet" else (0.51, -0.1)
    ease = 0.02 + 1.6 * dodged
    return {
        "recognizer": recognizer,
        "role": role,
        "pairs": pairs,
        "far": [round(float(item), 6) for item in far],
        "threshold": [round(float(item), 6) for item in np.linspace(strictest, loosest, 40)],
        "clean": [round(float(item), 6) for item in clean],
        "protected": [round(float(item), 6) for item in clean * far ** (ease / 3)],
    }


def examples(name: str, roles: dict[str, tuple[Role, float]]) -> list[dict[str, Any]]:
    shown = []
    for place in range(4):
        before, mask, after = pictures(name if name in {"blur", "fill", "pixelate"} else "other", place)
        margin = round(0.06 - 0.05 * place - 0.1 * roles["facenet"][1], 4)
        photo = HOSTILE if (name, place) == ("blur", 0) else f"p{place:02}/0.jpg"
        similarity = {"dlib-resnet": round(0.926861 + margin, 4), "facenet": round(0.4 + margin, 4)}
        shown.append(
            {
                "photo": photo,
                "similarity": similarity,
                "margin": margin,
                "psnr": None if name == "pixelate" else 22.5,
                "before": before,
                "mask": mask,
                "after": after,
            }
        )
    return shown


@cache
def pictures(how: str, place: int) -> tuple[str, str, str]:
    """A shipped synthetic face, the pixels that differ, and the face after something happened to it."""
    before = Image.open(ASSETS / "faces" / f"{place:03}.png").convert("RGB").resize((192, 192))
    oval = Image.new("L", before.size)
    ImageDraw.Draw(oval).ellipse((48, 40, 144, 160), fill=255)
    changed = {
        "blur": before.filter(ImageFilter.GaussianBlur(8)),
        "fill": Image.new("RGB", before.size, (196, 158, 138)),
        "pixelate": before,
        "other": before.resize((24, 24)).resize(before.size, Image.Resampling.BICUBIC),
    }[how]
    after = Image.composite(changed, before, oval)
    mask = ImageChops.difference(before, after).convert("L").point(lambda level: 255 if level else 0)
    return data_uri(before), data_uri(mask), data_uri(after)


def data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=70)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def minimal() -> Results:
    """One method, one recognizer, nothing optional."""
    return Results.model_validate(
        {
            "kind": "evaluate",
            "created": "2026-11-24T20:00:00+00:00",
            "version": "0.1.0",
            "versions": {},
            "command": "privacy-faces evaluate before after",
            "data": {
                "name": "before",
                "photos": 4,
                "people": 4,
                "people_with_other_photos": 0,
                "sha256": "00" * 32,
                "gallery": "the 4 photos",
            },
            "far": [0.001],
            "recognizers": [
                {
                    "name": "dlib-resnet",
                    "thresholds": [{"far": 0.001, "threshold": 0.926861, "source": "calibrated"}],
                    "calibrated_on": "portraits",
                }
            ],
            "methods": [
                {
                    "name": "after",
                    "label": "after",
                    "evidence": "surrogate-only",
                    "surrogates": ["dlib-resnet"],
                    "photos": 4,
                    "success": [success("dodging", "dlib-resnet", "surrogate", 0.001, 0.25, 0.0, 4)],
                    "quality": dict.fromkeys(
                        ("psnr", "ssim", "lpips", "fid", "kid", "detected", "landmark_shift", "color_shift"),
                        missing("no photo could be compared"),
                    ),
                }
            ],
        }
    )
