"""Process many items in parallel on the local CPUs or on a Dask cluster."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from . import scripts, suggestions, workers
from .errors import AstrodomeError, from_os_error, reason, stops_everything

AHEAD_OF_CLUSTER = 1024
"""Maximum number of unfinished items that are submitted to a Dask cluster.

An adaptive cluster starts more workers only if many items are waiting."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class ItemResult(Generic[Item, Result]):
    """The result of calling the function with one item.

    ``value`` is the return value. If the call failed, ``error`` is the error message.
    """

    item: Item
    value: Result | None = None
    error: str = ""


@dataclass
class Outcome:
    """The numbers of processed and skipped items, and a list of failed items.

    ``failed`` contains one tuple (name, error message) for each failed item.
    """

    done: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as a dictionary that can be converted to JSON."""
        failed = [{"name": name, "reason": why} for name, why in self.failed]
        return {"done": self.done, "skipped": self.skipped, "failed": failed}


@dataclass
class Plan:
    """What a command would do: the result of a dry run.

    ``planned`` contains the names of the items that would be processed or written. ``skipped`` is
    the number of items that need no change. ``failed`` contains one tuple (name, error message) for
    each item that cannot be processed. ``deleted`` contains the files that would be deleted.
    """

    planned: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, items: Iterable[object]) -> Plan:
        """Return a plan in which all items are planned. Their names are their text forms."""
        return cls([str(item) for item in items])

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as a dictionary that can be converted to JSON."""
        failed = [{"name": name, "reason": why} for name, why in self.failed]
        planned = {"dry_run": True, "planned": self.planned, "deleted": self.deleted}
        return {**planned, "skipped": self.skipped, "failed": failed}


def cores() -> int:
    """Return the number of CPUs that are available to the current process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int = 0,
    threads: bool = False,
    fresh: bool = False,
    preload: Sequence[str] = (),
    scheduler: str = "",
    ordered: bool = False,
    in_process: bool = False,
    stop: Callable[[], object] | None = None,
) -> Iterator[ItemResult[Item, Result]]:
    """Apply a function to every item in parallel, by default in local processes.

    After Ctrl-C, running calls are interrupted. Worker processes that do not stop within a few
    seconds are terminated.

    Parameters
    ----------
    function
        Function that is called with each item. It must be picklable unless ``threads`` is True.
    items
        Items to process. The iterable is consumed while results are yielded.
    jobs
        Number of workers. 0 means one worker per CPU.
    threads
        Whether to use threads instead of processes. Threads are suitable for functions that
        release the global interpreter lock (GIL), such as image codecs.
    fresh
        Whether to start new processes instead of forking the current one. This is required for
        libraries that do not support forking (TensorFlow, OpenMP). The processes import only the
        module of ``function``, and inherit the environment variables that are set at the time of
        the first call.
    preload
        Names of other modules that ``fresh`` processes need. They are imported once instead of in
        each process, so the import must not start threads.
    scheduler
        Address of a Dask scheduler, for example ``tcp://HOST:8786``.
    ordered
        Whether to yield the results in the order of the items instead of the order of completion.
    in_process
        Whether the items may be processed in the current process if it has several threads and
        ``jobs`` is 1 or there is only one item. A process with several threads cannot be forked,
        and a new process that is not forked executes the main script again.
    stop
        Function that is called if processing stops early, before waiting for running calls.

    Yields
    ------
    ItemResult
        The item and the return value, or the item and the error message if the call raised an
        exception.

    Raises
    ------
    AstrodomeError
        If the disk is full or read-only, or if a worker was killed.

    Examples
    --------
    >>> results = map(lambda x: 1 / x, [1, 0, 4], threads=True, ordered=True)
    >>> [(result.value, result.error) for result in results]
    [(1.0, ''), (None, 'ZeroDivisionError: division by zero'), (0.25, '')]
    """
    home = (getattr(function, "func", function).__module__, *preload) if fresh else ()
    todo = iter(items)
    first = list(itertools.islice(todo, 2))
    todo = itertools.chain(first, todo)
    alone = in_process and (jobs == 1 or len(first) < 2)
    pool = workers.open_pool(jobs or cores(), threads, home, scheduler, alone)
    waiting: dict[Future[Result], Item] = {}
    ended: SimpleQueue[Future[Result]] = SimpleQueue()

    def submit(item: Item) -> None:
        future = pool.submit(function, item)
        waiting[future] = item
        if not ordered:  # Ctrl-C in concurrent.futures.wait breaks its locks.
            future.add_done_callback(ended.put)

    ahead = max(4 * (jobs or cores()), AHEAD_OF_CLUSTER if scheduler else 0)
    try:
        for item in itertools.islice(todo, ahead):
            submit(item)
        while waiting:
            future = _next(pool, next(iter(waiting)) if ordered else None, ended)
            item = waiting.pop(future)
            for new in itertools.islice(todo, 1):
                submit(new)
            yield _done(item, future, pool)
    except BaseException as error:
        if stop:
            stop()
        if isinstance(error, KeyboardInterrupt):
            pool.interrupt(waiting)
        else:
            workers.cancel(waiting)
        if isinstance(error, BrokenExecutor):  # raised by submit
            raise _died() from error
        raise
    finally:
        pool.close()


def _next(
    pool: workers.Pool, first: Future[Result] | None, ended: SimpleQueue[Future[Result]]
) -> Future[Result]:
    """Wait for ``first``, or for any future if ``first`` is None. Return the finished future."""
    while True:
        try:
            if first is None:
                return ended.get(timeout=pool.poll)
            first.exception(timeout=pool.poll)
            return first
        except (Empty, TimeoutError):
            if first is not None and first.done():
                return first
            pool.check()
        except CancelledError:
            assert first is not None
            return first


def _done(item: Item, future: Future[Result], pool: workers.Pool) -> ItemResult[Item, Result]:
    try:
        return ItemResult(item, future.result())
    except BrokenExecutor as error:
        raise _died() from error
    except CancelledError as error:  # The cluster canceled the call.
        if isinstance(pool, workers.Cluster):
            raise pool.lost() from error
        raise
    except OSError as error:
        if stops_everything(error):
            raise from_os_error(error) from error
        return ItemResult(item, error=reason(error))
    except Exception as error:
        pool.check()  # A cluster that shuts down raises various errors instead of the result.
        return ItemResult(item, error=reason(error))


def _died() -> AstrodomeError:
    hint = "Reduce the number of jobs if the memory is not sufficient."
    if scripts.app_of(Path(sys.argv[0]).name) not in suggestions.apps():
        hint += " In a script, call the function inside the block: if __name__ == '__main__':"
    return AstrodomeError("A worker process was killed, or failed to start.", hint)
