"""Scores in shards: in several processes, on a cluster, and after a kill."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astrodome.testing import Result

ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def whole(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compute maps of the training patches in one shard."""
    from astrodome.testing import run

    folder = tmp_path_factory.mktemp("maps")
    args = ("-l", trained, "-m", "pixel", "-p", folder)
    run("sdo", "sood", "ce_vae", "predict", *args, plugin="astrodome_sood.plugin").succeeded()
    return folder


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use shards of five images."""
    monkeypatch.setattr("astrodome_sood.scoring.shards.SHARD_BYTES", 5 * 32 * 32 * 4)


def pixel_arguments(run: Path, out: Path) -> list[str]:
    return ["-l", str(run), "-m", "pixel", "-p", str(out)]


def small_shards_command(run: Path, out: Path) -> list[str]:
    """Return a command that computes maps in a separate process, in shards of one image."""
    code = "import astrodome_sood.scoring.shards as s; s.SHARD_BYTES = 4096; "
    code += "from astrodome.app import main; main('sdo')"
    command = [sys.executable, "-c", code, "sood", "ce_vae", "predict"]
    return [*command, *pixel_arguments(run, out)]


def computed(out: Path) -> int:
    """Return the number of images whose scores an interrupted prediction has saved."""
    if not (out / ".scores.json").exists():
        return 0
    scores = np.load(out / ".scores.npy", mmap_mode="r")
    return int(np.isfinite(scores).all(axis=(1, 2)).sum())


def same_maps(one: Path, other: Path) -> bool:
    a, b = (np.load(folder / "maps.npy") for folder in (one, other))
    return bool(np.allclose(a, b, rtol=1e-3, atol=1e-6 * np.abs(a).max()))


def test_several_processes_compute_the_same_maps_as_one(
    trained: Path, whole: Path, small_shards: None, sood: Callable[..., Result], tmp_path: Path
):
    sood("ce_vae", "predict", "-l", trained, "-m", "pixel", "-p", tmp_path, "--jobs", 2).succeeded()
    assert same_maps(tmp_path, whole)
    assert not list(tmp_path.glob(".scores*"))


@pytest.fixture
def cluster() -> Iterator[str]:
    """Start a Dask cluster with one worker process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", processes=True
    ) as made:
        yield made.scheduler_address


def test_a_dask_cluster_computes_the_same_maps_as_one_process(
    trained: Path,
    whole: Path,
    small_shards: None,
    sood: Callable[..., Result],
    tmp_path: Path,
    cluster: str,
):
    args = ("-l", trained, "-m", "pixel", "-p", tmp_path, "--scheduler", cluster)
    sood("ce_vae", "predict", *args).succeeded()
    assert same_maps(tmp_path, whole)


def test_a_resumed_prediction_computes_only_missing_shards(
    trained: Path,
    whole: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """The saved scores are replaced by other values, which the result must contain."""
    command = small_shards_command(trained, tmp_path)
    process = subprocess.Popen(command, env=ONE_THREAD, stderr=subprocess.DEVNULL)
    while process.poll() is None and not computed(tmp_path):
        time.sleep(0.005)
    process.kill()
    process.wait()
    count = computed(tmp_path)
    assert 0 < count < 48
    saved = np.lib.format.open_memmap(tmp_path / ".scores.npy", "r+")
    saved[:count] = 7
    saved.flush()
    monkeypatch.setattr("astrodome_sood.scoring.shards.SHARD_BYTES", 4096)
    sood("ce_vae", "predict", *pixel_arguments(trained, tmp_path)).succeeded()
    maps, expected = np.load(tmp_path / "maps.npy"), np.load(whole / "maps.npy")
    assert (maps[:count] == 7).all()
    np.testing.assert_allclose(maps[count:], expected[count:], rtol=1e-3, atol=1e-8)


def test_scores_of_another_prediction_are_not_used(
    trained: Path, whole: Path, small_shards: None, sood: Callable[..., Result], tmp_path: Path
):
    (tmp_path / ".scores.json").write_text('{"backend": "another"}')
    np.save(tmp_path / ".scores.npy", np.zeros((48, 32, 32), np.float32))
    sood("ce_vae", "predict", "-l", trained, "-m", "pixel", "-p", tmp_path).succeeded()
    assert same_maps(tmp_path, whole)


def test_a_killed_prediction_has_the_same_result_after_it_is_resumed(
    trained: Path,
    whole: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    torture: Callable[[int, int], int],
):
    command = small_shards_command(trained, tmp_path)
    moments = random.Random(3)
    for _ in range(torture(1, 20)):
        process = subprocess.Popen(command, env=ONE_THREAD, stderr=subprocess.DEVNULL)
        before = computed(tmp_path)
        while process.poll() is None and computed(tmp_path) == before:
            time.sleep(0.005)
        time.sleep(moments.random() * 0.1)
        process.kill()
        process.wait()
    sood("ce_vae", "predict", *pixel_arguments(trained, tmp_path)).succeeded()
    assert same_maps(tmp_path, whole)
    assert not list(tmp_path.glob(".scores*")) and not list(tmp_path.glob(".*.part*"))


def test_an_unreachable_cluster_is_an_error(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    args = ("-l", trained, "-p", tmp_path, "--scheduler", "nowhere:1")
    failed = sood("ce_vae", "predict", *args)
    assert failed.code == 1 and "Cannot connect to a Dask scheduler at nowhere:1" in failed.err
