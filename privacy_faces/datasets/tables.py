"""Tables in CSV files, or the message that says why one cannot be read."""

from __future__ import annotations

import csv
from pathlib import Path


def read_rows(path: Path, error: type[ValueError]) -> list[dict[str, str]]:
    """The rows of a CSV file in UTF-8, each by the names in its first line; cells beyond those are left out, missing
    ones are empty.

    Raises:
        error: for a file in another encoding, or one that is no CSV; the message names file and line.
    """
    line = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            rows = []
            for row in reader:
                line = reader.line_num
                row.pop(None, None)  # what stands beyond the last column
                rows.append(row)
    except UnicodeDecodeError:
        raise error(
            f"Expected a CSV file in UTF-8 at {path}, found another encoding (UTF-16, which spreadsheets call Unicode, "
            "or that of one country). Save it again as CSV UTF-8."
        ) from None
    except csv.Error as problem:
        raise error(f"Expected a CSV file in UTF-8 at {path}, found after line {line}: {problem}.") from None
    except OSError as problem:
        raise error(f"Cannot read the table {path}: {problem}") from None
    return rows
