"""Run a batch of changes to a marshal, and print the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astrodome import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..marshal.batches import WriteResult
    from ..marshal.idempotent_writes import IdempotentWriter


def run_batch(
    marshal: Any,
    process: Callable[[IdempotentWriter], Iterable[WriteResult[Any]]],
    label: str,
    total: int,
    unit: str,
    *,
    dry_run: bool,
) -> list[WriteResult[Any]]:
    """Call ``process`` with a writer, show the progress, and return the results."""
    from ..marshal.idempotent_writes import open_writer

    results = []
    with (
        open_writer(marshal, dry_run=dry_run, notify=console.note) as writer,
        console.progress(label, total, unit) as bar,
    ):
        for result in process(writer):
            results.append(result)
            bar.advance(1, result.obj_id)
    return results


def describe(parameters: Mapping[str, Any]) -> str:
    """Describe the parameters of a request in one line."""
    parts = []
    for key, value in parameters.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = ", ".join(f"{one['classification']} {one['probability']:g}" for one in value)
        elif isinstance(value, list | tuple):
            value = " ".join(map(str, value))
        if value not in (None, ""):
            parts.append(f"{key}: {value}")
    return "; ".join(parts)


def request_rows(
    results: Iterable[WriteResult[Any]], name: str, identify: Callable[[Any], Any]
) -> Iterator[dict[str, Any]]:
    """Yield an output row for each request.

    ``name`` is the name of the first column, which contains the result of ``identify``.
    """
    for result in results:
        for request in result.requests:
            yield {
                name: identify(result.item),
                "source": request.obj_id,
                "call": request.operation,
                "what": describe(request.parameters),
            }


def finish_batch(
    results: Iterable[WriteResult[Any]],
    name: Callable[[Any], str],
    verb: str,
    noun: str,
    document: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """Print the failed items and the counts. If an item failed, exit with status 1.

    If ``as_json`` is True, one JSON object that also contains ``document`` is printed instead.
    """
    from ..marshal import batches

    outcome = batches.count(results, name)
    if not as_json:
        unchanged = f"; {outcome.unchanged} checked, nothing to change" if outcome.unchanged else ""
        console.finish(outcome, verb, noun, more=unchanged)
        return
    console.show_json({**document, **outcome.as_dict()})
    if outcome.failed:
        raise SystemExit(1)
