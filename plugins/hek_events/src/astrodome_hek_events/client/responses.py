"""HEK's answers as JSON texts, in which each record keeps the very text that it came in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError

SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it was read, and the JSON text that it was read from."""

    record: Any
    text: str


@dataclass(frozen=True)
class Document:
    """An answer: its records, and whether HEK has more of them on another page."""

    records: list[Raw]
    more: bool = False


def read(path: Path) -> list[Raw]:
    """The records of a JSON file: HEK's answer ``{"result": [...]}``, or a list of records.

    Raises Unreadable when the file is missing, cut or something else.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise Unreadable(f"There is no file {path}.") from error
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8-sig")
        return parse(text).records
    except NoEvents as error:
        raise Unreadable(
            f"{path} holds no events: an answer of HEK has them in a list called 'result'."
        ) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"{path} is not JSON: {error}.", "It may be cut, or a web page: fetch it again."
        ) from error


class Unreadable(AstrodomeError):
    """A file is missing, cut or something else; the next one may be read."""


class NoEvents(ValueError):
    """The text is JSON without a list of records."""


def parse(text: str) -> Document:
    """Read an answer of HEK or a list of records.

    NaN, which is no JSON though some services write it, becomes null. Raises ValueError or
    RecursionError when the text is no JSON, and NoEvents when it holds no records.
    """
    reader = _Reader(text)
    found: list[Raw] | None = None
    more = False
    if reader.peek() == "[":
        found = list(reader.elements())
    elif reader.peek() == "{":
        for key in reader.members():
            if key == "result":
                found = list(reader.elements()) if reader.peek() == "[" else None
                if found is None:
                    reader.value()
            elif key == "overmax":
                more = reader.value() in (True, 1, "true", "True", "1")
            else:
                reader.value()
    else:
        reader.value()
    reader.end()
    if found is None:
        raise NoEvents("there is no list called 'result'")
    return Document(found, more)


class _Reader:
    """Walks through a JSON text, value by value."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.odd = False
        """Whether the last value had a NaN or an infinity in it."""
        decoder = json.JSONDecoder(parse_constant=self._null)
        self.scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]

    def _null(self, _: str) -> None:
        self.odd = True

    def peek(self) -> str:
        self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> None:
        if self.peek() != expected:
            raise json.JSONDecodeError(f"Expecting '{expected}'", self.text, self.at)
        self.at += 1

    def value(self) -> Any:
        self.peek()
        self.odd = False
        try:
            found, self.at = self.scan(self.text, self.at)
        except StopIteration as error:
            raise json.JSONDecodeError("Expecting value", self.text, error.value) from None
        return found

    def elements(self) -> Iterator[Raw]:
        """The elements of the list that begins here."""
        self.take("[")
        if self.peek() != "]":
            while True:
                self.peek()
                start = self.at
                found = self.value()
                yield Raw(found, compact(found) if self.odd else self.text[start : self.at])
                if self.peek() != ",":
                    break
                self.at += 1
        self.take("]")

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here; the caller reads the value of each."""
        self.take("{")
        if self.peek() != "}":
            while True:
                if self.peek() != '"':
                    raise json.JSONDecodeError("Expecting a key", self.text, self.at)
                key = self.value()
                self.take(":")
                yield key
                if self.peek() != ",":
                    break
                self.at += 1
        self.take("}")

    def end(self) -> None:
        if self.peek():
            raise json.JSONDecodeError("Extra data", self.text, self.at)


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def compact(record: Any) -> str:
    """The JSON text of a record; NaN, which PostgreSQL refuses, becomes null.

    Raises TypeError for what JSON cannot say.
    """
    try:
        return _encode(record)
    except ValueError:
        return _encode(json.loads(json.dumps(record), parse_constant=lambda _: None))


def raw(found: Iterable[Any]) -> Iterator[Raw]:
    """Records of a program as :class:`Raw`; those of :func:`parse` are that already."""
    for record in found:
        yield record if isinstance(record, Raw) else Raw(record, "")
