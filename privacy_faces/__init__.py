"""privacy-faces: change the faces in a photo so that recognition no longer finds the person, and say how well that
worked.

The public API. Importing it is light: torch is loaded by the first call that needs it.

    >>> from privacy_faces import anonymize, benchmark, calibrate, evaluate, methods
    >>> result = anonymize("me.jpg", method="inpaint-gradcam")
    >>> result.image, result.receipt
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from privacy_faces.config.version import __version__

if TYPE_CHECKING:
    from privacy_faces.evaluation.verbs import benchmark, calibrate, evaluate
    from privacy_faces.pipeline.anonymize import Result, anonymize
    from privacy_faces.pipeline.find import find_faces

__all__ = ["Result", "__version__", "anonymize", "benchmark", "calibrate", "evaluate", "find_faces", "methods"]

_PLACES = dict.fromkeys(("Result", "anonymize"), "privacy_faces.pipeline.anonymize") | dict.fromkeys(
    ("benchmark", "calibrate", "evaluate"), "privacy_faces.evaluation.verbs"
)
_PLACES["find_faces"] = "privacy_faces.pipeline.find"


def methods() -> list[str]:
    """Names of the installed methods, sorted; imports none of them."""
    from privacy_faces.config.registry import METHODS

    return sorted(METHODS.entries())


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'privacy_faces' has no attribute {name!r}; it has {', '.join(__all__)}.")
