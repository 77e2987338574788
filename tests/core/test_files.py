"""Atomic replacement of files, locks and digests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astrodome import AstrodomeError, files


def test_a_failed_write_keeps_the_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "store.txt"
    files.write_text(target, "before")
    with pytest.raises(RuntimeError), files.replacing(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


def test_a_killed_writer_leaves_a_complete_file(
    tmp_path: Path, torture: Callable[[int, int], int]
) -> None:
    target = tmp_path / "store.bin"
    loop = (
        "import sys, pathlib; from astrodome import files\n"
        "for n in range(10**9):\n"
        "    files.write_bytes(pathlib.Path(sys.argv[1]), bytes([n % 256]) * 500_000)"
    )
    for kill in range(torture(3, 50)):
        writer = subprocess.Popen([sys.executable, "-c", loop, target])
        while not target.exists():
            time.sleep(0.01)
        time.sleep(0.01 + 0.007 * kill)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        content = target.read_bytes()
        assert len(content) == 500_000 and len(set(content)) == 1
    files.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    files.write_bytes(tmp_path / "c", b"x", sync=False)
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_lock_excludes_other_processes(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from astrodome import files\n"
        "with files.lock(pathlib.Path(sys.argv[1]), timeout=0.1): pass"
    )
    with files.lock(tmp_path / ".lock"):
        ran = subprocess.run(
            [sys.executable, "-c", code, tmp_path / ".lock"], capture_output=True, text=True
        )
    assert "Another process is using" in ran.stderr
    with files.lock(tmp_path / ".lock", timeout=0.1):
        assert (tmp_path / ".lock").exists()


def test_a_table_contains_its_provenance(tmp_path: Path) -> None:
    table = pa.table({"xrsb": [1e-6]})
    files.write_parquet(tmp_path / "t.parquet", table, {"source": "GOES"})
    read = pq.read_table(tmp_path / "t.parquet")
    assert read.column("xrsb").to_pylist() == [1e-6]
    assert b"GOES" in read.schema.metadata[b"astrodome"]


def test_a_table_can_be_written_with_other_encodings(tmp_path: Path) -> None:
    table = pa.table({"flux": np.linspace(0, 1, 9).astype("f4")})
    path = tmp_path / "t.parquet"
    files.write_parquet(
        path, table, use_dictionary=False, column_encoding={"flux": "BYTE_STREAM_SPLIT"}
    )
    assert pq.read_table(path).equals(table)
    column = pq.read_metadata(path).row_group(0).column(0)
    assert "BYTE_STREAM_SPLIT" in column.encodings and column.compression == "ZSTD"


def test_a_digest_changes_with_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_text("x")
    two.write_text("y")
    before = files.digest([one, two])
    assert before == files.digest([two, one])
    two.write_text("z")
    assert files.digest([one, two]) != before


def test_a_read_only_target_is_an_error(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/1/astrodome")  # root may write anywhere but here
    else:
        tmp_path.chmod(0o500)
        target = tmp_path / "x"
    from astrodome.errors import from_os_error

    with pytest.raises(OSError) as failure:
        files.write_text(target, "x")
    assert str(target.parent) in from_os_error(failure.value).message
    assert isinstance(from_os_error(failure.value), AstrodomeError)


def test_a_lock_waits_for_the_given_time_only(tmp_path: Path) -> None:
    def other() -> None:
        with files.lock(tmp_path / "new" / ".lock", timeout=0.3):
            pass

    with files.lock(tmp_path / "new" / ".lock"), ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        with pytest.raises(AstrodomeError, match=r"Another process is using .*new"):
            pool.submit(other).result()
        assert 0.3 <= time.monotonic() - began < 10


def test_a_failed_write_without_a_path_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with pytest.raises(OSError) as failure, files.replacing(target):
        raise OSError(28, "No space left on device")
    assert failure.value.filename == str(target)
    with pytest.raises(OSError) as failure, files.replacing(target):
        raise OSError(28, "No space left on device", "/other")
    assert failure.value.filename == "/other"


def test_provenance_keeps_the_metadata_of_the_table(tmp_path: Path) -> None:
    import json

    table = pa.table({"id": [1]}).replace_schema_metadata({"pandas": "x"})
    files.write_parquet(tmp_path / "a", table, {"made": Path("/data")})
    metadata = pq.read_schema(tmp_path / "a").metadata
    assert metadata[b"pandas"] == b"x"
    assert json.loads(metadata[b"astrodome"]) == {"made": "/data"}
    files.write_parquet(tmp_path / "b", table)
    assert b"astrodome" not in pq.read_schema(tmp_path / "b").metadata
