"""pyarrow never owns a Python object while the interpreter exits."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astrodome import arrow
from pyarrow import csv

ROOT = Path(__file__).parents[2]
READERS = {"ParquetFile", "read_csv", "open_csv", "read_feather", "BufferReader", "PythonFile"}
"""Functions of pyarrow that read from a path or from a Python object."""
PYTHON_OBJECTS = {"BytesIO", "StringIO", "open", "content", "stream", "file", "bytes"}
"""Calls and usual names of input that requires :func:`astrodome.arrow.native_reader`."""


def test_native_memory_holds_a_copy_and_no_reference_to_the_bytes():
    data = bytearray(b"a,b\n1,2\n3,4\n")
    reader = arrow.native_reader(memoryview(data))
    data[:] = b"x" * len(data)
    table = csv.read_csv(reader)
    assert table.to_pydict() == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("columns", [None, ["b"], ("b", "a")])
def test_read_frame_returns_the_same_frame_as_pandas(columns, tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[5, 7]).to_parquet(path)
    expected = pd.read_parquet(path, columns=None if columns is None else list(columns))
    pd.testing.assert_frame_equal(arrow.read_frame(str(path), columns), expected)


def test_an_integer_too_large_for_a_float_stays_exact(tmp_path):
    pq.write_table(pa.table({"id": [2**62 + 1]}), tmp_path / "table.parquet")
    assert arrow.read_frame(tmp_path / "table.parquet")["id"].tolist() == [2**62 + 1]


def sources():
    for folder in (ROOT / "core" / "src", *sorted((ROOT / "plugins").glob("*/src"))):
        yield from sorted(folder.rglob("*.py"))


def test_no_package_passes_a_python_object_to_the_threads_of_pyarrow():
    wrong = []
    for path in sources():
        text = path.read_text()
        if "pyarrow" not in text or path.name == "arrow.py":
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = ast.unparse(node.func.value)
            if node.func.attr in READERS and owner in {"pq", "pa", "csv", "pyarrow.csv", "feather"}:
                first = node.args[0] if node.args else node
                names = {n.id for n in ast.walk(first) if isinstance(n, ast.Name)}
                if names & PYTHON_OBJECTS:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert not wrong
