"""How far a method goes: one word that users type, and that each method turns into its own numbers."""

from __future__ import annotations

from typing import Literal

#: natural keeps most of the looks, strong hides the person best.
Strength = Literal["natural", "balanced", "strong"]
