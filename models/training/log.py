"""The log of a run: one JSON object per line. A failure to write it never stops training. Used by `loop` and `run`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minigrad.files import write_whole

Record = dict[str, Any]
Warn = Callable[[str], None]


class Log:
    """The records so far, in memory and, if `written`, on disk.

    Only the first failure to write is reported to `warn`.
    """

    def __init__(self, path: Path, warn: Warn, written: bool = True) -> None:
        self.path, self.warn, self._written = path, warn, written
        self.records: list[Record] = read_log(path)
        self._lost = False

    def append(self, record: Record) -> Record:
        """Adds a record and returns it."""
        self.records.append(record)
        if not self._written:
            return record
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._lost + json.dumps(record) + "\n")  # after a line that may be torn
        except OSError as error:
            self._tell(error)
        return record

    def cut(self, count: int) -> None:
        """Keeps the first `count` records only, dropping those of steps after the checkpoint that was restored."""
        self.records = self.records[:count]
        if not self._written:
            return
        try:
            write_whole(self.path, "".join(json.dumps(record) + "\n" for record in self.records))
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._lost:
            self.warn(f"the log {self.path} cannot be written ({error.strerror}); training goes on without it")
        self._lost = True


def read_log(path: Path) -> list[Record]:
    """The records of a log; lines that are torn or damaged are left out, and a log that cannot be read is empty."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [record for record in map(parsed, lines) if record is not None]


def parsed(line: str) -> Record | None:
    """A line's record, of numbers alone, or None."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_record = isinstance(record, dict) and all(type(record.get(key)) is int for key in ("step", "epoch"))
    return record if is_record and all(type(value) in (int, float) for value in record.values()) else None
