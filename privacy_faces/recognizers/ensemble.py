"""Several recognizers asked at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from privacy_faces.recognizers.contract import Recognizer


class Ensemble(nn.Module):
    """An ordered set of recognizers; each aligns and embeds in its own way, so results stay apart by name.

    Raises:
        ValueError: when empty, or when two members share a name.
    """

    def __init__(self, members: Sequence[Recognizer]) -> None:
        super().__init__()
        names = [member.name for member in members]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"Expected at least one recognizer, each once. Got: {names}.")
        self.members = nn.ModuleList(members)

    def __iter__(self) -> Iterator[Recognizer]:
        return iter(self.members)  # type: ignore[arg-type]

    @property
    def names(self) -> list[str]:
        """The members' registered names, in order."""
        return [member.name for member in self]

    def embed(self, frames: Tensor, landmarks: Tensor) -> dict[str, Tensor]:
        """Name -> unit-length embeddings (N, D) of frames (N, 3, S, S) in [0, 1] with landmarks (N, 68, 2) in frame
        pixels."""
        return {member.name: member.embed(frames, landmarks) for member in self}

    def similarity(self, first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
        """Name -> similarities (N,) of two sets of embeddings, row by row, each by its own member's measure."""
        return {member.name: member.similarity(first[member.name], second[member.name]) for member in self}
