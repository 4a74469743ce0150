"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from privacy_faces.pipeline.sharing.launched import leads


def bar(items: Iterable[Any], unit: str = "photo", total: int | None = None) -> Any:
    """A tqdm bar over `items`; in a log file it writes a line every ten seconds, not ten a second.

    Of many processes, the first shows it.
    """
    from tqdm import tqdm

    return tqdm(
        items,
        total=total,
        unit=unit,
        file=sys.stderr,
        mininterval=0.1 if sys.stderr.isatty() else 10,
        disable=not leads(),
    )


class Steps:
    """A bar on stderr that is told how far the work is."""

    def __init__(self, unit: str = "step") -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=1, unit=unit, file=sys.stderr, mininterval=0.1 if sys.stderr.isatty() else 10, miniters=1
        )

    def report(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps; `what` runs now."""
        if done == 0:  # what was loaded or done before does not count in the rate
            self._bar.reset(total)
        self._bar.total = total
        self._bar.set_postfix_str(what, refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Steps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
