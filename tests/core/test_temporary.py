"""Temporary files: their names, their owners, and when they are deleted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from astrodome import files, temporary

WRITER = """
import pathlib, sys, time
from astrodome import files
with files.replacing(pathlib.Path(sys.argv[1])) as part:
    part.write_text("half")
    print(part.name, flush=True)
    time.sleep(60)
"""


@contextmanager
def writing(target: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Start a process that writes ``target``; yield its temporary file and a kill function."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, target], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout

    def kill() -> None:
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    try:
        yield target.parent / writer.stdout.readline().strip(), kill
    finally:
        kill()
        writer.stdout.close()


def forget() -> None:
    """Reset the state to that of a new process, which has not cleaned any folder."""
    temporary._swept.clear()


@pytest.mark.parametrize("name", ["goes_ts.csv", "scores.parquet", "a.fits.gz", "x", "ä" * 120])
def test_a_temporary_file_has_no_extension_that_a_reader_accepts(tmp_path: Path, name: str) -> None:
    with files.replacing(tmp_path / name) as part:
        assert part.suffix == ".part" and part.name.startswith(".")
        part.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_next_write_in_a_folder_deletes_files_of_killed_processes(tmp_path: Path) -> None:
    with writing(tmp_path / "one.csv") as (part, kill):
        kill()
        assert part.exists()
        forget()
        files.write_text(tmp_path / "two.csv", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["two.csv"]


def test_files_of_running_processes_are_kept(tmp_path: Path) -> None:
    with writing(tmp_path / "one.csv") as (part, kill):
        os.utime(part, (0, 0))
        forget()
        files.write_text(tmp_path / "two.csv", "whole")
        files.sweep(tmp_path)
        assert part.read_text() == "half"
        kill()
        files.sweep(tmp_path)
        assert not part.exists()


def test_files_of_this_process_are_kept(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "one.csv") as part:
        files.sweep(tmp_path)
        assert part.exists()


def owned(folder: Path, machine: str, pid: int, started: int, age: float = 0) -> Path:
    part = folder / f".one.csv.{machine}-{pid}-{started}.0123abcd.part"
    part.write_text("half")
    os.utime(part, (time.time() - age,) * 2)
    return part


def test_a_process_that_reuses_the_process_id_does_not_own_the_file(tmp_path: Path) -> None:
    machine, pid, started = temporary._owner(os.getpid()).split("-")
    own = owned(tmp_path, machine, int(pid), int(started))
    earlier = owned(tmp_path, machine, int(pid), int(started) - 1)
    files.sweep(tmp_path)
    assert own.exists() and not earlier.exists()


@pytest.mark.parametrize("age", [0, 3600, temporary.FOREIGN - 60, temporary.FOREIGN + 60])
def test_files_of_another_machine_are_kept_for_a_day(tmp_path: Path, age: float) -> None:
    part = owned(tmp_path, "00000000", 1, 1, age)
    files.sweep(tmp_path)
    assert part.exists() == (age < temporary.FOREIGN)


@pytest.mark.parametrize(("age", "kept"), [(590, True), (610, False)])
def test_files_without_an_owner_are_kept_for_the_given_age(
    tmp_path: Path, age: float, kept: bool
) -> None:
    part = tmp_path / ".goes_ts.csv.x7fq.part.csv"
    part.write_text("half")
    os.utime(part, (time.time() - age,) * 2)
    files.sweep(tmp_path, 600)
    assert part.exists() == kept


def test_a_temporary_folder_is_deleted_unless_it_was_renamed(tmp_path: Path) -> None:
    with temporary.folder(tmp_path / "store") as part:
        (part / "0.0").write_text("chunk")
        part.rename(tmp_path / "store")
    with pytest.raises(RuntimeError), temporary.folder(tmp_path / "other") as part:
        (part / "0.0").write_text("chunk")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_of_a_killed_process_is_deleted_with_its_content(tmp_path: Path) -> None:
    part = tmp_path / f".store.{temporary._machine()}-{os.getpid()}-1.0123abcd.part"
    part.mkdir()
    (part / "0.0").write_text("chunk")
    files.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_that_only_resemble_temporary_files_are_kept(tmp_path: Path) -> None:
    for name in ("one.part", ".hidden", "one.csv"):
        (tmp_path / name).write_text("mine")
    forget()
    files.write_text(tmp_path / "two.csv", "whole")
    files.sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
