"""The hooks of a plugin and the frozen data that they return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

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

    ``extra`` names the extra of the distribution with the libraries that the target
    imports. ``settings`` names a pydantic model of the section called ``name``.
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

    ``verbs`` are the names of the commands that the model supports.
    """

    task: str
    name: str
    target: str
    summary: str
    extra: str = ""
    verbs: tuple[str, ...] = ("train", "predict")


@dataclass(frozen=True, slots=True)
class KindSpec:
    """A kind of data source, or a task of models, declared by the plugin that defines it.

    ``protocol`` is the import string of a class. Registered sources and models must have its
    public methods, except those in ``optional``, which a model needs only if its ``verbs``
    contain them. ``contract`` is the import string of a function for further checks: it is called
    with the spec and the class of a source or model and returns sentences about problems.
    ``option`` is the name of the option with which commands choose a source; the default is
    ``--NAME-source``. ``settings`` maps names of sections to pydantic models, for settings that
    all objects of the kind have in common.
    """

    name: str
    protocol: str
    summary: str
    role: Literal["source", "model"] = "source"
    contract: str = ""
    option: str = ""
    optional: tuple[str, ...] = ()
    settings: str | Mapping[str, str] = ""


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A health check that ``plugins doctor`` runs.

    ``target`` is a function without arguments that returns sentences about problems. An
    exception counts as a problem, too.
    """

    name: str
    target: str
    summary: str
    extra: str = ""


@hookspec
def register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Return commands of the app in whose entry-point group the plugin is listed.

    >>> @hookimpl
    ... def register_commands():
    ...     yield CommandSpec("moon", "astrodome_moon.cli:app", help="Observe the Moon.")
    """


@hookspec
def register_sources() -> Iterable[SourceSpec]:  # type: ignore[empty-body]
    """Return data sources, which other plugins find by kind.

    >>> @hookimpl
    ... def register_sources():
    ...     yield SourceSpec("phases", "moon", "astrodome_moon.phases:Phases", summary="Phases")
    """


@hookspec
def register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Return model backends, which commands find by task.

    >>> @hookimpl
    ... def register_models():
    ...     yield ModelSpec("craters", "net", "astrodome_moon.net:Net", summary="A network")
    """


@hookspec
def register_kinds() -> Iterable[KindSpec]:  # type: ignore[empty-body]
    """Return kinds of data sources and tasks of models that this plugin defines.

    >>> @hookimpl
    ... def register_kinds():
    ...     yield KindSpec("phases", "astrodome_moon.protocols:Phases", summary="Phases by time")
    """


@hookspec
def register_checks() -> Iterable[CheckSpec]:  # type: ignore[empty-body]
    """Return health checks, which ``plugins doctor`` runs.

    >>> @hookimpl
    ... def register_checks():
    ...     yield CheckSpec("ephemeris", "astrodome_moon.data:check", summary="Ephemeris files")
    """
