"""The three hooks of a plugin and the frozen data that they return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pluggy

hookspec = pluggy.HookspecMarker("astrodome")
hookimpl = pluggy.HookimplMarker("astrodome")


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command of the app: ``target`` (``"package.module:name"``) is a Typer app or a function.

    ``settings`` names a pydantic model that describes the configuration section
    of the same name as the command, or maps names of sections to such models.
    A ``hidden`` command, for example an alias, runs but is not listed.
    """

    name: str
    target: str
    help: str
    panel: str = "Commands"
    settings: str | Mapping[str, str] = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A data source of a ``kind``: ``target`` is a class that is called without arguments.

    ``extra`` names the extra of the distribution that brings what the target
    imports; ``settings`` a pydantic model of the section called ``name``.
    """

    kind: str
    name: str
    target: str
    summary: str
    extra: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model backend for a ``task``: ``target`` is a class that is called without arguments.

    ``verbs`` are the commands that the model offers, known without importing it.
    """

    task: str
    name: str
    target: str
    summary: str
    extra: str = ""
    verbs: tuple[str, ...] = ("train", "predict")


@hookspec
def register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Commands of the app in whose entry-point group the plugin is listed.

    >>> @hookimpl
    ... def register_commands():
    ...     yield CommandSpec("goes", "astrodome_goes.cli.main:app", help="GOES X-ray flux")
    """


@hookspec
def register_sources() -> Iterable[SourceSpec]:  # type: ignore[empty-body]
    """Data sources; other plugins find them by kind.

    >>> @hookimpl
    ... def register_sources():
    ...     yield SourceSpec("flux", "goes", "astrodome_goes.source:GoesFlux", summary="GOES XRS")
    """


@hookspec
def register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Model backends; commands find them by task.

    >>> @hookimpl
    ... def register_models():
    ...     yield ModelSpec("sood", "ce_vae", "astrodome_sood.models.vae:CeVae", summary="ceVAE")
    """
