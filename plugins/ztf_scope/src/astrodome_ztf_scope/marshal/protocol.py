"""Protocol of the kind ``marshal``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Marshal(Protocol):
    """Sources with classifications and annotations by people and models.

    A source is a mapping with ``id``, ``ra``, ``dec`` (deg), ``created_at``, ``groups`` (ids),
    ``classifications``, ``annotations`` and ``labellers`` (ids). A classification has ``id``,
    ``classification``, ``taxonomy_id``, ``probability``, ``origin``, ``ml``, ``groups`` and
    ``votes`` (their sum). An annotation has ``id``, ``origin``, ``data`` and ``groups``.

    The class of a marshal is called with ``token`` and ``connections``, the maximum number of
    simultaneous requests. Its attribute ``address`` identifies it in the journal of changes.

    A request that changes something is sent only once. If the service does not respond, the method
    raises AstrodomeError, and the caller must look up whether the change was made.
    """

    address: str

    def source(self, obj_id: str) -> dict[str, Any] | None:
        """Return a source, or None if it does not exist."""
        ...

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        """Return the sources within ``radius``, sorted by ``separation`` (both in arcsec)."""
        ...

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterable[dict[str, Any]]:
        """Yield each source in at least one of the groups, from page ``start`` (500 per page)."""
        ...

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        """Return all classifications of a source."""
        ...

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        """Return all annotations of a source."""
        ...

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        """Return all comments on a source, with ``id`` and ``text``."""
        ...

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        """Return the photometry of a source: ``mjd`` (d), ``filter``, ``mag``, ``magerr``."""
        ...

    def group(self, group_id: int) -> dict[str, Any] | None:
        """Return a group (``id``), or None if it does not exist or is not accessible."""
        ...

    def instruments(self) -> list[dict[str, Any]]:
        """Return the instruments, with ``id`` and ``name``."""
        ...

    def taxonomies(self) -> list[dict[str, Any]]:
        """Return taxonomies with ``id``, ``name``, ``version``, ``provenance``, ``hierarchy``."""
        ...

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        """Create a source at a position (deg) and save it to groups."""
        ...

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        """Save an existing source to more groups."""
        ...

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        """Post classifications.

        Each has ``obj_id``, ``classification``, ``taxonomy_id``, ``probability`` and ``group_ids``,
        and optionally ``origin``, ``ml``, ``vote`` and ``label``.
        """
        ...

    def delete_classification(self, obj_id: str, classification_id: int) -> Any:
        """Delete a classification."""
        ...

    def annotate(
        self, obj_id: str, origin: str, data: Mapping[str, Any], group_ids: Sequence[int]
    ) -> Any:
        """Post an annotation; a source can have only one annotation per origin."""
        ...

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        """Replace the data of an annotation."""
        ...

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        """Delete an annotation."""
        ...

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        """Post a comment, optionally with a file (name and content)."""
        ...

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        """Add photometry: ``obj_id``, ``instrument_id`` and lists by column.

        Points that exist already are skipped.
        """
        ...

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        """Add light curves from a catalogue of the marshal to a source.

        If ``obj_id`` is empty, a new source is created. Returns the ``obj_id``. Adding a light
        curve a second time has no effect.
        """
        ...

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        """Post a taxonomy and return its ``taxonomy_id``."""
        ...
