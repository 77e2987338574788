"""Overlap of two sets of shapes, by the area of their unions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True)
class Overlap:
    """Areas of events, of predicted regions and of their intersection, in px²."""

    events: float
    predicted: float
    shared: float

    @property
    def iou(self) -> float:
        """Intersection over union; 1 if there are neither events nor regions."""
        union = self.events + self.predicted - self.shared
        return self.shared / union if union > 0 else 1.0

    @property
    def precision(self) -> float | None:
        """Fraction of the predicted area that is covered by events; None without regions."""
        return self.shared / self.predicted if self.predicted > 0 else None

    @property
    def recall(self) -> float | None:
        """Fraction of the area of events that is predicted; None without events."""
        return self.shared / self.events if self.events > 0 else None


def union(shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    """Return the union of shapes; empty for no shapes."""
    merged: BaseGeometry = shapely.union_all(np.array(shapes, object))
    return merged


def overlap(events: Sequence[BaseGeometry], predicted: Sequence[BaseGeometry]) -> Overlap:
    """Compute the overlap of two sets of shapes.

    Parameters
    ----------
    events, predicted : sequence of shapely geometries
        Shapes in the same coordinates, for example the column ``shape`` of
        :func:`boxes_on_image`. Shapes of a set may overlap each other.

    Returns
    -------
    Overlap
        The areas, and ``iou``, ``precision`` and ``recall``.

    Examples
    --------
    >>> from shapely import box
    >>> result = overlap([box(0, 0, 2, 2)], [box(1, 0, 3, 2)])
    >>> round(result.iou, 3), result.precision, result.recall
    (0.333, 0.5, 0.5)
    """
    return overlap_of_unions(union(events), union(predicted))


def overlap_of_unions(events: BaseGeometry, predicted: BaseGeometry) -> Overlap:
    """Return the overlap of two unions."""
    return Overlap(events.area, predicted.area, shapely.intersection(events, predicted).area)


def covered_fractions(shapes: Sequence[BaseGeometry], cover: BaseGeometry) -> list[float]:
    """Return the fraction of the area of each shape that ``cover`` covers."""
    array = np.array(shapes, object)
    areas = shapely.area(array)
    shared = shapely.area(shapely.intersection(array, cover))
    return [float(fraction) for fraction in shared / np.where(areas > 0, areas, 1)]
