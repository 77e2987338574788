"""Worker pools of threads, local processes, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from typing import Any

from . import console, settings
from .errors import AstrodomeError

GRACE = 3.0
"""Time to wait for running items after Ctrl-C, in seconds."""
POLL = 2.0
"""Interval between checks of a cluster that returns no results, in seconds."""


class Pool:
    """A thread pool, which is also the base class of the other pools."""

    poll: float | None = None
    """Time to wait for a result before :meth:`check` is called, in seconds. None disables it."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self._wait = True

    def submit(self, function: Callable[[Any], Any], item: Any) -> Future[Any]:
        """Submit the call ``function(item)``."""
        return self.executor.submit(function, item)

    def check(self) -> None:
        """Raise AstrodomeError if the pool can no longer return results."""

    def interrupt(self, futures: Collection[Future[Any]]) -> None:
        """Wait a few seconds after Ctrl-C for the calls in progress, and then abandon them."""
        cancel(futures)
        _wait_for(futures, GRACE)
        self._wait = False

    def close(self) -> None:
        """Shut down the pool when the running items are finished, or immediately if interrupted."""
        self.executor.shutdown(wait=self._wait, cancel_futures=True)


class _InProcess(Executor):
    """An executor that runs each call immediately in the calling thread."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes(Pool):
    """A pool of local processes, which end when the parent process is killed or interrupted."""

    def __init__(self, jobs: int, fresh: Sequence[str]) -> None:
        from concurrent.futures import ProcessPoolExecutor  # The import takes 20 ms.

        # A fork is fast and safe while this process has a single thread.
        method = "forkserver" if fresh else "fork" if threading.active_count() == 1 else "spawn"
        context: Any = multiprocessing.get_context(method)
        if fresh:
            context.set_forkserver_preload([*fresh])
        self._others = set(multiprocessing.active_children())
        options = (settings.options.verbose, settings.options.debug)
        super().__init__(ProcessPoolExecutor(jobs, context, _begin, options))

    def submit(self, function: Callable[[Any], Any], item: Any) -> Future[Any]:
        with _without_interrupts():  # A new worker cannot handle the signal yet.
            return self.executor.submit(_Call(function), item)

    def interrupt(self, futures: Collection[Future[Any]]) -> None:
        """Interrupt the running items, and terminate workers that do not respond.

        The other items are not canceled. The workers refuse them, and an executor whose workers are
        terminated cannot handle canceled items.
        """
        workers = [p for p in multiprocessing.active_children() if p not in self._others]
        for worker in workers:
            with suppress(OSError, TypeError):
                os.kill(worker.pid, signal.SIGINT)  # type: ignore[arg-type]
        _wait_for(futures, GRACE)
        if not all(future.done() for future in futures):
            for worker in workers:
                worker.terminate()


class Cluster(Pool):
    """A pool of workers on a Dask cluster, specified by the address of its scheduler."""

    poll = POLL

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise AstrodomeError(
                "A Dask cluster requires the package distributed, which is not installed.",
                "pip install 'astrodome[dask]'",
            ) from error
        try:
            self._client: Any = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise AstrodomeError(
                f"Cannot connect to a Dask scheduler at {address}.",
                "Check the address of the scheduler, for example tcp://HOST:8786.",
            ) from error
        self.address = address
        cluster = settings.section(settings.DASK, settings.dask_settings())
        self._limit: float = cluster.worker_timeout
        self._alone_since: float | None = None
        workers, threads = self._size()
        text = f"Dask cluster at {address}: {workers} workers with {threads} threads"
        console.note(
            f"{text}." if workers else f"{text}; waiting up to {self._limit:g} s for a worker."
        )
        super().__init__(self._client.get_executor(pure=False))

    def _size(self) -> tuple[int, int]:
        """Return the number of workers and their total number of threads."""
        try:
            # The key is missing while the client reconnects to the scheduler.
            workers = self._client.scheduler_info().get("workers", {}).values()
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self.lost() from error
        return len(workers), sum(int(worker["nthreads"]) for worker in workers)

    def check(self) -> None:
        """Raise AstrodomeError if the scheduler stopped or has had no worker for too long."""
        if self._client.status not in ("running", "connecting"):
            raise self.lost()
        now = time.monotonic()
        if self._size()[0]:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since >= self._limit:
            self._wait = False
            raise AstrodomeError(
                f"The Dask cluster at {self.address} has had no worker for {self._limit:g} s.",
                f"Start a worker: dask worker {self.address}. To wait longer, increase the setting "
                "dask.worker_timeout (seconds), for example ASTRODOME_DASK_WORKER_TIMEOUT=600.",
            )

    def lost(self) -> AstrodomeError:
        """Return the error for a lost connection to the scheduler."""
        self._wait = False
        return AstrodomeError(
            f"The connection to the Dask scheduler at {self.address} was lost.",
            "Start the scheduler and run the same command again.",
        )

    def interrupt(self, futures: Collection[Future[Any]]) -> None:
        cancel(futures)
        self._wait = False

    def close(self) -> None:
        try:
            self.executor.shutdown(wait=self._wait)
            self._client.close()
        except (OSError, TimeoutError, RuntimeError):  # The scheduler has stopped.
            if self._wait:
                raise


def open_pool(
    jobs: int, threads: bool, fresh: Sequence[str], scheduler: str, in_process: bool = False
) -> Pool:
    """Return a pool of threads, local processes or Dask workers.

    ``fresh`` contains the modules that are imported before the processes are forked from a new
    process. If it is empty, the processes are forked from this process.
    If ``in_process`` is True and a process cannot be forked, the calls run in this process.
    """
    if scheduler:
        return Cluster(scheduler)
    if threads:
        from concurrent.futures import ThreadPoolExecutor

        return Pool(ThreadPoolExecutor(jobs))
    if in_process and threading.active_count() > 1:
        # A new process that is not forked executes the main script, unless it checks __name__.
        return Pool(_InProcess())
    return Processes(jobs, fresh)


def cancel(futures: Collection[Future[Any]]) -> None:
    """Cancel the calls that have not started."""
    for future in futures:
        future.cancel()


def _wait_for(futures: Collection[Future[Any]], seconds: float) -> None:
    last = time.monotonic() + seconds
    while time.monotonic() < last and not all(future.done() for future in futures):
        time.sleep(0.02)  # If interrupted, concurrent.futures.wait does not release its locks.


# The code below runs in a worker process.

_busy = _stopped = False


class _Call:
    """A wrapper for a function. After Ctrl-C, all calls raise KeyboardInterrupt."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, item: Any) -> Any:
        global _busy
        if _stopped:
            raise KeyboardInterrupt
        _busy = True
        try:
            return self.function(item)
        finally:
            _busy = False


def _begin(verbose: bool, debug: bool) -> None:
    """Initialize a worker: hide library messages, handle Ctrl-C, and end with the parent."""
    from . import process

    process.route_messages(verbose, debug)
    _end_with_parent()
    signal.signal(signal.SIGINT, _interrupted)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _interrupted(*_: Any) -> None:
    global _stopped
    first, _stopped = not _stopped, True
    if _busy and first:  # A second signal must not prevent the removal of temporary files.
        raise KeyboardInterrupt


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block. New processes inherit the blocked signal.

    Blocking the signal in the main thread is not enough, because another thread may receive it.
    Python then calls the handler in the main thread.
    """
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda *_: came.append(1)) if main else None
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if main:
            signal.signal(signal.SIGINT, signal.SIG_DFL if handler is None else handler)
    if came:
        signal.raise_signal(signal.SIGINT)


def _end_with_parent() -> None:
    """End this worker when its parent process is killed, instead of waiting forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
