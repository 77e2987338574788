"""Parse JSON documents with HEK records, which can be HTTP responses or files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError


class EventFileError(AstrodomeError):
    """Raised if a file is missing, cannot be read, or contains no HEK records."""


class MissingRecordsError(ValueError):
    """Raised if a JSON document contains no list of records."""


@dataclass(frozen=True)
class ResponsePage:
    """One page of a HEK response. ``has_more`` is True if more pages are available."""

    records: list[Any]
    has_more: bool = False


def parse(text: str) -> ResponsePage:
    """Parse a HEK response or a list of records.

    HEK responses can contain NaN and infinity, which are not valid JSON. These values are
    converted to None. Raises ValueError or RecursionError if the text is not valid JSON, and
    MissingRecordsError if the document contains no list of records.
    """
    document = json.loads(text, parse_constant=lambda _: None)
    if isinstance(document, list):
        return ResponsePage(document)
    records = document.get("result") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise MissingRecordsError("no list 'result' found")
    return ResponsePage(records, document.get("overmax") in (True, 1, "true", "True", "1"))


def read_file(path: Path) -> list[Any]:
    """Read the records in a JSON file.

    The file contains a HEK response (``{"result": [...]}``) or a list of records. Raises
    EventFileError if the file cannot be read or contains no list of records.
    """
    try:
        return parse(path.read_bytes().decode("utf-8-sig")).records
    except FileNotFoundError as error:
        raise EventFileError(f"File not found: {path}") from error
    except OSError as error:
        raise EventFileError(f"Cannot read {path}: {error.strerror}.") from error
    except MissingRecordsError as error:
        raise EventFileError(
            f"{path} contains no events: expected a list named 'result'."
        ) from error
    except (ValueError, RecursionError) as error:
        raise EventFileError(
            f"Invalid JSON in {path}: {error}.", "The file may be truncated or a web page."
        ) from error
