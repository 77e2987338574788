"""Check before an upload that groups, classes and instruments exist on the marshal."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import InvalidInputError, errors

from . import taxonomies
from .protocol import Marshal


def check_groups(marshal: Marshal, group_ids: Iterable[int]) -> None:
    """Raise AstrodomeError if a group does not exist or is not accessible with the token."""
    missing = [str(number) for number in dict.fromkeys(group_ids) if marshal.group(number) is None]
    if not missing:
        return
    what = f"Group {missing[0]}" if len(missing) == 1 else f"Groups {', '.join(missing)}"
    hint = "Correct the group ids, or ask an administrator of the group for access."
    if hasattr(marshal, "groups"):
        known = ", ".join(str(group["id"]) for group in marshal.groups())
        hint = f"Existing groups: {known or 'none'}. Correct the group ids, or create the groups."
    raise InvalidInputError(
        f"{what} not found on the marshal, or not accessible with this token. Nothing was changed.",
        hint,
    )


def check_classes(marshal: Marshal, classes: Iterable[tuple[str, int]]) -> None:
    """Raise AstrodomeError if a class or its taxonomy does not exist on the marshal.

    Each class is a tuple of the class name and the taxonomy id.
    """
    wanted = list(dict.fromkeys(classes))
    known = {one["id"]: one for one in marshal.taxonomies()} if wanted else {}
    for name, number in wanted:
        if number not in known:
            listed = ", ".join(f"{n} ({one['name']})" for n, one in known.items())
            raise InvalidInputError(
                f"Taxonomy {number} not found on the marshal. Nothing was changed.",
                f"Correct the taxonomy id, or post the taxonomy. Existing taxonomies: "
                f"{listed or 'none'}.",
            )
        tree = known[number].get("hierarchy") or {}
        names = [path[-1] for path in taxonomies.class_paths(tree)] if "class" in tree else []
        if name not in names:
            raise InvalidInputError(
                f"Class '{name}' not found in taxonomy {number} ({known[number]['name']}). "
                "Nothing was changed.",
                f"{errors.similar(name, names)}Existing classes: {', '.join(names) or 'none'}.",
            )


def instrument_id(marshal: Marshal, name: str) -> int:
    """Return the id of an instrument.

    Raises AstrodomeError if the instrument does not exist on the marshal.
    """
    found = {one["name"]: int(one["id"]) for one in marshal.instruments()}
    if name not in found:
        raise InvalidInputError(
            f"Instrument '{name}' not found on the marshal. Nothing was changed.",
            f"Existing instruments: {', '.join(found) or 'none'}.",
        )
    return found[name]
