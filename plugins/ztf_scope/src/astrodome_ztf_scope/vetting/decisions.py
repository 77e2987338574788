"""Save vetting decisions, and write a table for ``scope upload-classification``.

Every decision is appended to a journal file next to the table, so no decision is lost if the
browser or the computer crashes. The last decision about a source overrides earlier decisions.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, files

from ..tables import table_io
from .candidates import Candidates

ACCEPT, REJECT, RELABEL, UNDO = "accept", "reject", "relabel", "undo"
ACTIONS = (ACCEPT, REJECT, RELABEL, UNDO)
IDENTITY = ("obj_id", "_id", "ztf_id", "ra", "dec", "period")


class Decisions:
    """The vetting decisions about the sources in ``candidates``.

    The accepted sources are written to the CSV file ``target``.
    """

    def __init__(self, target: Path, candidates: Candidates) -> None:
        self.target, self._candidates = target, candidates
        self._journal = target.with_name(f".{target.name}.decisions.jsonl")
        self._lock = threading.Lock()
        self.made: dict[int, dict[str, Any]] = {}
        if self._journal.is_file():
            for line in self._journal.read_text("utf-8").splitlines():
                with suppress(ValueError):  # A line may be incomplete after a crash.
                    self._take(json.loads(line))

    def decide(self, number: int, action: str, labels: Sequence[str]) -> None:
        """Save a decision, or raise AstrodomeError if it is invalid."""
        if action not in ACTIONS:
            raise AstrodomeError(
                f"Invalid action '{action}': expected one of {', '.join(ACTIONS)}."
            )
        if not 0 <= number < len(self._candidates.rows):
            raise AstrodomeError(
                f"Invalid row {number}: expected a row from 0 to {len(self._candidates.rows) - 1}."
            )
        known = ", ".join(self._candidates.labels)
        unknown = [label for label in labels if label not in self._candidates.labels]
        if unknown:
            raise AstrodomeError(f"Unknown label '{unknown[0]}': expected one of {known}.")
        if action in (ACCEPT, RELABEL) and not labels:
            raise AstrodomeError("No label selected: choose a label, or reject the source.")
        line = {"number": number, "name": self._candidates.rows[number].name, "action": action}
        line |= {"labels": list(labels), "time": datetime.now(UTC).isoformat(timespec="seconds")}
        with self._lock:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("a", encoding="utf-8") as journal:
                # The line break at the beginning ends a line that is incomplete after a crash.
                journal.write(f"\n{json.dumps(line)}")
                journal.flush()
                os.fsync(journal.fileno())
            self._take(line)
            self._write()

    def _take(self, line: Mapping[str, Any]) -> None:
        number = line["number"]
        rows = self._candidates.rows
        if not 0 <= number < len(rows) or rows[number].name != line["name"]:
            raise AstrodomeError(
                f"{self._journal} contains decisions about a different table, in which row "
                f"{number} is the source {line['name']}.",
                "Specify another output file.",
            )
        if line["action"] == UNDO:
            self.made.pop(number, None)
        else:
            self.made[number] = dict(line)

    def _write(self) -> None:
        """Write the accepted and relabeled sources to the CSV file.

        Each label has a column that contains 1 if the label was selected, otherwise 0.
        """
        kept = [n for n, made in sorted(self.made.items()) if made["action"] != REJECT]
        source = self._candidates.table
        periods = [name for name in source if str(name).startswith("period_")]
        columns = [*(name for name in IDENTITY if name in source), *periods]
        table = source.loc[source.index[kept], columns].reset_index(drop=True)
        for label in self._candidates.labels:
            table[label] = [int(label in self.made[n]["labels"]) for n in kept]
        with files.replacing(self.target) as part:
            table_io.write_csv(part, table)
