"""The words of the report that a reader may not know, each with what it means."""

from __future__ import annotations

from collections.abc import Mapping

TERMS: Mapping[str, str] = {
    "Held-out": "The recognizer took no part in making the change, so it stands for one that a stranger may use.",
    "Surrogate": (
        "The recognizer helped to make the change (white-box): its verdict says that the method does what it was "
        "told, not that others are fooled."
    ),
    "Unknown role": (
        "Nothing says whether the recognizer helped to make the change, as with photos of another tool: it is not "
        "called held out."
    ),
    "Surrogate-only evidence": (
        "Every recognizer that judged the method had helped to make the change: protection against other recognizers "
        "was not measured."
    ),
    "Unprotected": (
        "The same share of the unprotected photos, written in the "
        "same way: what happens without any protection."
    ),
    "Lift": (
        "The protected share less the unprotected share, in percentage points; below zero, the method makes matters "
        "worse."
    ),
    "False accept rate (FAR)": (
        "The share of pairs of different people that a threshold takes for one person, on the data that it was "
        "calibrated on."
    ),
    "Match": "A similarity strictly above the recognizer's threshold.",
    "95 % interval and n": (
        "In brackets: the range that holds the true value with 95 % confidence, and how many faces (or pairs) the "
        "number rests on."
    ),
    "PSNR": (
        "Peak signal-to-noise ratio of the face's frame, in dB: larger is closer to the original; equal frames have "
        "none."
    ),
    "SSIM": "Structural similarity of the face's frame, at most 1: larger is closer to the original.",
    "LPIPS": "Perceptual distance between the frames before and after, by a network: smaller is closer.",
    "FID and KID": "Distances between the protected and the original faces as sets: smaller is more alike.",
    "Still a face": "The share of protected faces that a face detector still finds.",
    "Landmark shift": "The mean distance that the facial landmarks move, in distances between the eyes.",
    "Pose": (
        "The mean angle by which the head turned, of a mean head laid through six landmarks; a detector's own error is "
        "some degrees."
    ),
    "Mouth and eyes kept": "The share of faces whose mouth, or whose eyes, are open or closed as before.",
    "Sex, age group and glasses kept": (
        "The share of faces that a linear map of a recognizer's embedding reads as before; inpainting chooses faces by "
        "the same map."
    ),
    "Skin tone shift": "The mean CIE 1976 difference of the skin's median colors; 1 is barely visible.",
    "Coarse picture": (
        "SSIM of the frame at a side of 32 pixels, where light, hair and pose show, and little of who it is."
    ),
    "Color shift": (
        "How far colors move where no face is: the mean CIE 1976 "
        "difference outside the face; 1 is barely visible."
    ),
    "Detectability": (
        "The chance that a classifier, trained on noise residuals of other people's frames, finds a protected frame "
        "more edited than an untouched one: 0.5 tells nothing."
    ),
    "Margin": (
        "The largest similarity less its threshold at the main false accept rate: above zero, some recognizer still "
        "matches."
    ),
}  # fmt: skip
