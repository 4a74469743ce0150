"""The contract of verification services, which plugins bring. Nothing is sent without permission.

A service compares two images and answers with a confidence on its own scale; it gives no embedding, so it is no
`Recognizer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


class VerifierError(ValueError):
    """A comparison that did not come about; the message says why and what to do."""


class UploadNotAllowedError(VerifierError):
    """Images would leave this machine, and nobody allowed that."""


class MissingKeyError(VerifierError):
    """The environment holds no key for the service."""


class UnreachableError(VerifierError):
    """The service did not answer in time, or not at all, however often it was asked."""


class BusyError(VerifierError):
    """The service asks for patience, or has a passing fault. Retried; raised only when patience ends.

    Attributes:
        wait: seconds that the service asks for; None leaves it to the caller.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class MalformedAnswerError(VerifierError):
    """An answer that is not in the documented format."""


class ServiceError(VerifierError):
    """The service refused: its own code and message."""


@dataclass(frozen=True)
class Comparison:
    """What a service says of two images.

    Attributes:
        confidence: that both show one person, on the service's scale, larger is surer; None where it finds no face in
            one of them.
        thresholds: false accept rate -> confidence above which the service speaks of one person, as it answered.
    """

    confidence: float | None
    thresholds: Mapping[float, float]


class Verifier(ABC):
    """A verification service.

    Attributes:
        name: the registered name.
        endpoint: where images are sent.
        side: longest side of the images to send, in pixels.
    """

    name: ClassVar[str]
    endpoint: str
    side: int

    @abstractmethod
    def compare(self, first: bytes, second: bytes) -> Comparison:
        """Compare two encoded images (JPEG).

        Raises:
            VerifierError: always a named subclass.
        """


def check_permission(name: str, endpoint: str, allow_upload: bool) -> None:
    """Refuse to go on unless the user allowed it.

    Raises:
        UploadNotAllowedError: naming the flag, and what would be sent where.
    """
    if not allow_upload:
        raise UploadNotAllowedError(
            f"The service {name} would receive every original photo and every protected one, at {endpoint}. Nothing "
            "was sent. Allow it with --allow-upload, "
            "for photos of yourself or of people who agreed."
        )
