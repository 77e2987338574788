"""``resize`` and ``patch`` on a Dask cluster of separate processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from astrodome.testing import Result

distributed = pytest.importorskip("distributed")

Data = Callable[..., Result]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Start a scheduler with two worker processes and return its address."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0"
    ) as running:
        yield running.scheduler_address


def contents(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.jpeg")}
    assert found
    return found


@pytest.mark.parametrize(
    ("command", "done"),
    [(("resize", "--size", 48), 13), (("patch", "--size", 40, "--max-patches", 6), 78)],
)
def test_a_cluster_writes_the_same_files_as_this_machine(
    data: Data, archive: Path, cluster: str, tmp_path: Path, command: tuple[object, ...], done: int
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    data(*command, "--path", archive, "--targetpath", here).succeeded()
    options = ("--path", archive, "--targetpath", there, "--scheduler", cluster, "--json")
    assert data(*command, *options).json == {"done": done, "skipped": 0, "failed": []}
    assert contents(there) == contents(here)
    assert data(*command, *options).json == {"done": 0, "skipped": done, "failed": []}


def test_workers_in_another_folder_find_relative_paths(
    data: Data, archive: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    data("resize", "--path", "archive", "--targetpath", "small", "--scheduler", cluster).succeeded()
    assert len(contents(archive.parent / "small")) == 13


def test_a_damaged_image_is_reported_and_the_others_are_resized_on_a_cluster(
    data: Data, archive: Path, cluster: str, tmp_path: Path
) -> None:
    bad = archive / "2013-06-24T170300__193.jpeg"
    bad.write_bytes(bad.read_bytes()[:5000])
    options = ("--targetpath", tmp_path / "out", "--scheduler", cluster)
    result = data("resize", "--path", archive, *options)
    assert result.code == 1
    assert f"failed  {bad.name}: The image is damaged or cannot be read" in result.err
    assert len(contents(tmp_path / "out")) == 12


def test_an_unreachable_scheduler_is_an_error(data: Data, archive: Path, tmp_path: Path) -> None:
    options = ("--targetpath", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1")
    result = data("patch", "--path", archive, *options)
    assert result.code == 1
    assert "Cannot connect to a Dask scheduler at tcp://127.0.0.1:1." in result.err
