"""Taxonomy maps: labels of a data set, and the classes that they are on the marshal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError

BUILT_IN = Path(__file__).with_name("taxonomy_maps.json")
OF_SCORES = {"DNN_AL_mapper": "dnn", "XGB_AL_mapper": "xgb"}
"""Names in SCoPe of the maps for columns of scores, ``<tag>_<algorithm>``, with the algorithm."""
OF_SCOPE = {"golden_dataset_mapper": "golden"}
"""Names of maps in SCoPe, with the names in this package."""
NONE = "None"
"""The class of a label that the marshal has no class for."""


@dataclass(frozen=True)
class Target:
    """A class of a taxonomy on the marshal."""

    name: str
    taxonomy_id: int


def read(which: str, taxonomy_id: int | None = None) -> dict[str, Target | None]:
    """Return the map in a JSON file, or a built-in one.

    The built-in maps are ``golden``, ``tags``, and ``DNN_AL_mapper`` and ``XGB_AL_mapper`` for the
    columns that ``scope predict`` writes.

    A file contains ``{"label": "class"}``, with one ``taxonomy_id`` for all labels, or ``{"label":
    {"fritz_label": "class", "taxonomy_id": 1012}}``. The class is None for a label without a class
    on the marshal. The argument ``taxonomy_id`` overrides those in the file. Raises an
    AstrodomeError that names the file and the label.
    """
    document, origin = _document(which)
    found: dict[str, Target | None] = {}
    for label, entry in document.items():
        if isinstance(entry, Mapping):
            name, number = entry.get("fritz_label"), entry.get("taxonomy_id")
        else:
            name, number = entry, None
        if name is None or str(name) == NONE:
            found[label] = None
            continue
        number = taxonomy_id if taxonomy_id is not None else number
        if not isinstance(number, int) or not isinstance(name, str):
            raise AstrodomeError(
                f"{origin}: '{label}' has no taxonomy.",
                "Give --taxonomy-id, or write fritz_label and taxonomy_id for each label.",
                exit_code=2,
            )
        found[label] = Target(name, number)
    return found


def has_taxonomies(which: str) -> bool:
    """Whether the map names a taxonomy for each label, as those of SCoPe 0.9.5 do."""
    document, _ = _document(which)
    return all(isinstance(entry, Mapping) for entry in document.values())


def _document(which: str) -> tuple[dict[str, Any], str]:
    path = Path(which)
    built_in = _built_in()
    name = OF_SCOPE.get(which.removesuffix(".json"), which.removesuffix(".json"))
    if not path.is_file() and name in built_in:
        return built_in[name], f"the map '{name}'"
    if not path.is_file():
        known = ", ".join(built_in)
        raise AstrodomeError(
            f"There is no taxonomy map {which}.", f"A JSON file, or one of {known}.", exit_code=2
        )
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise AstrodomeError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(document, dict) or not document:
        raise AstrodomeError(f"{path} should map labels to classes.", '{"label": "class"}')
    return document, str(path)


def _built_in() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(BUILT_IN.read_text("utf-8"))
    for name, algorithm in OF_SCORES.items():
        found[name] = {f"{tag}_{algorithm}": entry for tag, entry in found["tags"].items()}
    return found
