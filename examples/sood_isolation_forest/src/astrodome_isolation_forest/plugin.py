"""Register the model ``isolation_forest``."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import ModelSpec, hookimpl

REQUIRES_API = (2, 1)


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    """Register the model with its options."""
    yield ModelSpec(
        "sood",
        "isolation_forest",
        "astrodome_isolation_forest.model:IsolationForestModel",
        summary="Isolation forest of the statistics of small windows.",
        settings="astrodome_isolation_forest.settings:IsolationForestSettings",
    )
