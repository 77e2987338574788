"""Annotations of sources: post, change and delete keys, with a table of what changed.

An annotation has an origin and any number of keys. Posting adds one, updating changes or adds a
key and leaves the others, deleting removes a key; the annotation goes with its last key.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from astrodome import AstrodomeError, files

from . import batches
from . import journal as journals
from .idempotent_writes import Once

ACTIONS = ("post", "update", "delete")
NUMERIC = re.compile(r"(period|pdot|significance|f1)(_.*)?|Plx|Mag_\w+", re.IGNORECASE)
"""Keys that require numbers: the source page of Fritz and SCoPe calculate with the values."""


@dataclass(frozen=True)
class Wanted:
    """What is wanted of one source: of ``key`` in the annotation of ``origin``.

    ``whole``: delete the annotation with all its keys. ``data``: set the annotation to just this,
    or to nothing when it is None, as an undo file says.
    """

    action: str
    obj_id: str
    origin: str
    key: str = ""
    value: Any = None
    group_ids: tuple[int, ...] = ()
    whole: bool = False
    data: str | None = None

    @property
    def name(self) -> str:
        return self.obj_id


@dataclass
class Changed:
    """What became of one source: the annotation before and after, None where there is none."""

    obj_id: str
    origin: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    group_ids: tuple[int, ...] = ()

    @property
    def row(self) -> dict[str, Any]:
        def shown(data: dict[str, Any] | None) -> Any:
            return None if data is None else data.get(self.key) if self.key else data

        return {
            "obj_id": self.obj_id,
            "origin": self.origin,
            "key": self.key,
            "before": shown(self.before),
            "after": shown(self.after),
        }


def value_of(text: str) -> Any:
    """A value as it was typed: a number where it is a finite one, else text."""
    for kind in (int, float):
        with suppress(ValueError):
            number = kind(text)
            if "_" not in text and math.isfinite(number):
                return number
    return text


def check_value(key: str, value: Any, where: str = "") -> Any:
    """Return ``value``; raise AstrodomeError if it is not a number and ``key`` requires one.

    Infinite values are invalid for every key, because JSON does not support them. ``where`` is the
    start of the message.
    """
    number = _is_number(value)
    finite = number and math.isfinite(value)
    if finite or value is None or not (number or NUMERIC.fullmatch(key)):
        return value
    raise AstrodomeError(
        f"{where}Invalid value '{value}' for the key '{key}': expected a finite number.",
        "Write the number with a decimal point, for example 0.149. Nothing was sent.",
        exit_code=2,
    )


def wanted(
    action: str,
    source: str,
    origin: str,
    key: str,
    value: str | None,
    group_ids: Sequence[int] = (),
    *,
    whole: bool = False,
) -> list[Wanted]:
    """What to do for one source, or for each of a table (CSV, Parquet, HDF5) with ``obj_id``.

    A table has the values in the column that is named like the key. Raises AstrodomeError, exit
    code 2, when something is missing.
    """
    action = action.lower()
    if action not in ACTIONS:
        raise AstrodomeError(f"'{action}' is no action: post, update or delete.", exit_code=2)
    for name, named in (("origin", origin), ("key", key)):
        if not named and not (name == "key" and whole):
            raise AstrodomeError(f"Specify -{name} to {action}.", exit_code=2)
    shared: dict[str, Any] = {
        "origin": origin,
        "key": key,
        "group_ids": tuple(group_ids),
        "whole": whole,
    }
    from ..tables import datasets

    if not datasets.is_table(Path(source)):
        if value is None and action != "delete":
            raise AstrodomeError(f"Specify -value to {action}.", exit_code=2)
        given = None if value is None else value_of(value)
        if action != "delete":
            check_value(key, given)
        return [Wanted(action, source, value=given, **shared)]
    return _of_table(action, Path(source), key, value, shared)


def _of_table(
    action: str, path: Path, key: str, value: str | None, shared: Mapping[str, Any]
) -> list[Wanted]:
    from ..tables import table_io

    table = table_io.read_table(path)
    if "obj_id" not in table:
        raise AstrodomeError(f"{path} has no column obj_id.", exit_code=2)
    if action == "delete":
        return [Wanted(action, obj_id, **shared) for obj_id in dict.fromkeys(table["obj_id"])]
    if value is not None:
        given = check_value(key, value_of(value))
        return [Wanted(action, o, value=given, **shared) for o in dict.fromkeys(table["obj_id"])]
    if key not in table:
        raise AstrodomeError(f"{path} has no column '{key}' with the values.", exit_code=2)
    found: dict[str, Wanted] = {}
    for row, (obj_id, cell) in enumerate(zip(table["obj_id"], table[key], strict=True)):
        given = _plain(cell)
        if isinstance(given, str) and NUMERIC.fullmatch(
            key
        ):  # The column also contains other text.
            given = value_of(given)
        check_value(key, given, f"{path}, row {row} (counted from 0): ")
        one = Wanted(action, obj_id, value=given, **shared)
        if obj_id in found and found[obj_id] != one:
            raise AstrodomeError(f"{path} has {obj_id} twice, with different values of '{key}'.")
        found[obj_id] = one
    return list(found.values())


def _plain(cell: Any) -> Any:
    """A cell as JSON has it; None for a missing value."""
    if cell is None or cell is pd.NA or cell != cell:
        return None
    return cell.item() if hasattr(cell, "item") else cell


def manage(
    marshal: Any, items: Sequence[Wanted], once: Once, *, jobs: int = 4
) -> Iterator[tuple[batches.Ended[Wanted], Changed | None]]:
    """Do what is wanted; yields how each ended and what changed, None where nothing did."""
    done: dict[str, Changed] = {}

    def one(item: Wanted, mine: Once) -> str:
        changed = _manage(marshal, item, mine)
        if changed:
            done[item.obj_id] = changed
        return item.obj_id

    ended = batches.work(
        once,
        ([item] for item in items),
        one,
        # What is on the marshal decides, not what was done once: others change it too.
        key=lambda item: journals.key(once.address, "annotation", str(item)),
        name=lambda item: item.name,
        jobs=jobs,
        recheck=True,
    )
    for end in ended:
        yield end, done.get(end.item.obj_id)


def _manage(marshal: Any, item: Wanted, once: Once) -> Changed | None:
    there = next((a for a in marshal.annotations(item.obj_id) if a["origin"] == item.origin), None)
    before = dict(there["data"]) if there else None
    after = _after(item, before)
    if after == before:
        return None
    obj_id, origin, groups = item.obj_id, item.origin, item.group_ids

    def now() -> dict[str, Any] | None:
        found = (a for a in marshal.annotations(obj_id) if a["origin"] == origin)
        return next((dict(a["data"]) for a in found), None)

    def arrived() -> bool:
        return now() == after

    request: dict[str, Any] = {"origin": origin, "before": before, "after": after}

    def send() -> Any:
        if there is None:
            return marshal.annotate(obj_id, origin, after, groups)
        if after is None:
            return marshal.delete_annotation(obj_id, there["id"])
        return marshal.change_annotation(obj_id, there["id"], origin, after)

    verb = "annotation" if there is None else "change annotation"
    verb = "delete annotation" if after is None else verb
    once.ensure(verb, obj_id, request, send, arrived, there=False)
    had = tuple(there["groups"]) if there else groups
    return Changed(obj_id, origin, item.key, before, after, had)


def _after(item: Wanted, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the annotation is to be; raises AstrodomeError when that makes no sense."""
    if item.action == "undo":
        return None if item.data is None else dict(json.loads(item.data))
    if item.action == "post":
        if before is None:
            return {item.key: _given(item)}
        if before.get(item.key) == item.value and item.key in before:
            return before
        raise AstrodomeError(
            f"has an annotation of origin {item.origin} already; -action update changes it"
        )
    if before is None or (item.key not in before and not item.whole):
        if item.action == "update" and before is not None:
            return {**before, item.key: _given(item)}
        which = f"({item.origin}, {item.key})" if item.key else item.origin
        raise AstrodomeError(f"has no annotation with origin and key {which}")
    if item.action == "update":
        known, given = before[item.key], _given(item)
        if _is_number(known) and not _is_number(given):
            raise AstrodomeError(
                f"has the number {known} in '{item.key}'; '{given}' is not a number"
            )
        return {**before, item.key: given}
    left = {} if item.whole else {key: v for key, v in before.items() if key != item.key}
    return left or None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _given(item: Wanted) -> Any:
    if item.value is None:
        raise AstrodomeError(f"has no value of '{item.key}'")
    return item.value


def write_undo(path: Path, changes: Sequence[Changed]) -> Path:
    """Write what the annotations were before, for :func:`undo`."""
    document = [
        {"obj_id": c.obj_id, "origin": c.origin, "data": c.before, "group_ids": list(c.group_ids)}
        for c in changes
    ]
    files.write_text(path, json.dumps({"annotations": document}, indent=1) + "\n")
    return path


def undo(path: Path) -> list[Wanted]:
    """The annotations as they were, from a file of :func:`write_undo`."""
    try:
        document = json.loads(path.read_text("utf-8"))["annotations"]
        return [
            Wanted(
                "undo",
                entry["obj_id"],
                entry["origin"],
                group_ids=tuple(entry["group_ids"]),
                data=None if entry["data"] is None else json.dumps(entry["data"]),
            )
            for entry in document
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AstrodomeError(
            f"{path} is no undo file of manage-annotation.", exit_code=2
        ) from error
