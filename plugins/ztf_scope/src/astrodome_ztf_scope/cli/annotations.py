"""The command ``scope manage-annotation``."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

from astrodome import InvalidInputError, console, outputs
from astrodome.option_groups import option

from . import documents
from .batches import finish_batch, run_batch
from .options import DryRun, GroupIds, Jobs, Json, MarshalOptions, command

COLUMNS = ("obj_id", "origin", "key", "before", "after")
MESSAGES = {
    "post": "Posted annotation {origin} ({key} = {after}) for {obj_id}",
    "update": "Updated annotation {origin} ({key} changed from {before} to {after}) for {obj_id}",
    "delete": "Deleted annotation {origin} ({key} = {before}) for {obj_id}",
    "undo": "Restored annotation {origin} for {obj_id}",
}


@command
@outputs.declare(documents.AnnotationsDocument)
def manage(
    action: str = option("", "Action: post, update or delete."),
    source: str = option(
        "", "Name of a source, or a CSV, Parquet or HDF5 file with the column 'obj_id'."
    ),
    group_ids: GroupIds = None,
    origin: str = option("", "Origin of the annotation."),
    key: str = option("", "Key in the annotation."),
    value: str | None = option(
        None,
        "New value of the key (default: the values in the table column with the name of the key).",
    ),
    whole: bool = option(False, "Delete the annotation with all its keys."),
    undo_file: Path | None = option(
        None, "File for the previous annotations (default: annotations-undo-TIME.json)."
    ),
    undo: Path | None = option(None, "Undo file with the annotations to restore.", exists=True),
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    as_json: Json = False,
    *,
    service: MarshalOptions,
) -> None:
    """Post, update or delete a key in the annotations of sources.

    Origin and key are matched exactly. Updating or deleting a key does not change the other keys
    of an annotation. The previous annotations are written to a file, from which --undo can restore
    them.
    """
    from ..marshal import annotations, checks

    if undo:
        requests = annotations.read_undo_file(undo)
    elif action and source:
        requests = annotations.annotation_requests(
            action, source, origin, key, value, group_ids or (), whole=whole
        )
    else:
        raise InvalidInputError(
            f"Missing option '{'-source' if action else '-action'}'.",
            "scope manage-annotation -action post|update|delete -source NAME|FILE …",
        )
    marshal = service.open(jobs)
    checks.check_groups(marshal, {number for item in requests for number in item.group_ids})
    kept = None
    try:
        results = run_batch(
            marshal,
            lambda writer: annotations.apply_requests(marshal, requests, writer, jobs=jobs),
            "Annotating",
            len(requests),
            "sources",
            dry_run=dry_run,
        )
    finally:  # also after an interruption
        changed = sorted((one for one in requests if one.changed), key=lambda one: one.obj_id)
        if changed and not dry_run:
            kept = str(annotations.write_undo_file(undo_file or _new_undo_file(), changed))
    rows = [one.row for one in changed]
    if not as_json:
        console.show(rows, columns=COLUMNS)
        for row in rows if not dry_run else ():
            console.note(MESSAGES["undo" if undo else action.lower()].format(**row))
        if kept:
            console.note(f"To undo the changes: scope manage-annotation --undo {kept}")
    document = {"dry_run": dry_run, "changes": rows, "undo": kept}
    verb = "checked" if dry_run else "done"
    finish_batch(results, lambda item: item.obj_id, verb, "sources", document, as_json=as_json)


def _new_undo_file() -> Path:
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    names = (f"annotations-undo-{time}{f'-{n}' if n else ''}.json" for n in itertools.count())
    return next(path for path in map(Path, names) if not path.exists())
