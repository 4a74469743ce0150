"""privacy-faces: change the faces in a photo so that recognition no longer finds the person, and say how well that
worked.

The public API. Importing it is light: torch is loaded by the first call that needs it.

    >>> from privacy_faces import anonymize
    >>> result = anonymize("me.jpg", method="inpaint-gradcam")
    >>> result.image, result.receipt
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privacy_faces.config.version import __version__

if TYPE_CHECKING:
    from privacy_faces.pipeline.anonymize import Result, anonymize

__all__ = ["Result", "__version__", "anonymize", "methods"]


def methods() -> list[str]:
    """Names of the installed methods, sorted; imports none of them."""
    from privacy_faces.config.registry import METHODS

    return sorted(METHODS.entries())


def __getattr__(name: str) -> Any:
    if name in ("anonymize", "Result"):
        from privacy_faces.pipeline import anonymize

        return getattr(anonymize, name)
    raise AttributeError(f"module 'privacy_faces' has no attribute {name!r}; it has {', '.join(__all__)}.")
