"""What the functions of the verbs share: how they tell their progress, name their call and leave their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from privacy_faces.config.files import write_atomic
from privacy_faces.config.options import Options

if TYPE_CHECKING:
    from privacy_faces.evaluation.exports.photos import Judged
    from privacy_faces.evaluation.results import Results

Progress = Callable[[int, int, str], None]
T = TypeVar("T")


def silent(done: int, total: int, what: str) -> None:
    """Progress that nobody wants to see."""


def write_evaluation(results: Results, judged: Sequence[Judged], folder: Path) -> None:
    """Leave results.json, what is made of it (report.html, results.csv, results.tex), and what it was made of
    (photos.csv, similarities.csv) in a folder."""
    from privacy_faces.evaluation.exports.numbers import results_csv
    from privacy_faces.evaluation.exports.photos import photos_csv, similarities_csv
    from privacy_faces.evaluation.report.latex import results_tex
    from privacy_faces.evaluation.report.page import render
    from privacy_faces.evaluation.results import write_results

    write_results(results, folder / "results.json")
    made = {
        "report.html": render(results),
        "results.csv": results_csv(results),
        "results.tex": results_tex(results),
        "photos.csv": photos_csv(judged),
        "similarities.csv": similarities_csv(judged),
    }
    for name, text in made.items():
        if text is None:
            (folder / name).unlink(missing_ok=True)  # an earlier run's, which these results are not made of
        else:
            write_atomic(folder / name, text.encode())


def unplaced(value: Any) -> Any:
    """A value that was typed, with the name alone where it is the path of a file outside the working folder: results
    are published, and such a path names the user.

    >>> unplaced("--output=/home/anna/results"), unplaced("photos/anna")
    ('--output=results', 'photos/anna')
    """
    if isinstance(value, list):
        return [unplaced(item) for item in value]
    if not isinstance(value, str):
        return value
    flag, equals, text = value.rpartition("=") if value.startswith("--") else ("", "", value)
    path = Path(text)
    outside = path.is_absolute() or ".." in path.parts or text.startswith("~")
    return f"{flag}{equals}{path.name or '...'}" if outside else value


def called(verb: str, options: Options) -> str:
    """A call of a verb from Python, as it would be typed."""
    dumped = options.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    given = {name: unplaced(value) for name, value in dumped.items()}
    return f"privacy_faces.{verb}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def counted(items: Sequence[T], what: str, *, progress: Progress) -> Iterator[T]:
    """The items as they are, while `progress` is told of each."""
    for done, item in enumerate(items):
        progress(done, len(items), what)
        yield item
    progress(len(items), len(items), what)


@contextmanager
def kept(output: Path | None) -> Iterator[Path]:
    """The output folder, or one that is gone afterwards."""
    if output:
        yield output
    else:
        with TemporaryDirectory(prefix="privacy-faces-") as folder:
            yield Path(folder)
