"""The hooks of the plugin. To keep the start fast, this module imports only astrodome."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import CheckSpec, CommandSpec, ModelSpec, SourceSpec, hookimpl

REQUIRES_API = (2, 0)


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    """Register the group ``sdo template``."""
    yield CommandSpec(
        "template",
        "astrodome_template.cli:app",
        help="Fit the limb darkening of solar disks.",
        panel="Data",
    )


@hookimpl
def register_sources() -> Iterator[SourceSpec]:
    """Register a source of the kind ``images``."""
    yield SourceSpec(
        "images",
        "synthetic",
        "astrodome_template.source:SyntheticDisks",
        summary="Synthetic limb-darkened disks with known parameters.",
        settings="astrodome_template.settings:SyntheticSettings",
    )


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    """Register a model for ``sdo sood pixel_gaussian``."""
    yield ModelSpec(
        "sood",
        "pixel_gaussian",
        "astrodome_template.model:PixelGaussian",
        summary="Mean and standard deviation of each pixel.",
    )


@hookimpl
def register_checks() -> Iterator[CheckSpec]:
    """Register a check that ``sdo plugins doctor`` runs."""
    yield CheckSpec("fit", "astrodome_template.disk:check_fit", summary="Fit of a synthetic disk.")
