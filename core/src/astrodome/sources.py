"""Lookup of data sources by kind: option, setting, or the only installed source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from . import plugins, protocols, registry, settings, suggestions
from .errors import AstrodomeError
from .hookspecs import SourceSpec

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class About:
    """The capabilities of a source of images, in its class attribute ``about``.

    ``connections`` is the maximum number of simultaneous calls of ``fetch``, ``batch`` the best
    number of rows per call. ``wavelengths`` (angstrom), ``sizes``, ``endings`` (file extensions),
    ``cadence`` (s) and ``span`` (start and end) describe the images. The first of ``sizes`` is the
    default; users can choose another one if ``options`` contains ``size``. ``options`` are the
    additional keywords of ``search`` (``size``, ``quality``, ``calibrate``).

    ``parts`` are the names of boolean columns that request a part of a row from ``fetch``; a
    source that only has images needs no such column. ``size_bytes`` is the approximate file size
    of an image, by size. ``checked`` is True if the source returns only complete images that can
    be decoded.
    """

    connections: int = 1
    batch: int = 1
    wavelengths: tuple[int, ...] = ()
    sizes: tuple[str, ...] = ()
    endings: tuple[str, ...] = (".jpeg",)
    cadence: float = 0.0
    span: tuple[str, str] = ("", "")
    options: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("image",)
    size_bytes: Mapping[str, int] = field(default_factory=dict)
    checked: bool = False


@dataclass(slots=True)
class Fetched:
    """What became of a row of ``Images.search``.

    ``row`` is its label in the index. ``path`` is the file; ``header`` what is known of the
    image under the names of ``meta.csv`` (QUALITY, DSUN in m, X0, Y0 and R_SUN in px of the frame
    of 4096 x 4096, CDELT in arcsec/px of it); ``parameters`` float32 of shape (64, 64, 10).
    Otherwise ``status`` is ``missing`` (the archive has no such image), ``skipped`` (it is not
    as wanted) or ``failed``, and ``reason`` a sentence.
    """

    row: Any
    path: Path | None = None
    header: Mapping[str, Any] | None = None
    parameters: NDArray[np.float32] | None = None
    status: str = "done"
    reason: str = ""


@runtime_checkable
class Images(Protocol):
    """Kind ``images``: an archive of solar images; what it can do says :func:`about`."""

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """A row an image: ``t_obs`` (UTC), ``wavelength`` (angstrom), and what ``fetch`` needs.

        An image is called ``{t_obs:%Y-%m-%dT%H%M%S}__{wavelength}.jpeg`` unless the rows have
        a column ``file_name``. Both ends are included; keywords beyond these are
        the ``options`` of :class:`About`.
        """
        ...

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterable[Fetched | Path]:
        """Bring the images of these rows to the folder ``target``, under their names.

        Yields what became of each row, in any order; a bare path, named like its row, is
        one that is done. A source that yields paths raises at the first row that fails.
        It is called from several threads, as many as ``About.connections``; from a few more
        when the source has a method ``limit(connections)``, with which it bounds its requests
        itself. A method ``stop()`` ends what other threads fetch, soon.
        """
        ...


def about(source: Images) -> About:
    """What a source of images can do; one that does not say is asked for one image at a time."""
    found = getattr(source, "about", None)
    return found if isinstance(found, About) else About()


@runtime_checkable
class Events(Protocol):
    """Kind ``events``: a catalogue of solar events."""

    def search(
        self, start: datetime, end: datetime, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Events that overlap [start, end] (UTC), as untouched records of the catalogue."""
        ...


@runtime_checkable
class Flux(Protocol):
    """Kind ``flux``: solar soft X-ray flux."""

    def flux_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """1-8 angstrom flux (W/m2) at UTC times, shape (N,); NaN where no good sample is near."""
        ...


def names(kind: str) -> dict[str, str]:
    """Return the summaries of the registered sources of a kind by name; none is imported."""
    return {n: owned[0][1].summary for n, owned in plugins.current().sources(kind).items()}


def distributions(kind: str) -> dict[str, str]:
    """Return the distributions of the registered sources of a kind by name of the source."""
    found = plugins.current().sources(kind)
    return {name: ", ".join(plugin.owner for plugin, _ in owned) for name, owned in found.items()}


SECTION = "sources"
"""Name of the settings section with the default source of each kind."""


def option(kind: str, help: str = "", *names: str) -> Any:
    """Return a Typer option to choose a source of a kind.

    Use it in the annotation of a parameter with the default ``""``, and pass the value to
    :func:`get`. ``names`` are additional names of the option.
    """
    import typer

    return typer.Option(
        f"--{kind}-source",
        *names,
        metavar="NAME",
        help=f"{help or f'Source of kind {kind}'} [setting {SECTION}.{kind}].",
    )


def choose(kind: str, name: str = "", default: str = "") -> str:
    """Return ``name``, or the source of a kind in the settings, or ``default``.

    The result is empty if none of these is given. Raises AstrodomeError if the source in the
    settings is not installed.
    """
    if name:
        return name
    configured, origin = _configured(kind)
    found = plugins.current().sources(kind)
    if configured and configured.partition(":")[0] not in found:
        raise AstrodomeError(
            f"Source '{configured}' of kind '{kind}' is not installed: "
            f"setting {SECTION}.{kind} from {origin}.",
            _known(found) or _missing_provider(kind),
            exit_code=2,
        )
    return configured or default


def _configured(kind: str) -> tuple[str, str]:
    """Return the source of a kind in the settings, and its origin; both are empty if not set."""
    current = settings.current()
    current.section(SECTION, settings_model())
    value, origin = current.values(SECTION).get(kind, ("", ""))
    return str(value or ""), origin


def settings_model() -> type[BaseModel]:
    """Return the pydantic model of the section ``sources``: one key for each kind."""
    from pydantic import ConfigDict, Field, create_model

    current = plugins.current()
    registered = {spec.kind for p in current.plugins for spec in p.registered(SourceSpec)}
    keys: dict[str, Any] = {
        kind: (str, Field("", description=f"Default source of kind {kind}."))
        for kind in sorted({*current.kinds("source"), *registered, *suggestions.by_kind()})
    }
    return create_model("SourceSettings", __config__=ConfigDict(extra="forbid"), **keys)


def get(kind: str, name: str = "", **options: Any) -> Any:
    """Return the source ``name`` of a kind, the one in the settings, or the only installed one.

    ``name`` may be ``NAME:ARGUMENT``, for example ``local:FOLDER``. The argument and ``options``
    are passed to the class of the source. Raises AstrodomeError if no source is installed, if the
    name is unknown, or if several are installed and none is chosen.
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
        raise AstrodomeError(
            f"Several sources of kind '{kind}' are installed: {', '.join(found)}.",
            f"Choose one with {given} NAME, or set {SECTION}.{kind} in config.yaml.",
            exit_code=2,
        )
    name = name or next(iter(found))
    if name not in found:
        raise AstrodomeError(
            f"Source '{name}' of kind '{kind}' not found.", _known(found), exit_code=2
        )
    target = protocols.load(*registry.only(f"{kind} source", name, found[name]))
    return target(argument, **options) if colon else target(**options)


def _known(found: Iterable[str]) -> str:
    names = ", ".join(found)
    return f"Installed sources: {names}." if names else ""


def _missing_provider(kind: str) -> str:
    distribution = suggestions.by_kind().get(kind)
    return f"Install one: pip install {distribution}" if distribution else ""
