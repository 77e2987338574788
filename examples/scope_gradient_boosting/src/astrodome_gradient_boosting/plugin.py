"""Register the classifier ``gradient_boosting``."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import ModelSpec, hookimpl

REQUIRES_API = (2, 1)


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    """Register the classifier with its options."""
    yield ModelSpec(
        "scope",
        "gradient_boosting",
        "astrodome_gradient_boosting.classifier:GradientBoosting",
        summary="Histogram-based gradient boosting of scikit-learn.",
        settings="astrodome_gradient_boosting.settings:GradientBoostingSettings",
    )
