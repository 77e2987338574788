"""Parse HEK records from JSON documents, which can be HTTP responses or files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError


class EventFileError(AstrodomeError):
    """Raised if a file is missing, cannot be read, or contains no HEK records."""


@dataclass(frozen=True)
class ResponsePage:
    """One page of a HEK response. ``has_more`` is True if more pages are available."""

    records: list[Any]
    has_more: bool = False


def parse(text: str) -> ResponsePage:
    """Parse a HEK response or a list of records.

    HEK responses can contain NaN and infinity, which are not valid JSON. These values are converted
    to None. Raises ValueError if the text is not valid JSON, or if it does not contain a list of
    records.
    """
    try:
        document = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"invalid JSON ({error})") from error
    if isinstance(document, list):
        return ResponsePage(document)
    records = document.get("result") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise ValueError("expected the key 'result' with a list of events")
    return ResponsePage(records, document.get("overmax") in (True, 1, "true", "True", "1"))


def read_file(path: Path) -> list[Any]:
    """Read the records in a JSON file.

    The file contains a HEK response (``{"result": [...]}``) or a list of records. Raises
    EventFileError if the file cannot be read or does not contain a list of records.
    """
    try:
        return parse(path.read_bytes().decode("utf-8-sig")).records
    except OSError as error:
        raise EventFileError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise EventFileError(
            f"{path} contains no events: {error}.",
            "Check whether the file is truncated.",
        ) from error
