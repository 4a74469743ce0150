"""The method makeup keeps the contract of methods."""

from __future__ import annotations

from typing import ClassVar

from privacy_faces.testing import MethodContract


class TestMakeup(MethodContract):
    names = ("makeup",)
    # Fewer steps of the diffusion model show the contract as well.
    quick: ClassVar = {
        "makeup": {"steps": 2, "adapter": "none", "inversion_steps": 4, "generation_steps": 2, "shift_steps": 3}
    }
