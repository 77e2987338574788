"""Documents of SkyPortal, which Fritz runs, as the sources of the protocol ``marshal``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from astrodome import AstrodomeError

Document = Mapping[str, Any]
Reader = Callable[[Any], dict[str, Any]]


def _shaped(read: Reader) -> Reader:
    """Let a document of another shape be one sentence."""

    @wraps(read)
    def checked(document: Any) -> dict[str, Any]:
        try:
            return read(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AstrodomeError(
                f"The marshal sent what is no {read.__name__}: {type(error).__name__} {error}.",
                "Its interface may have changed, or fritz.url names another service.",
            ) from error

    return checked


@_shaped
def page(document: Any) -> dict[str, Any]:
    """A page of a listing: ``sources``, ``total`` and ``size`` (0 where it is not said)."""
    document = document or {}
    return {
        "sources": [source(one) for one in document.get("sources") or ()],
        "total": int(document.get("totalMatches") or 0),
        "size": int(document.get("numPerPage") or 0),
    }


@_shaped
def source(document: Document) -> dict[str, Any]:
    """A source, with what hangs on it; what the service left out is empty."""
    return {
        "id": str(document["id"]),
        "ra": _degrees(document.get("ra")),
        "dec": _degrees(document.get("dec")),
        "created_at": document.get("created_at") or "",
        "groups": _ids(document.get("groups")),
        "classifications": [classification(c) for c in document.get("classifications") or ()],
        "annotations": [annotation(a) for a in document.get("annotations") or ()],
        "labellers": _labellers(document.get("labellers")),
    }


@_shaped
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


@_shaped
def annotation(document: Document) -> dict[str, Any]:
    """An annotation."""
    return {
        "id": document["id"],
        "origin": document.get("origin") or "",
        "data": dict(document.get("data") or {}),
        "groups": _ids(document.get("groups")),
    }


@_shaped
def comment(document: Document) -> dict[str, Any]:
    """A comment."""
    return {"id": document["id"], "text": document.get("text") or ""}


def _degrees(value: Any) -> float:
    return float("nan") if value is None else float(value)


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
