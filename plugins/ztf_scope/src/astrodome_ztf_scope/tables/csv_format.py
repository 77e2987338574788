"""Read text tables that have a header, with automatic detection of the layout.

Columns can be separated by commas, semicolons, tabs or vertical bars. Comment lines and all line
endings are supported. If the layout cannot be detected, an error is raised. Its message contains
the file name and a possible solution.
"""

from __future__ import annotations

import codecs
import csv as lines
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError, arrow
from pyarrow import csv

from . import identifiers

BLOCK = 1 << 25
"""Number of bytes that are parsed at once."""
HEAD = 1 << 20
"""Number of bytes at the start of a file that are used to detect its layout."""
SAMPLE = 20
"""Number of lines that are used to detect the separator."""
NO_VALUE = ["", *sorted(identifiers.NOT_A_VALUE)]
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*(nan|inf)?\s*", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
DECIMAL_POINT = re.compile(r"\s*[+-]?\d+\.\d+\s*")


@dataclass(frozen=True)
class CsvLayout:
    """The layout of a text table.

    ``names`` lists the column names. ``size`` is the number of bytes before the first data row.
    ``separator`` separates the columns, and ``decimal`` is the decimal separator. ``padded`` is
    True if fields are padded with spaces.
    """

    names: list[str]
    separator: str
    size: int
    padded: bool = False
    decimal: str = "."


def names(path: Path) -> list[str]:
    """Return the column names in the header of a file."""
    with pa.input_stream(str(path)) as stream:
        return layout(stream.read(HEAD), path).names


def layout(head: bytes, path: Path) -> CsvLayout:
    """Detect the layout of a file from its first bytes.

    Raises AstrodomeError if the file is empty, has no header, is not UTF-8 text, or has columns
    that are separated by spaces.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:4096]:
        raise AstrodomeError(
            f"{path} is not UTF-8 text.",
            f"Convert it, for example: iconv -f UTF-16 -t UTF-8 {path.name} > converted.csv",
        )
    text = head.removeprefix(codecs.BOM_UTF8)
    rows = text.splitlines(keepends=True)
    if len(head) == HEAD:
        rows = rows[:-1] or rows  # The last line may be incomplete.
    number = next((i for i, row in enumerate(rows) if not _is_skipped(row)), None)
    if number is None:
        raise AstrodomeError(f"{path} is empty: expected a header and at least one row.")
    header = rows[number].decode().rstrip("\r\n")
    size = len(head) - len(text) + sum(map(len, rows[: number + 1]))
    data = (row for row in rows[number + 1 :] if not _is_skipped(row))
    sample = [row.decode("utf-8", "replace").rstrip("\r\n") for row in islice(data, SAMPLE)]
    if _is_row(header, [*sample, header]):  # Column names may be in a comment.
        comments = [row.decode().strip("# \r\n") for row in rows[:number] if row.strip()]
        names_row = comments[-1] if comments else ""
        separator = _separator([names_row, header, *sample], path) if names_row else ""
        if not names_row or len(_fields(names_row, separator)) != len(_fields(header, separator)):
            raise AstrodomeError(
                f"{path} has no header: its first line contains only numbers.",
                "Add a line with the names of the columns, for example ra,dec,period.",
            )
        size -= len(rows[number])
        sample, header = [header, *sample], names_row
    separator = _separator([header, *sample], path)
    padded = any(name != name.strip() for name in _fields(header, separator))
    if padded:  # A quoted name may follow a space.
        header = re.sub(rf"\s*{re.escape(separator)}\s*", separator, header.strip())
    names = _fields(header, separator)
    decimal = _decimal(sample) if separator == ";" else "."
    return CsvLayout([n.strip() for n in names], separator, size, padded, decimal)


def _is_skipped(row: bytes) -> bool:
    return not row.strip() or row.startswith(b"#")


def _fields(line: str, separator: str) -> list[str]:
    try:
        return next(lines.reader([line], delimiter=separator), [])
    except lines.Error:
        return line.split(separator)


def _is_row(header: str, rows: Sequence[str]) -> bool:
    """Return whether the line at the position of the header contains only numbers."""
    separator = next((s for s in SEPARATORS if s in header), ",")
    fields = _fields(header, separator)
    return any(field.strip() for field in fields) and all(map(NUMBER.fullmatch, fields))


def _separator(rows: list[str], path: Path) -> str:
    """Return the separator that splits all lines into the same number of fields."""
    widths = {s: [len(_fields(row, s)) for row in rows] for s in SEPARATORS}
    possible = [s for s in SEPARATORS if widths[s][0] > 1]
    regular = [s for s in possible if len(set(widths[s])) == 1]
    if possible:
        return (regular or possible)[0]
    spaced = {len(row.split()) for row in rows}
    if len(rows) > 1 and len(spaced) == 1 and spaced != {1}:
        raise AstrodomeError(
            f"{path}: columns separated by spaces are not supported: {rows[0][:60]!r}.",
            f"Separate the columns with {', '.join(list(SEPARATORS.values())[:2])} or tabs.",
        )
    return ","


def _decimal(rows: list[str]) -> str:
    cells = [cell for row in rows for cell in _fields(row, ";")]
    comma = any(map(DECIMAL_COMMA.fullmatch, cells))
    return "," if comma and not any(map(DECIMAL_POINT.fullmatch, cells)) else "."


def blocks(
    path: Path, columns: list[str], start: int, lost: dict[str, str] | None
) -> Iterator[tuple[pa.Table, int]]:
    """Yield chunks of rows with the number of their first row, beginning at row ``start``.

    Column types are inferred separately for each chunk. ``lost`` has the same meaning as in
    :class:`.ValueOrigin`.
    """
    first = 0
    with pa.input_stream(str(path)) as stream:
        block = stream.read(BLOCK)
        found = layout(block[:HEAD], path)
        block = _lines(block)[found.size :]
        while block:
            more = _lines(stream.read(BLOCK))
            end = block.rfind(b"\n") + 1 if more else len(block)
            whole, block = _without_comments(block[:end]), block[end:] + more
            if not whole.strip():
                continue
            table = _parse(whole, found, columns, path, first)
            skip = min(max(start - first, 0), table.num_rows)
            if skip < table.num_rows:
                origin = identifiers.ValueOrigin(path, first, lost)
                whole_table = _converted(table, whole, found, origin)
                yield whole_table.slice(skip), first + skip
            first += table.num_rows


def _lines(block: bytes) -> bytes:
    """Replace carriage returns at the ends of lines with line feeds."""
    return block if b"\n" in block else block.replace(b"\r", b"\n")


def _without_comments(block: bytes) -> bytes:
    if not block.startswith(b"#") and b"\n#" not in block:
        return block
    return b"".join(x for x in block.splitlines(keepends=True) if not x.startswith(b"#"))


def _parse(block: bytes, found: CsvLayout, columns: list[str], path: Path, first: int) -> pa.Table:
    text = ["dmdt", *filter(identifiers.is_identifier, columns)]
    convert = csv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(text, pa.string()),
        null_values=NO_VALUE,
        decimal_point=found.decimal,
    )
    try:
        return _read(block, found, convert)
    except pa.ArrowInvalid as error:
        wrong: list[csv.InvalidRow] = []

        def skip(row: csv.InvalidRow) -> str:
            wrong.append(row)
            return "skip"

        _read(block.decode("utf-8", "replace").encode(), found, convert, skip)
        if not wrong:
            raise
        row = wrong[0]
        raise AstrodomeError(
            f"{path} cannot be read: row {first + row.number - 1} has {row.actual_columns} "
            f"values instead of {row.expected_columns}: {row.text[:80]!r}.",
            "Correct the row, or put quotation marks around values that contain the separator "
            f"{found.separator!r}.",
        ) from error


def _read(
    block: bytes, found: CsvLayout, convert: csv.ConvertOptions, invalid: Any = None
) -> pa.Table:
    options = csv.ReadOptions(
        column_names=found.names, block_size=max(BLOCK // 8, 1 << 16), use_threads=invalid is None
    )
    parse = csv.ParseOptions(delimiter=found.separator, invalid_row_handler=invalid)
    return csv.read_csv(arrow.native_reader(block), options, parse, convert)


def _converted(
    table: pa.Table, block: bytes, found: CsvLayout, origin: identifiers.ValueOrigin
) -> pa.Table:
    """Return a table in which identifiers are integers or text, without spaces around text."""
    for number, field in enumerate(table.schema):
        values = table[field.name]
        if not pa.types.is_string(field.type) or field.name == "dmdt":
            continue
        if found.padded:
            values = pc.utf8_trim_whitespace(values)
        if identifiers.is_identifier(field.name):
            if _has_words(values):
                values = _unquoted_words_are_missing(block, found, field.name)
                values = pc.utf8_trim_whitespace(values) if found.padded else values
            values = identifiers.from_text(values, field.name, origin)
        table = table.set_column(number, field.name, values)
    return table


def _has_words(values: pa.ChunkedArray) -> bool:
    words = pa.array(sorted(identifiers.NOT_A_VALUE))
    return bool(pc.any(pc.is_in(values, words)).as_py())


def _unquoted_words_are_missing(block: bytes, found: CsvLayout, name: str) -> pa.ChunkedArray:
    """Return a column in which unquoted ``nan`` is missing and quoted ``"nan"`` is text."""
    convert = csv.ConvertOptions(
        include_columns=[name],
        column_types={name: pa.string()},
        null_values=NO_VALUE,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return _read(block, found, convert)[name]
