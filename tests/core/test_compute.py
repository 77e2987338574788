"""Work over many items."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest
from astrodome import AstrodomeError, compute


def square(n: int) -> int:
    if n == 3:
        raise ValueError("three is broken")
    return n * n


def full(n: int) -> int:
    if n == 2:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/x.jpeg")
    return n


def die_later(n: int) -> int:
    return die(n) if n == 100 else n


def die(n: int) -> int:
    os._exit(9)


@pytest.mark.parametrize("threads", [True, False])
@pytest.mark.parametrize("jobs", [1, 4])
def test_a_bad_item_is_named_and_the_others_are_done(threads: bool, jobs: int) -> None:
    ended = list(compute.map(square, range(20), threads=threads, jobs=jobs))
    assert {d.item: d.value for d in ended if not d.error} == {
        n: n * n for n in range(20) if n != 3
    }
    assert [(d.item, d.error) for d in ended if d.error] == [(3, "three is broken")]


def test_the_same_on_a_dask_cluster() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        ended = list(compute.map(square, range(10), scheduler=cluster.scheduler_address))
    assert sorted(d.item for d in ended) == list(range(10))
    assert [d.error for d in ended if d.item == 3] == ["three is broken"]


def waiting_longer_at_first(n: int) -> int:
    time.sleep(0.02 if n % 8 == 0 else 0)
    return square(n)


@pytest.mark.parametrize("threads", [True, False])
def test_ordered_results_come_as_the_items_were_given(threads: bool) -> None:
    ended = list(
        compute.map(waiting_longer_at_first, range(40), jobs=4, threads=threads, ordered=True)
    )
    assert [d.item for d in ended] == list(range(40))
    assert [d.value for d in ended] == [None if n == 3 else n * n for n in range(40)]


def test_a_dask_cluster_with_many_workers_is_kept_busy(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")

    def meet(n: int) -> int:
        """Wait until 60 items are being worked on at one time."""
        (tmp_path / str(n)).touch()
        for _ in range(1000):
            if len(list(tmp_path.iterdir())) == 60:
                return n
            time.sleep(0.02)
        raise TimeoutError(f"{n} was alone")

    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=60, processes=False, dashboard_address=":0"
    ) as cluster:
        ended = list(compute.map(meet, range(60), scheduler=cluster.scheduler_address))
    assert [d.error for d in ended if d.error] == []


def test_a_dask_cluster_is_left_when_the_work_ends_or_is_stopped() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        before = set(cluster.scheduler.clients)
        for early in (False, True):
            ended = compute.map(str, range(10), scheduler=cluster.scheduler_address)
            for _ in ended:
                assert set(cluster.scheduler.clients) > before
                if early:
                    break
            del ended  # what was not asked for any more is closed with its generator
            assert set(cluster.scheduler.clients) == before


def test_no_scheduler_at_the_address_is_a_sentence() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(AstrodomeError, match="No Dask scheduler answers at nonsense"):
        list(compute.map(square, [1], scheduler="nonsense://1"))


def test_a_full_disk_stops_everything_with_one_sentence() -> None:
    with pytest.raises(AstrodomeError, match=r"No space left on the disk.*/data/x\.jpeg"):
        list(compute.map(full, range(100), threads=True))


def test_a_worker_that_dies_is_a_sentence() -> None:
    with pytest.raises(AstrodomeError, match="worker process died"):
        list(compute.map(die, range(4)))
    with pytest.raises(AstrodomeError, match="worker process died"):
        list(compute.map(die_later, range(400)))  # while work is being handed out


def touch(path: Path) -> None:
    time.sleep(0.01)
    path.touch()


def test_stopping_early_leaves_the_rest_undone(tmp_path: Path) -> None:
    for _ in compute.map(touch, (tmp_path / str(n) for n in range(500)), threads=True, jobs=2):
        break
    assert 0 < len(list(tmp_path.iterdir())) < 50


def test_work_that_is_broken_off_tells_the_items_that_still_run() -> None:
    stopped = threading.Event()

    def wait(number: int) -> int:
        if number:
            assert stopped.wait(30)
        return number

    ended = compute.map(wait, range(50), jobs=4, threads=True, stop=stopped.set)
    assert next(ended).item == 0
    ended.close()
    assert stopped.is_set()
