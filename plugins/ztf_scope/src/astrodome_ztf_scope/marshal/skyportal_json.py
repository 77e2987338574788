"""Convert JSON documents from SkyPortal, the software that Fritz runs, to protocol records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from astrodome import AstrodomeError

Document = Mapping[str, Any]
Reader = Callable[[Any], dict[str, Any]]


def _validated(read: Reader) -> Reader:
    """Decorate a function to raise AstrodomeError if a document has an unexpected structure."""

    @wraps(read)
    def checked(document: Any) -> dict[str, Any]:
        try:
            return read(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AstrodomeError(
                f"Invalid {read.__name__} in the response of the marshal: "
                f"{type(error).__name__} {error}.",
                "The API of the marshal may have changed, or fritz.url may be wrong.",
            ) from error

    return checked


@_validated
def page(document: Any) -> dict[str, Any]:
    """Return one page of a source listing.

    ``sources`` is the list of sources on the page, ``total`` the number of sources on all pages,
    and ``size`` the number of sources per page. The two numbers are 0 if they are unknown.
    """
    document = document or {}
    return {
        "sources": [source(one) for one in document.get("sources") or ()],
        "total": int(document.get("totalMatches") or 0),
        "size": int(document.get("numPerPage") or 0),
    }


@_validated
def source(document: Document) -> dict[str, Any]:
    """Return a source with its classifications and annotations. Missing lists are empty."""
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


@_validated
def classification(document: Document) -> dict[str, Any]:
    """Return a classification, in which ``votes`` is the sum of all votes."""
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


@_validated
def annotation(document: Document) -> dict[str, Any]:
    """Return an annotation with its ``id``, ``origin``, ``data`` and ``groups``."""
    return {
        "id": document["id"],
        "origin": document.get("origin") or "",
        "data": dict(document.get("data") or {}),
        "groups": _ids(document.get("groups")),
    }


@_validated
def comment(document: Document) -> dict[str, Any]:
    """Return a comment with its ``id`` and ``text``."""
    return {"id": document["id"], "text": document.get("text") or ""}


def _degrees(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _ids(documents: Iterable[Any] | None) -> list[int]:
    return [int(d["id"]) if isinstance(d, Mapping) else int(d) for d in documents or ()]


def _labellers(documents: Iterable[Any] | None) -> list[int]:
    """Return the ids of the users who labelled a source, without duplicates.

    The response for one source contains users; a listing contains labels with a user id.
    """
    found = []
    for entry in documents or ():
        if isinstance(entry, Mapping):
            labeller = entry.get("labeller_id")
            found.append(int(entry["id"] if labeller is None else labeller))
    return list(dict.fromkeys(found))
