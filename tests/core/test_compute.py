"""Parallel processing of many items."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from astrodome import AstrodomeError, compute, workers


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
def test_a_failed_item_is_reported_and_the_others_are_processed(threads: bool, jobs: int) -> None:
    ended = list(compute.map(square, range(20), threads=threads, jobs=jobs))
    assert {d.item: d.value for d in ended if not d.error} == {
        n: n * n for n in range(20) if n != 3
    }
    assert [(d.item, d.error) for d in ended if d.error] == [(3, "three is broken")]


def write(folder: Path) -> None:
    (folder / uuid.uuid4().hex).touch()


def test_items_are_processed_on_a_dask_cluster(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        ended = list(compute.map(square, range(10), scheduler=cluster.scheduler_address))
        equal = [tmp_path] * 4
        assert len(list(compute.map(write, equal, scheduler=cluster.scheduler_address))) == 4
    assert len(list(tmp_path.iterdir())) == 4, "each of several equal items is processed"
    assert sorted(d.item for d in ended) == list(range(10))
    assert [d.error for d in ended if d.item == 3] == ["three is broken"]


def waiting_longer_at_first(n: int) -> int:
    time.sleep(0.02 if n % 8 == 0 else 0)
    return square(n)


@pytest.mark.parametrize("threads", [True, False])
def test_ordered_results_have_the_order_of_the_items(threads: bool) -> None:
    ended = list(
        compute.map(waiting_longer_at_first, range(40), jobs=4, threads=threads, ordered=True)
    )
    assert [d.item for d in ended] == list(range(40))
    assert [d.value for d in ended] == [None if n == 3 else n * n for n in range(40)]


def test_many_workers_of_a_dask_cluster_work_at_the_same_time(tmp_path: Path) -> None:
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


def test_the_connection_to_a_dask_cluster_is_closed_after_the_work() -> None:
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


def test_a_missing_scheduler_is_an_error() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(AstrodomeError, match="Cannot connect to a Dask scheduler at nonsense"):
        list(compute.map(square, [1], scheduler="nonsense://1"))


def test_a_full_disk_stops_all_work_with_one_error() -> None:
    with pytest.raises(AstrodomeError, match=r"No space left on the disk.*/data/x\.jpeg"):
        list(compute.map(full, range(100), threads=True))


def test_a_killed_worker_is_an_error() -> None:
    with pytest.raises(AstrodomeError, match="worker process was killed"):
        list(compute.map(die, range(4)))
    with pytest.raises(AstrodomeError, match="worker process was killed"):
        list(compute.map(die_later, range(400)))  # while work is being handed out


SCRIPT = """
import sys, threading
from astrodome import compute

threading.Thread(target=threading.Event().wait, daemon=True).start()
for result in compute.map(abs, map(int, sys.argv[2:]), jobs=int(sys.argv[1]), in_process=True):
    print(result.value)
"""


@pytest.mark.parametrize(("args", "works"), [("4 -7", True), ("1 -7 7", True), ("2 -7 7", False)])
def test_a_script_with_threads_needs_no_main_block_for_one_job_or_item(
    args: str, works: bool, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), *args.split()]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if works:
        assert set(ran.stdout.split()) == {"7"} and ran.stderr == ""
    else:
        assert (
            "In a script, call the function inside the block: if __name__ == '__main__':"
            in ran.stderr
        )


def touch(path: Path) -> None:
    time.sleep(0.01)
    path.touch()


def kind_of_process(n: int) -> str:
    return type(multiprocessing.current_process()).__name__


def test_fresh_processes_are_not_forks_of_this_process() -> None:
    (fresh,) = compute.map(kind_of_process, [1], jobs=1, fresh=True)
    standard, _ = compute.map(kind_of_process, [1, 2], jobs=2)
    assert fresh.value == "ForkServerProcess"
    assert standard.value in ("ForkProcess", "SpawnProcess")


def test_items_after_an_early_stop_are_not_processed(tmp_path: Path) -> None:
    for _ in compute.map(touch, (tmp_path / str(n) for n in range(500)), threads=True, jobs=2):
        break
    assert 0 < len(list(tmp_path.iterdir())) < 50


def test_stop_is_called_while_items_are_running() -> None:
    stopped = threading.Event()

    def wait(number: int) -> int:
        if number:
            assert stopped.wait(30)
        return number

    ended = compute.map(wait, range(50), jobs=4, threads=True, stop=stopped.set)
    assert next(ended).item == 0
    ended.close()
    assert stopped.is_set()


def cluster(workers: int) -> Any:
    distributed = pytest.importorskip("distributed")
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=2, processes=False, dashboard_address=None
    )


def test_a_cluster_without_workers_ends_in_one_error_after_the_configured_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASTRODOME_DASK_WORKER_TIMEOUT", "0.5")
    with cluster(0) as empty:
        started = time.monotonic()
        with pytest.raises(AstrodomeError, match=r"has had no worker for 0\.5 s") as failure:
            list(compute.map(square, range(24), scheduler=empty.scheduler_address))
        assert 0.5 <= time.monotonic() - started < 20
        said = capsys.readouterr().err
    assert f"Dask cluster at {empty.scheduler_address}: 0 workers" in said
    assert "waiting up to 0.5 s" in said and said.count("\n") == 1
    assert "ASTRODOME_DASK_WORKER_TIMEOUT" in failure.value.hint


@pytest.mark.parametrize("ordered", [False, True])
def test_a_worker_that_comes_later_does_the_work(
    ordered: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster(0) as late:
        begin = threading.Timer(2.5, late.scale, [1])
        begin.start()
        found = compute.map(str, range(8), scheduler=late.scheduler_address, ordered=ordered)
        assert sorted(done.value or "" for done in found) == [str(n) for n in range(8)]
        begin.join()
        list(compute.map(str, range(2), scheduler=late.scheduler_address))
    assert "1 workers with 2 threads." in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_the_time_to_wait_for_a_worker_must_be_a_positive_number(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_DASK_WORKER_TIMEOUT", value)
    with cluster(0) as empty, pytest.raises(AstrodomeError, match="worker_timeout"):
        list(compute.map(str, range(2), scheduler=empty.scheduler_address))


@pytest.mark.parametrize("ordered", [False, True])
def test_a_scheduler_that_stops_is_one_error(ordered: bool) -> None:
    def wait(n: int) -> int:
        time.sleep(0.2)
        return n

    with cluster(1) as stopping:
        found = compute.map(wait, range(24), scheduler=stopping.scheduler_address, ordered=ordered)
        first = next(found).value
        assert first == 0 if ordered else first in range(24)
        threading.Thread(target=stopping.close).start()
        with pytest.raises(AstrodomeError, match=r"connection to the Dask .* was lost"):
            for done in found:
                assert not done.error


def test_a_client_that_reconnects_has_no_workers_until_it_is_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with cluster(1) as stopping:
        pool = workers.Cluster(stopping.scheduler_address)
        pool.check()
        monkeypatch.setattr(pool._client, "scheduler_info", dict)
        pool.check()  # It may connect again in time.
        monkeypatch.setattr(pool, "_limit", 0.0)
        with pytest.raises(AstrodomeError, match="has had no worker"):
            pool.check()
        pool.close()


def slow_at_first(n: int) -> int:
    time.sleep(1 if n == 0 else 0)
    return n


@pytest.mark.parametrize("threads", [True, False])
def test_unordered_results_are_yielded_as_soon_as_they_exist(threads: bool) -> None:
    found = compute.map(slow_at_first, range(8), jobs=2, threads=threads)
    assert [done.value for done in found][-1] == 0


@pytest.mark.parametrize("ordered", [False, True])
def test_an_item_that_raises_a_timeout_is_a_failed_item(ordered: bool) -> None:
    def late(n: int) -> int:
        raise TimeoutError

    ended = list(compute.map(late, range(3), threads=True, ordered=ordered))
    assert [done.error for done in ended] == ["TimeoutError"] * 3


def test_an_interrupt_stops_the_running_item_and_all_later_items_of_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(n: int) -> None:
        workers._interrupted()

    for running in (True, False):
        monkeypatch.setattr(workers, "_busy", False)
        monkeypatch.setattr(workers, "_stopped", False)
        assert workers._Call(str)(1) == "1"
        if running:
            with pytest.raises(KeyboardInterrupt):
                workers._Call(interrupt)(2)
        try:
            workers._interrupted()
        except KeyboardInterrupt:
            pytest.fail("a worker that waits for an item was interrupted")
        with pytest.raises(KeyboardInterrupt):
            workers._Call(str)(3)


def test_running_items_have_some_seconds_to_finish_after_an_interrupt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = workers.open_pool(1, True, "", "")
    running = pool.submit(time.sleep, 0.3)
    pool.interrupt([running])
    assert running.done()

    monkeypatch.setattr(workers, "GRACE", 0.1)
    started, release = threading.Event(), threading.Event()
    endless = pool.submit(lambda _: (started.set(), release.wait(60)), None)
    assert started.wait(60)
    pool.interrupt([endless])
    assert not endless.done()
    release.set()
    pool.close()


def ignore_interrupts(number: int) -> None:
    """Run until the process is terminated."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(0.05)


def test_terminated_workers_leave_no_error_message(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt, messages = workers.Processes.interrupt, []

    def interrupt_and_wait(pool: workers.Processes, futures: Any) -> None:
        interrupt(pool, futures)
        time.sleep(1)  # The executor notices the end of its workers before it is shut down.

    monkeypatch.setattr(workers, "GRACE", 0.5)
    monkeypatch.setattr(workers.Processes, "interrupt", interrupt_and_wait)
    monkeypatch.setattr(threading, "excepthook", messages.append)
    results = compute.map(ignore_interrupts, range(9), jobs=2)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert messages == []
