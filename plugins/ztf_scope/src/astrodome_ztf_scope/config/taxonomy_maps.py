"""Read taxonomy maps, which map the labels of a data set to classes on the marshal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, InvalidInputError

BUILT_IN = Path(__file__).with_name("taxonomy_maps.json")
SCORE_MAPS = {"DNN_AL_mapper": "dnn", "XGB_AL_mapper": "xgb"}
"""Name of the algorithm for each SCoPe map whose labels are column names: ``<tag>_<algorithm>``."""
ALIASES = {"golden_dataset_mapper": "golden"}
"""Name of the built-in map for each SCoPe map that has a different name in this package."""
NO_CLASS = "None"
"""Class name for labels that have no corresponding class on the marshal."""


@dataclass(frozen=True)
class TaxonomyClass:
    """A class in a taxonomy on the marshal."""

    name: str
    taxonomy_id: int


def read(source: str, taxonomy_id: int | None = None) -> dict[str, TaxonomyClass | None]:
    """Read a taxonomy map from a JSON file, or return a built-in map.

    The built-in maps are ``golden`` and ``tags``, as well as ``DNN_AL_mapper`` and
    ``XGB_AL_mapper`` for the columns that ``scope predict`` writes.

    A file contains either ``{"label": "class"}``, with the same ``taxonomy_id`` for all labels, or
    ``{"label": {"fritz_label": "class", "taxonomy_id": 1012}}``. The result contains None for each
    label that has no class on the marshal. The argument ``taxonomy_id`` overrides the ids in the
    file. Raises AstrodomeError if the file is invalid. The error message contains the file and the
    label.
    """
    document, origin = _document(source)
    found: dict[str, TaxonomyClass | None] = {}
    for label, entry in document.items():
        if isinstance(entry, Mapping):
            name, number = entry.get("fritz_label"), entry.get("taxonomy_id")
        else:
            name, number = entry, None
        if name is None or str(name) == NO_CLASS:
            found[label] = None
            continue
        number = taxonomy_id if taxonomy_id is not None else number
        if not isinstance(number, int) or not isinstance(name, str):
            raise InvalidInputError(
                f"{origin}: the label '{label}' has no valid taxonomy_id or fritz_label.",
                "Specify taxonomy_id for all labels, or add fritz_label (text) and taxonomy_id (an "
                "integer) to each label in the map.",
            )
        found[label] = TaxonomyClass(name, number)
    return found


def has_taxonomies(source: str) -> bool:
    """Return whether the map specifies a taxonomy id for each label, as in SCoPe 0.9.5."""
    document, _ = _document(source)
    return all(isinstance(entry, Mapping) for entry in document.values())


def _document(source: str) -> tuple[dict[str, Any], str]:
    path = Path(source)
    name = source.removesuffix(".json")
    name = ALIASES.get(name, name)
    built_in = _built_in()
    if not path.is_file():
        if name in built_in:
            return built_in[name], f"Taxonomy map '{name}'"
        raise InvalidInputError(
            f"Taxonomy map '{source}' not found.",
            f"Specify a JSON file or a built-in map: {', '.join(built_in)}.",
        )
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise AstrodomeError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(document, dict) or not document:
        raise AstrodomeError(
            f"{path} is not a valid taxonomy map.",
            'Expected a JSON object, for example {"label": "class"}.',
        )
    return document, str(path)


def _built_in() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(BUILT_IN.read_text("utf-8"))
    for name, algorithm in SCORE_MAPS.items():
        found[name] = {f"{tag}_{algorithm}": entry for tag, entry in found["tags"].items()}
    return found
