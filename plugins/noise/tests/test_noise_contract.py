"""The noise methods keep the contract of methods."""

from __future__ import annotations

from privacy_faces.testing import MethodContract


class TestNoise(MethodContract):
    sampled = ("noise-bsr", "noise-mef", "noise-dem", "noise-bpfa")
    names = ("noise-fgsm", "noise-pgd", "noise-mifgsm", "noise-tidim", "noise-tipim", *sampled)
    quick = {name: {"steps": 6} for name in names[1:5]} | {
        name: {"steps": 2, "step_size": 4.0, "samples": 1} for name in sampled
    }
