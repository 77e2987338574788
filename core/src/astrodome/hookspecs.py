"""Hook specifications for plugins, and the frozen dataclasses that the hooks return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pluggy

hookspec = pluggy.HookspecMarker("astrodome")
hookimpl = pluggy.HookimplMarker("astrodome")
"""Decorator that marks a function in the plugin module as the implementation of a hook."""


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command of an app.

    ``target`` is the import string (``"package.module:name"``) of a Typer app or a function.
    ``settings`` is the import string of a pydantic model for the settings section with the same
    name as the command, or a mapping of section names to such import strings. An empty string in
    the mapping declares a section that the plugin validates itself. ``panel`` is the
    heading of the command list on the help page. A ``hidden`` command, for example an alias, can
    be run but is not listed.
    """

    name: str
    target: str
    help: str
    panel: str = "Commands"
    settings: str | Mapping[str, str] = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A data source of the given ``kind``.

    ``target`` is the import string of a class that can be called without arguments. ``extra`` is
    the name of the extra (optional dependencies) that the target requires. ``settings``
    is the import string of a pydantic model for the settings section with the name of the source.
    """

    kind: str
    name: str
    target: str
    summary: str
    extra: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model backend for the given ``task``.

    ``target`` is the import string of a class that can be called without arguments. ``extra`` is
    the name of the extra (optional dependencies) that the target requires. ``verbs``
    are the names of the commands that the model supports, for example ``train``. ``settings`` is
    the import string of a pydantic model with the options of the model, and of the settings section
    ``TASK_NAME``. Its module must not import the libraries of the target.
    """

    task: str
    name: str
    target: str
    summary: str
    extra: str = ""
    verbs: tuple[str, ...] = ("train", "predict")
    settings: str = ""


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """A view of a ``subject``: a section of an HTML report, or an exporter that writes a file.

    ``target`` is the import string of a class that can be called without arguments. If ``role`` is
    ``section``, its method ``section(content)`` returns an :class:`astrodome.views.Section`, or
    None to omit the section. If ``role`` is ``exporter``, its method ``export(content, path)``
    writes a file. The protocol of the subject describes ``content``. ``extension`` is the extension
    of the file, without a leading dot. ``extra`` is the name of the extra (optional dependencies)
    that the target requires.
    """

    subject: str
    name: str
    target: str
    summary: str
    role: Literal["section", "exporter"] = "section"
    extension: str = ""
    extra: str = ""

    @property
    def verbs(self) -> tuple[str, ...]:
        """The method that the class of the view must have: ``section`` or ``export``."""
        return ("export",) if self.role == "exporter" else ("section",)


@dataclass(frozen=True, slots=True)
class KindSpec:
    """A kind of data source, a model task or a subject of views.

    It is declared by the plugin that defines it. ``role`` is ``source``, ``model`` or ``view``.
    ``protocol`` is the import string of a class. Registered sources, models and views must have its
    public methods. A model needs the methods in ``optional`` only if they are also in its
    ``verbs``, and a view only if its role requires them. ``contract`` is the import string of a
    function for additional checks, which is called with the spec and the class of a source, model
    or view, and returns problem descriptions.
    ``option`` is the name of the option with which commands choose a source; the default is
    ``--NAME-source``. ``settings`` maps section names to pydantic models, for settings that are
    shared by all sources or models of the kind. ``template`` is a folder with a template for
    ``plugins new``, as ``"package:folder"``.
    """

    name: str
    protocol: str
    summary: str
    role: Literal["source", "model", "view"] = "source"
    contract: str = ""
    option: str = ""
    optional: tuple[str, ...] = ()
    settings: str | Mapping[str, str] = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A health check that ``plugins doctor`` runs.

    ``target`` is the import string of a function without arguments that returns problem
    descriptions: strings, or :class:`Finding` objects for problems that can be repaired. An
    exception is also reported as a problem. ``fix`` is the import string of a function
    ``fix(finding, dry_run)`` that repairs a problem and returns a description of the change, for
    example ``delete FILE``. If ``dry_run`` is True, the function must not change anything. A check
    that connects to services is ``online``; it runs only with the option ``--online``.
    """

    name: str
    target: str
    summary: str
    extra: str = ""
    fix: str = ""
    online: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that a health check found and that its function ``fix`` can repair.

    ``text`` describes the problem. ``subject`` is what the repair needs, for example a path.
    """

    text: str
    subject: Any = None


@hookspec
def register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Return the commands that the plugin adds to the app.

    >>> @hookimpl
    ... def register_commands():
    ...     yield CommandSpec("moon", "astrodome_moon.cli:app", help="Observe the Moon.")
    """


@hookspec
def register_sources() -> Iterable[SourceSpec]:  # type: ignore[empty-body]
    """Return the data sources of the plugin, which other plugins look up by kind.

    >>> @hookimpl
    ... def register_sources():
    ...     yield SourceSpec("phases", "moon", "astrodome_moon.phases:Phases", summary="Phases")
    """


@hookspec
def register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Return the model backends of the plugin, which commands look up by task.

    >>> @hookimpl
    ... def register_models():
    ...     yield ModelSpec("craters", "net", "astrodome_moon.net:Net", summary="A network")
    """


@hookspec
def register_views() -> Iterable[ViewSpec]:  # type: ignore[empty-body]
    """Return the views of the plugin: sections of reports, and exporters.

    >>> @hookimpl
    ... def register_views():
    ...     yield ViewSpec("craters", "depths", "astrodome_moon.views:Depths", summary="Depths")
    """


@hookspec
def register_kinds() -> Iterable[KindSpec]:  # type: ignore[empty-body]
    """Return the kinds of data sources, model tasks and subjects of views that the plugin defines.

    >>> @hookimpl
    ... def register_kinds():
    ...     yield KindSpec("phases", "astrodome_moon.protocols:Phases", summary="Phases by time")
    """


@hookspec
def register_checks() -> Iterable[CheckSpec]:  # type: ignore[empty-body]
    """Return the health checks of the plugin, which ``plugins doctor`` runs.

    >>> @hookimpl
    ... def register_checks():
    ...     yield CheckSpec("ephemeris", "astrodome_moon.data:check", summary="Ephemeris files")
    """
