"""JSON documents with HEK records: responses of the service, and files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError


class EventFileError(AstrodomeError):
    """A file that is missing, unreadable or contains no HEK records."""


class MissingRecordsError(ValueError):
    """The JSON document contains no list of records."""


@dataclass(frozen=True)
class ResponsePage:
    """A page of a response; ``has_more`` is True if HEK has more pages."""

    records: list[Any]
    has_more: bool = False


def parse(text: str) -> ResponsePage:
    """Parse a response of HEK, or a list of records.

    NaN and infinity, which are not valid JSON but occur in responses, become null. Raises
    ValueError or RecursionError if the text is not JSON, and MissingRecordsError if it contains
    no records.
    """
    document = json.loads(text, parse_constant=lambda _: None)
    if isinstance(document, list):
        return ResponsePage(document)
    records = document.get("result") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise MissingRecordsError("no list 'result' found")
    return ResponsePage(records, document.get("overmax") in (True, 1, "true", "True", "1"))


def read_file(path: Path) -> list[Any]:
    """Read the records of a JSON file: a response ``{"result": [...]}``, or a list of records.

    Raises EventFileError if the file cannot be read or contains no records.
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
