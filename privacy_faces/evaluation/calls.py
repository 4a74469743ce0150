"""What the functions of the verbs share: how they tell their progress, name their call and leave their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from privacy_faces.config.files import write_atomic
from privacy_faces.config.options import Options

if TYPE_CHECKING:
    from privacy_faces.evaluation.results import Results

Progress = Callable[[int, int, str], None]
T = TypeVar("T")


def silent(done: int, total: int, what: str) -> None:
    """Progress that nobody wants to see."""


def write_evaluation(results: Results, folder: Path) -> None:
    """Leave results.json and report.html in a folder."""
    from privacy_faces.evaluation.report.page import render
    from privacy_faces.evaluation.results import write_results

    write_results(results, folder / "results.json")
    write_atomic(folder / "report.html", render(results).encode())


def called(verb: str, options: Options) -> str:
    """A call of a verb from Python, as it would be typed."""
    given = options.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    return f"privacy_faces.{verb}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def counted(items: Sequence[T], what: str, *, progress: Progress) -> Iterator[T]:
    """The items as they are, while `progress` is told of each."""
    for done, item in enumerate(items):
        progress(done, len(items), what)
        yield item
    progress(len(items), len(items), what)
