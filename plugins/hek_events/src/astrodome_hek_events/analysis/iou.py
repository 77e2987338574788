"""Compute the overlap between two sets of shapes from the areas of their unions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True)
class Overlap:
    """Areas of the events, the predicted regions, and their intersection, in square pixels."""

    events: float
    predicted: float
    shared: float

    @property
    def iou(self) -> float:
        """Intersection over union. It is 1 if neither events nor regions exist."""
        union = self.events + self.predicted - self.shared
        return self.shared / union if union > 0 else 1.0

    @property
    def precision(self) -> float | None:
        """Fraction of the predicted area that events cover, or None if no regions exist."""
        return self.shared / self.predicted if self.predicted > 0 else None

    @property
    def recall(self) -> float | None:
        """Fraction of the event area that regions cover, or None if no events exist."""
        return self.shared / self.events if self.events > 0 else None

    def measures(self) -> dict[str, float | None]:
        """Return the IoU, the precision and the recall, keyed by name."""
        return {"iou": self.iou, "precision": self.precision, "recall": self.recall}


def union(shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return the union of the shapes, or an empty geometry if ``shapes`` is empty."""
    merged: BaseGeometry = shapely.union_all(np.array(shapes, object))
    return merged


def overlap(events: Sequence[BaseGeometry], predicted: Sequence[BaseGeometry]) -> Overlap:
    """Compute the overlap between two sets of shapes.

    Parameters
    ----------
    events, predicted : sequence of shapely geometries
        Shapes in the same coordinate system, for example the column ``shape`` in the result of
        :func:`boxes_on_image`. Shapes in the same set may overlap each other.

    Returns
    -------
    Overlap
        The areas of the two unions and their intersection, with the properties ``iou``,
        ``precision`` and ``recall``.

    Examples
    --------
    >>> from shapely import box
    >>> result = overlap([box(0, 0, 2, 2)], [box(1, 0, 3, 2)])
    >>> round(result.iou, 3), result.precision, result.recall
    (0.333, 0.5, 0.5)
    """
    return overlap_of_unions(union(events), union(predicted))


def overlap_of_unions(events: BaseGeometry, predicted: BaseGeometry) -> Overlap:
    """Compute the overlap between the union of events and the union of predicted regions."""
    return Overlap(events.area, predicted.area, shapely.intersection(events, predicted).area)


def covered_fractions(shapes: Sequence[BaseGeometry], cover: BaseGeometry) -> list[float]:
    """Return the fraction of each shape's area that ``cover`` covers, or 0 if the area is 0."""
    array = np.array(shapes, object)
    areas = shapely.area(array)
    shared = shapely.area(shapely.intersection(array, cover))
    return [float(fraction) for fraction in shared / np.where(areas > 0, areas, 1)]
