"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
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
