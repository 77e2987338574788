"""Measure the eclipses of a binary from its fitted model."""

from __future__ import annotations

import numpy as np

from .eclipse_models import EclipseModel, depths
from .multiband import MultibandLightCurve

FILTERS = {1: "g", 2: "r", 3: "i"}


def describe(curve: MultibandLightCurve, model: EclipseModel) -> dict[str, float]:
    """Return the properties of the eclipses: width, separation, depths and residuals.

    A depth is the difference between the model in the centre of an eclipse and at its brightest
    phase, in magnitudes. The primary eclipse is the deeper one in the best-sampled light curve.
    """
    variance = float((curve.weight * curve.mag**2).sum())
    found = {
        "quality": 0.11 * (3.45 - float(np.log10(model.rss / variance))) if variance else np.nan,
        "resid_rms": float(np.sqrt(model.rss / len(curve))),
    }
    if not model.eclipses:
        return found
    found_depths = [depths(curve, model, band) for band in range(len(curve.filters))]
    best = found_depths[curve.best]
    primary = 0
    if best is not None:
        primary = int(np.argmax(best))
        found["eclipse_depth"] = best[primary]
    found["eclipse_width"] = model.widths[primary]
    if model.eclipses == 2:
        distance = abs(model.centres[0] - model.centres[1])
        found["eclipse_separation"] = min(distance, 1 - distance)
        for filter_, depth in zip(curve.filters, found_depths, strict=True):
            if filter_ in FILTERS and depth is not None and depth[primary] > 0:
                ratio = depth[1 - primary] / depth[primary]
                found.setdefault(f"eclipse_depth_ratio_{FILTERS[filter_]}", ratio)
        if best is not None and best[primary] > 0:
            found["eclipse_depth_ratio"] = best[1 - primary] / best[primary]
    return found
