"""Checks before an upload: groups, classes and instruments must exist on the marshal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from astrodome import AstrodomeError

from . import taxonomies
from .protocol import Marshal


def check_groups(marshal: Marshal, group_ids: Iterable[int]) -> None:
    """Raise AstrodomeError if a group does not exist or is not accessible with the token."""
    missing = [str(number) for number in dict.fromkeys(group_ids) if marshal.group(number) is None]
    if missing:
        what = f"Group {missing[0]}" if len(missing) == 1 else f"Groups {', '.join(missing)}"
        raise AstrodomeError(
            f"{what}: not found on the marshal, or not accessible with this token. "
            "Nothing was changed.",
            "Correct -group_ids, or ask an administrator of the group for access.",
            exit_code=2,
        )


def check_classes(marshal: Marshal, classes: Iterable[tuple[str, int]]) -> bool:
    """Check that each class, given as (name, taxonomy id), exists in its taxonomy.

    Returns True if the classes were checked, and False if they could not be checked because the
    marshal has no taxonomies, for example in a new marshal file. Raises AstrodomeError if a class
    or a taxonomy does not exist.
    """
    wanted = list(dict.fromkeys(classes))
    known = {one["id"]: one for one in marshal.taxonomies()} if wanted else {}
    if not known:
        return not wanted
    for name, number in wanted:
        if number not in known:
            listed = ", ".join(f"{n} ({one['name']})" for n, one in known.items())
            raise AstrodomeError(
                f"Taxonomy {number} not found on the marshal. Nothing was changed.",
                f"Correct -taxonomy_id or the taxonomy map. Taxonomies: {listed}.",
                exit_code=2,
            )
        tree = known[number].get("hierarchy") or {}
        names = [path[-1] for path in taxonomies.class_paths(tree)] if "class" in tree else []
        if name not in names:
            spelled = {one.lower(): one for one in names}
            close = difflib.get_close_matches(name.lower(), spelled, 1, 0.6)
            raise AstrodomeError(
                f"Class '{name}' not found in taxonomy {number} ({known[number]['name']}). "
                "Nothing was changed.",
                (f"Did you mean '{spelled[close[0]]}'? " if close else "")
                + f"To list its classes: scope taxonomy show {number}",
                exit_code=2,
            )
    return True


def instrument_id(marshal: Marshal, name: str) -> int:
    """Return the id of an instrument.

    Raises AstrodomeError if the instrument does not exist on the marshal.
    """
    found = {one["name"]: int(one["id"]) for one in marshal.instruments()}
    if name not in found:
        raise AstrodomeError(
            f"Instrument '{name}' not found on the marshal. Nothing was changed.",
            f"Correct --instrument-name. Instruments: {', '.join(found) or 'none'}.",
            exit_code=2,
        )
    return found[name]
