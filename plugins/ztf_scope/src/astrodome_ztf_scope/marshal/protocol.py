"""Protocol for plugins of the kind ``marshal``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Marshal(Protocol):
    """A service that stores sources, with their classifications, annotations and photometry.

    A source is a mapping with the keys ``id``, ``ra`` and ``dec`` (in degrees), ``created_at``,
    ``groups`` (a list of group ids), ``classifications``, ``annotations`` and ``labellers`` (a list
    of user ids). A classification is a mapping with the keys ``id``, ``classification``,
    ``taxonomy_id``, ``probability``, ``origin``, ``ml`` (whether it was made by machine learning),
    ``groups`` and ``votes`` (the sum of all votes). An annotation is a mapping with the keys
    ``id``, ``origin``, ``data`` and ``groups``.

    A class that implements this protocol is called with the arguments ``token`` and
    ``connections``, the maximum number of simultaneous requests. The attribute ``address``
    identifies the marshal in the request journal.

    A method that changes the marshal sends its request only once. If the service does not respond,
    the method raises AstrodomeError, and the caller must query the marshal to find out whether the
    change was made.
    """

    address: str

    def source(self, obj_id: str) -> dict[str, Any] | None:
        """Return the source with this id, or None if it does not exist."""
        ...

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        """Return the sources within ``radius`` arcsec of a position in degrees.

        Each source has the additional key ``separation``, its distance from the position in
        arcsec. The sources are sorted by increasing separation.
        """
        ...

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterable[dict[str, Any]]:
        """Yield every source that belongs to at least one of the groups.

        The listing begins with page ``start``; a page contains 500 sources.
        """
        ...

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        """Return all classifications of a source."""
        ...

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        """Return all annotations of a source."""
        ...

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        """Return all comments on a source as mappings with the keys ``id`` and ``text``."""
        ...

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        """Return the photometric points of a source.

        Each point is a mapping with the keys ``mjd`` (in days), ``filter``, ``mag`` and ``magerr``.
        """
        ...

    def group(self, group_id: int) -> dict[str, Any] | None:
        """Return a group as a mapping with the key ``id``, or None if it is not accessible."""
        ...

    def instruments(self) -> list[dict[str, Any]]:
        """Return all instruments as mappings with the keys ``id`` and ``name``."""
        ...

    def taxonomies(self) -> list[dict[str, Any]]:
        """Return all taxonomies.

        Each taxonomy is a mapping with the keys ``id``, ``name``, ``version``, ``provenance`` and
        ``hierarchy``.
        """
        ...

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        """Create a source at a position in degrees and save it to groups."""
        ...

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        """Save an existing source to additional groups."""
        ...

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        """Post classifications.

        Each record has the keys ``obj_id``, ``classification``, ``taxonomy_id``, ``probability``
        and ``group_ids``, and optionally ``origin``, ``ml``, ``vote`` (whether to upvote the
        classification) and ``label`` (whether to mark the source as labeled).
        """
        ...

    def delete_classification(self, obj_id: str, classification_id: int) -> Any:
        """Delete a classification."""
        ...

    def annotate(
        self, obj_id: str, origin: str, data: Mapping[str, Any], group_ids: Sequence[int]
    ) -> Any:
        """Post an annotation. A source can have only one annotation per origin."""
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
        """Post a comment.

        ``attachment`` is a tuple of the name and the content of an attached file.
        """
        ...

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        """Add photometric points to a source.

        ``points`` contains ``obj_id``, ``instrument_id`` and a list of values for each column.
        Points that already exist are skipped.
        """
        ...

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        """Add light curves in a catalogue on the marshal to a source, and return its ``obj_id``.

        If ``obj_id`` is empty, a new source is created. Adding a light curve a second time has no
        effect.
        """
        ...

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        """Post a taxonomy and return its ``taxonomy_id``."""
        ...
