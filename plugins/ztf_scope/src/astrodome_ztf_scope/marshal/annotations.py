"""Post, update and delete annotation keys, and record the changes so that they can be undone.

An annotation has an origin and any number of keys. Updating or deleting a key does not change the
other keys. When the last key is deleted, the annotation is deleted too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, files

from ..tables import datasets, identifiers, table_io
from . import batches
from . import journal as journals
from .idempotent_writes import IdempotentWriter
from .protocol import Marshal

ACTIONS = ("post", "update", "delete")
NUMERIC = re.compile(r"(period|pdot|significance|f1)(_.*)?|Plx|Mag_\w+", re.IGNORECASE)
"""Keys with numeric values, which SCoPe and the source page on Fritz use in calculations."""


@dataclass
class AnnotationRequest:
    """A request to change, delete or restore an annotation or one of its keys.

    ``obj_id`` is the name of the source, and ``origin`` is the origin of its annotation. If
    ``whole`` is True, the annotation is deleted with all its keys. If ``action`` is
    ``undo``, the annotation is replaced with ``data``, or deleted if ``data`` is None.

    If the request has changed the annotation, ``changed`` is True, and ``before`` and ``after``
    contain the annotation data before and after the change. None means that the
    annotation does not exist. ``groups`` contains the ids of the groups that can see it.
    """

    action: str
    obj_id: str
    origin: str
    key: str = ""
    value: Any = None
    group_ids: tuple[int, ...] = ()
    whole: bool = False
    data: dict[str, Any] | None = None
    changed: bool = field(default=False, repr=False)
    before: dict[str, Any] | None = field(default=None, repr=False)
    after: dict[str, Any] | None = field(default=None, repr=False)
    groups: tuple[int, ...] = field(default=(), repr=False)

    @property
    def row(self) -> dict[str, Any]:
        """The source, the origin, the key, and its values before and after the change."""
        before, after = (
            data.get(self.key) if data is not None and self.key else data
            for data in (self.before, self.after)
        )
        about = {"obj_id": self.obj_id, "origin": self.origin, "key": self.key}
        return {**about, "before": before, "after": after}


def parse_value(text: str) -> Any:
    """Convert text to an int or a finite float if possible, otherwise return it unchanged."""
    for kind in (int, float):
        with suppress(ValueError):
            number = kind(text)
            if "_" not in text and math.isfinite(number):
                return number
    return text


def check_value(key: str, value: Any, where: str = "") -> Any:
    """Return ``value`` unchanged if it is valid for ``key``.

    Raises AstrodomeError if the value is not a number although ``key`` requires one. NaN and
    infinite values are invalid for every key, because JSON does not support them. ``where`` is
    placed at the beginning of the error message.
    """
    number = _is_number(value)
    finite = number and math.isfinite(value)
    if finite or value is None or not (number or NUMERIC.fullmatch(key)):
        return value
    raise InvalidInputError(
        f"{where}Invalid value '{value}' for the key '{key}': expected a finite number.",
        "Write the number with a decimal point, for example 0.149. No request was sent.",
    )


def annotation_requests(
    action: str,
    source: str | pd.DataFrame,
    origin: str,
    key: str,
    value: Any = None,
    group_ids: Sequence[int] = (),
    *,
    whole: bool = False,
) -> list[AnnotationRequest]:
    """Return the annotation requests for one source, or for every source in a table.

    ``source`` is the name of a source, a file (CSV, Parquet, HDF5) or a DataFrame with the column
    ``obj_id``. If ``value`` is None, the values are read from the table column named ``key``.
    Raises AstrodomeError if an argument is invalid or missing.
    """
    action = action.lower()
    if action not in ACTIONS:
        raise InvalidInputError(f"Invalid action '{action}': expected post, update or delete.")
    for name, text in (("origin", origin), ("key", key)):
        if not text and not (name == "key" and whole):
            raise InvalidInputError(
                f"No {name} specified: it is required to {action} an annotation."
            )
    value = None if action == "delete" else value
    value = check_value(key, parse_value(value) if isinstance(value, str) else value)
    where = "The table"
    if isinstance(source, str) and datasets.is_table(Path(source)):
        where, source = source, table_io.read_table(Path(source))
    if isinstance(source, str):
        if value is None and action != "delete":
            raise InvalidInputError(
                f"No value specified: it is required to {action} an annotation."
            )
        values = {source: value}
    else:
        if "obj_id" not in source:
            raise InvalidInputError(f"{where} has no column 'obj_id'.")
        values = dict.fromkeys(source["obj_id"].astype(str), value)
        if value is None and action != "delete":
            values = _column_values(source, key, where)
    return [
        AnnotationRequest(action, obj_id, origin, key, one, tuple(group_ids), whole)
        for obj_id, one in values.items()
    ]


def _column_values(table: pd.DataFrame, key: str, where: str) -> dict[str, Any]:
    """Return the values in the column ``key``, keyed by ``obj_id``."""
    if key not in table:
        raise InvalidInputError(
            f"{where} has no column '{key}', which must contain the new values."
        )
    values: dict[str, Any] = {}
    for row, record in enumerate(identifiers.to_records(table[["obj_id", key]])):
        obj_id, value = record["obj_id"], record[key]
        value = None if identifiers.is_missing(value) else value
        if isinstance(value, str) and NUMERIC.fullmatch(key):  # Other cells contain text.
            value = parse_value(value)
        check_value(key, value, f"{where}, row {row} (counted from 0): ")
        if values.setdefault(str(obj_id), value) != value:
            raise AstrodomeError(
                f"{where} contains different values in column '{key}' for the source {obj_id}."
            )
    return values


def apply_requests(
    marshal: Marshal, items: Sequence[AnnotationRequest], writer: IdempotentWriter, *, jobs: int = 4
) -> Iterator[batches.WriteResult[AnnotationRequest]]:
    """Apply the requests and yield their results.

    The changes are stored in the attributes ``before`` and ``after`` of each request.
    """

    def apply_one(item: AnnotationRequest, own: IdempotentWriter) -> str:
        current = find_annotation(marshal.annotations(item.obj_id), item.origin)
        before = dict(current["data"]) if current else None
        after = _changed(item, before)
        if after != before:
            write_annotation(marshal, own, item.obj_id, item.origin, after, item.group_ids, current)
            item.groups = tuple(current["groups"]) if current else item.group_ids
            item.changed, item.before, item.after = True, before, after
        return item.obj_id

    return batches.process(
        writer,
        ([item] for item in items),
        apply_one,
        key=lambda item: journals.key(writer.address, "annotation", str(item)),
        name=lambda item: item.obj_id,
        jobs=jobs,
        recheck=True,  # Other users may have changed the annotations since the last run.
    )


def find_annotation(
    annotations: Iterable[Mapping[str, Any]], origin: str
) -> Mapping[str, Any] | None:
    """Return the annotation with this origin, or None if it does not exist."""
    return next((one for one in annotations if one["origin"] == origin), None)


def write_annotation(
    marshal: Marshal,
    writer: IdempotentWriter,
    obj_id: str,
    origin: str,
    data: Mapping[str, Any] | None,
    group_ids: Sequence[int],
    current: Mapping[str, Any] | None,
) -> None:
    """Create, replace or delete an annotation.

    ``current`` is the existing annotation, or None if it does not exist. If ``data`` is None, the
    existing annotation is deleted.
    """

    def send() -> Any:
        if current is None:
            return marshal.annotate(obj_id, origin, data or {}, group_ids)
        if data is None:
            return marshal.delete_annotation(obj_id, current["id"])
        return marshal.change_annotation(obj_id, current["id"], origin, data)

    def is_done() -> bool:
        found = find_annotation(marshal.annotations(obj_id), origin)
        return (found["data"] if found else None) == data

    prefix = "" if current is None else "delete " if data is None else "change "
    parameters: dict[str, Any] = {"origin": origin, "data": data, "group_ids": list(group_ids)}
    if current is not None:
        parameters["before"] = current["data"]
    writer.ensure(f"{prefix}annotation", obj_id, parameters, send, is_done, done=False)


def _changed(item: AnnotationRequest, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the annotation data after the change, or None if the annotation is deleted.

    Raises AstrodomeError if the change is invalid.
    """
    if item.action == "undo":
        return item.data
    if item.value is None and item.action != "delete":
        raise AstrodomeError(f"The row has no value for the key '{item.key}'.")
    if item.action == "post":
        if before is None:
            return {item.key: item.value}
        if before.get(item.key) == item.value:
            return before
        raise AstrodomeError(
            f"The source already has an annotation with the origin '{item.origin}'.",
            "Use the action 'update' to change it.",
        )
    if before is None or (item.action == "delete" and not (item.whole or item.key in before)):
        which = f" and the key '{item.key}'" if item.key else ""
        raise AstrodomeError(
            f"The source has no annotation with the origin '{item.origin}'{which}."
        )
    if item.action == "update":
        if _is_number(before.get(item.key)) and not _is_number(item.value):
            raise AstrodomeError(
                f"Cannot replace the value {before[item.key]} of the key '{item.key}' with "
                f"'{item.value}': expected a number."
            )
        return {**before, item.key: item.value}
    rest = {} if item.whole else {key: v for key, v in before.items() if key != item.key}
    return rest or None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def write_undo_file(path: Path, changed: Sequence[AnnotationRequest]) -> Path:
    """Write the previous annotations to a file that :func:`read_undo_file` can read."""
    document = []
    for item in changed:
        about = {"obj_id": item.obj_id, "origin": item.origin}
        document.append({**about, "data": item.before, "group_ids": item.groups})
    files.write_text(path, json.dumps({"annotations": document}, indent=1) + "\n")
    return path


def read_undo_file(path: Path) -> list[AnnotationRequest]:
    """Read an undo file and return the requests that restore its annotations."""
    try:
        return [
            AnnotationRequest("undo", **{**entry, "group_ids": tuple(entry["group_ids"])})
            for entry in json.loads(path.read_text("utf-8"))["annotations"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{path} is not a valid undo file: expected a file from scope manage-annotation."
        ) from error
