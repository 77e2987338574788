"""Look up the data source of a kind: from an option, a setting, or the installed plugins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import plugins, protocols, registry, settings, suggestions
from .errors import AstrodomeError, InvalidInputError
from .hookspecs import SourceSpec

if TYPE_CHECKING:
    from pydantic import BaseModel


def names(kind: str) -> dict[str, str]:
    """Return the summaries of the registered sources of the given kind, keyed by source name.

    The sources are not imported.
    """
    return {n: owned[0][1].summary for n, owned in plugins.current().sources(kind).items()}


def distributions(kind: str) -> dict[str, str]:
    """Return the distributions that provide the sources of the given kind, keyed by name."""
    found = plugins.current().sources(kind)
    return {name: ", ".join(plugin.owner for plugin, _ in owned) for name, owned in found.items()}


SECTION = "sources"
"""Name of the settings section that contains the default source for each kind."""


def option(kind: str, help: str = "", *names: str) -> Any:
    """Return a Typer option for choosing a source of the given kind.

    Use the option in the annotation of a parameter with the default ``""``, and pass the value to
    :func:`get`.

    Parameters
    ----------
    kind
        Kind of the source. The name of the option is ``--KIND-source``.
    help
        Help text of the option.
    *names
        Additional names for the option.
    """
    import typer

    return typer.Option(
        f"--{kind}-source",
        *names,
        metavar="NAME",
        help=f"{help or f'Data source of the kind {kind}'} (setting: {SECTION}.{kind}).",
    )


def choose(kind: str, name: str = "", default: str = "") -> str:
    """Return the name of a source: ``name``, the configured source, or ``default``.

    The first of these names that is not empty is returned. If all names are empty, the result is an
    empty string. Raises AstrodomeError if the configured source is not installed.
    """
    if name:
        return name
    configured, origin = _configured(kind)
    found = plugins.current().sources(kind)
    if configured and configured.partition(":")[0] not in found:
        raise InvalidInputError(
            f"Source '{configured}' of kind '{kind}' is not installed "
            f"(setting {SECTION}.{kind} from {origin}).",
            _known(found) or _missing_provider(kind),
        )
    return configured or default


def _configured(kind: str) -> tuple[str, str]:
    """Return the name of the source configured for a kind, and the origin of this setting.

    Both are empty strings if no source is configured.
    """
    current = settings.current()
    current.section(SECTION, settings_model())
    value, origin = current.values(SECTION).get(kind, ("", ""))
    return str(value or ""), origin


def settings_model() -> type[BaseModel]:
    """Return the pydantic model for the section ``sources``, which has one key for each kind."""
    from pydantic import ConfigDict, Field, create_model

    current = plugins.current()
    registered = {spec.kind for p in current.plugins for spec in p.registered(SourceSpec)}
    keys: dict[str, Any] = {
        kind: (str, Field("", description=f"Name of the default data source of the kind {kind}."))
        for kind in sorted({*current.kinds("source"), *registered, *suggestions.by_kind()})
    }
    return create_model("SourceSettings", __config__=ConfigDict(extra="forbid"), **keys)


def get(kind: str, name: str = "", **options: Any) -> Any:
    """Return a new instance of a data source.

    Parameters
    ----------
    kind
        Kind of the source.
    name
        Name of the source, or ``NAME:ARGUMENT``, for example ``local:FOLDER``. By default, the
        source configured in the settings or the only installed source is used.
    **options
        Keyword arguments for the class of the source.

    Raises
    ------
    AstrodomeError
        If no source of the kind is installed, if the name is unknown, or if several sources are
        installed and none of them is chosen.
    """
    found = plugins.current().sources(kind)
    if not found:
        raise AstrodomeError(
            f"No installed plugin provides a source of kind '{kind}'.", _missing_provider(kind)
        )
    name = choose(kind, name)
    name, colon, argument = name.partition(":")
    if not name and len(found) > 1:
        declared = plugins.current().kinds("source").get(kind)
        given = (declared and declared[0][1].option) or f"--{kind}-source"
        raise InvalidInputError(
            f"Several sources of kind '{kind}' are installed: {', '.join(found)}.",
            f"Choose one with {given} NAME, or set {SECTION}.{kind} in config.yaml.",
        )
    name = name or next(iter(found))
    if name not in found:
        raise InvalidInputError(f"Source '{name}' of kind '{kind}' not found.", _known(found))
    target = protocols.load(*registry.only(f"{kind} source", name, found[name]))
    return target(argument, **options) if colon else target(**options)


def _known(found: Iterable[str]) -> str:
    names = ", ".join(found)
    return f"Installed sources: {names}." if names else ""


def _missing_provider(kind: str) -> str:
    distribution = suggestions.by_kind().get(kind)
    return f"Install a source: pip install {distribution}" if distribution else ""
