"""The method makeup keeps the contract of methods."""

from __future__ import annotations

from privacy_faces.testing import MethodContract


class TestMakeup(MethodContract):
    names = ("makeup",)
    quick = {"makeup": {"steps": 2, "adapter": "none"}}  # noqa: RUF012 (a constant)
