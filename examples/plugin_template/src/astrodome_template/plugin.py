"""What this distribution brings to ``sdo``; read at every start, so it imports only astrodome."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import CommandSpec, ModelSpec, SourceSpec, hookimpl

REQUIRES_API = (2, 0)


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    """The group ``sdo template``."""
    yield CommandSpec(
        "template",
        "astrodome_template.cli:app",
        help="Fit the limb darkening of solar disks.",
        panel="Data",
    )


@hookimpl
def register_sources() -> Iterator[SourceSpec]:
    """Images for whatever command asks for the kind ``images``."""
    yield SourceSpec(
        "images",
        "synthetic",
        "astrodome_template.source:SyntheticDisks",
        summary="limb-darkened disks with known parameters, drawn offline",
        settings="astrodome_template.settings:SyntheticSettings",
    )


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    """A backend for ``sdo sood pixel_gaussian``."""
    yield ModelSpec(
        "sood",
        "pixel_gaussian",
        "astrodome_template.model:PixelGaussian",
        summary="mean and scatter of every pixel; the baseline to beat",
    )
