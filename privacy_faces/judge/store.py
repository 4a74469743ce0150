"""What was computed or answered once, by content."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class Store:
    """Bytes by key, in one SQLite file that several processes may share; in memory without a path.

    What is put is on disk when `put` returns.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path or ":memory:", timeout=60, isolation_level=None)
        self._database.execute("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, value BLOB NOT NULL)")

    def get(self, key: str) -> bytes | None:
        """The bytes, or None."""
        row = self._database.execute("SELECT value FROM seen WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Remember bytes under a key."""
        self._database.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (key, value))
