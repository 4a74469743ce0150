"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def bar(items: Sequence[Any], unit: str = "photo") -> Any:
    """A tqdm bar over `items`; in a log file it writes a line every ten seconds, not ten a second."""
    from tqdm import tqdm

    return tqdm(items, unit=unit, file=sys.stderr, mininterval=0.1 if sys.stderr.isatty() else 10)
