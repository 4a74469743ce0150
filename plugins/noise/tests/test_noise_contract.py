"""The noise methods keep the contract of methods."""

from __future__ import annotations

from privacy_faces.testing import MethodContract


class TestNoise(MethodContract):
    names = ("noise-fgsm", "noise-pgd", "noise-mifgsm", "noise-tidim", "noise-tipim")
    quick = {name: {"steps": 6} for name in names if name != "noise-fgsm"}  # noqa: RUF012 (a constant)
