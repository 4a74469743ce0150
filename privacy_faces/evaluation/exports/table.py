"""CSV as everybody reads it: UTF-8, one header, numbers with enough digits to compute them again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_DIGITS = 9


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any] | Sequence[Any]]) -> str:
    """A table.

    Args:
        columns: the header.
        rows: column -> value, or values in order; None and NaN are empty, flags 0 and 1.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row.get(column) for column in columns] if isinstance(row, Mapping) else row
        writer.writerow([cell(value) for value in values])
    return buffer.getvalue()


def cell(value: Any) -> str:
    """A value as text.

    >>> cell(0.1 + 0.2), cell(None), cell(True), cell(3)
    ('0.3', '', '1', '3')
    """
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{_DIGITS}g}"
    return "" if value is None else str(value)
