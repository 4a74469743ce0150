"""Face++ Compare API, version 3: two image files in a multipart form; the answer holds a confidence in 0..100 and
thresholds at three false accept rates."""

from __future__ import annotations

from typing import Any

from privacy_faces.plugin import Comparison, MalformedAnswerError, ServiceError, Verifier, check_permission
from privacy_faces_services.http import Line, key_from_environment
from privacy_faces_services.options import FacePlusPlusOptions

KEYS = ("FACEPP_API_KEY", "FACEPP_API_SECRET")


class FacePlusPlus(Verifier):
    """The service; keys come from FACEPP_API_KEY and FACEPP_API_SECRET."""

    name = "faceplusplus"

    def __init__(self, options: FacePlusPlusOptions, context: object = None) -> None:
        self.endpoint, self.side = options.endpoint, options.side
        check_permission(self.name, self.endpoint, options.allow_upload)
        self._line = Line(
            self.name, options, lambda answer: answer.get("error_message") == "CONCURRENCY_LIMIT_EXCEEDED"
        )
        self._keys = key_from_environment(self.name, KEYS)

    def compare(self, first: bytes, second: bytes) -> Comparison:
        """One call."""
        files = {
            f"image_file{number}": (f"{number}.jpg", image, "image/jpeg") for number, image in ((1, first), (2, second))
        }
        status, answer = self._line.post(dict(zip(("api_key", "api_secret"), self._keys, strict=True)), files)
        if "error_message" in answer:
            raise ServiceError(f"{self.name}: {answer['error_message']} (HTTP {status}).")
        return parse(answer)


def parse(answer: dict[str, Any]) -> Comparison:
    """An answer as documented: without a face in one image, "confidence" and "thresholds" are absent and that image's
    list of faces is empty.

    Raises:
        MalformedAnswerError: for anything else.
    """
    try:
        if not answer["faces1"] or not answer["faces2"]:
            return Comparison(None, {})
        return Comparison(
            float(answer["confidence"]), {float(rate): float(value) for rate, value in answer["thresholds"].items()}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswerError(
            f"faceplusplus: expected faces1, faces2, confidence and thresholds, found {sorted(answer)} ({error})."
        ) from None
