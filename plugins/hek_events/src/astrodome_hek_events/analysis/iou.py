"""How much two sets of shapes have in common, by the area of their unions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True)
class Overlap:
    """Areas (px²) of the events, of the predicted regions and of what they share."""

    events: float
    predicted: float
    shared: float

    @property
    def iou(self) -> float:
        """Intersection over union; 1 when there is nothing on either side, which agrees."""
        union = self.events + self.predicted - self.shared
        return self.shared / union if union > 0 else 1.0

    @property
    def precision(self) -> float | None:
        """The share of the predicted area that lies in events; None when nothing is predicted."""
        return self.shared / self.predicted if self.predicted > 0 else None

    @property
    def recall(self) -> float | None:
        """The share of the events' area that is predicted; None when there are no events."""
        return self.shared / self.events if self.events > 0 else None


def union(shapes: Sequence[BaseGeometry]) -> BaseGeometry:
    """All shapes as one; empty for none."""
    found: BaseGeometry = shapely.union_all(np.array(shapes, object))
    return found


def overlap(events: BaseGeometry, predicted: BaseGeometry) -> Overlap:
    """What two unions have in common."""
    return Overlap(events.area, predicted.area, shapely.intersection(events, predicted).area)


def covered(shapes: Sequence[BaseGeometry], by: BaseGeometry) -> list[float]:
    """The share of each shape's area that lies in ``by``."""
    found = np.array(shapes, object)
    areas = shapely.area(found)
    shared = shapely.area(shapely.intersection(found, by))
    return [float(part) for part in shared / np.where(areas > 0, areas, 1)]
