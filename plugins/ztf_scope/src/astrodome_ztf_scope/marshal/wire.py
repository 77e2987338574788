"""Documents of SkyPortal, which Fritz runs, as the sources of the protocol ``marshal``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]


def source(document: Document) -> dict[str, Any]:
    """A source, with what hangs on it; what the service left out is empty."""
    return {
        "id": str(document["id"]),
        "ra": document.get("ra"),
        "dec": document.get("dec"),
        "created_at": document.get("created_at") or "",
        "groups": _ids(document.get("groups")),
        "classifications": [classification(c) for c in document.get("classifications") or ()],
        "annotations": [annotation(a) for a in document.get("annotations") or ()],
        "labellers": _labellers(document.get("labellers")),
    }


def classification(document: Document) -> dict[str, Any]:
    """A classification; ``votes`` is their sum."""
    votes = document.get("votes") or ()
    return {
        "id": document["id"],
        "classification": document["classification"],
        "taxonomy_id": document.get("taxonomy_id"),
        "probability": document.get("probability"),
        "origin": document.get("origin") or "",
        "ml": document.get("ml"),
        "groups": _ids(document.get("groups")),
        "votes": sum(int(vote.get("vote") or 0) for vote in votes),
    }


def annotation(document: Document) -> dict[str, Any]:
    """An annotation."""
    return {
        "id": document["id"],
        "origin": document.get("origin") or "",
        "data": dict(document.get("data") or {}),
        "groups": _ids(document.get("groups")),
    }


def comment(document: Document) -> dict[str, Any]:
    """A comment."""
    return {"id": document["id"], "text": document.get("text") or ""}


def _ids(documents: Iterable[Any] | None) -> list[int]:
    return [int(d["id"]) if isinstance(d, Mapping) else int(d) for d in documents or ()]


def _labellers(documents: Iterable[Any] | None) -> list[int]:
    """Users: a single source has them as such, a listing as labels that name them."""
    found = []
    for entry in documents or ():
        if isinstance(entry, Mapping):
            who = entry.get("labeller_id")
            found.append(int(entry["id"] if who is None else who))
    return list(dict.fromkeys(found))
