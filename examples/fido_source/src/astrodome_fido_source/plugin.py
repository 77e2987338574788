"""Register the image source ``sunpy``."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import SourceSpec, hookimpl

REQUIRES_API = (2, 1)


@hookimpl
def register_sources() -> Iterator[SourceSpec]:
    """Register the source with its settings."""
    yield SourceSpec(
        "images",
        "sunpy",
        "astrodome_fido_source.source:FidoImages",
        summary="Level 1 images of an SDO instrument, found with Fido.",
        settings="astrodome_fido_source.settings:FidoImagesSettings",
    )
