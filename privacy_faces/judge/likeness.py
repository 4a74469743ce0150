"""How like one of the people whom a user names a face is; a part of the receipt."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Alike(_Part):
    """How like a person one recognizer finds a face of the original."""

    similarity: float
    threshold: float
    far: float
    matched: bool


class Likeness(_Part):
    """The one of the people from whom the user chooses whom a face is most like, and how like."""

    person: str
    recognizers: dict[str, Alike]
