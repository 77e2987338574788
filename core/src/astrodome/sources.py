"""Protocols of data sources by kind, and how a command gets one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from . import plugins, settings
from .errors import AstrodomeError

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


@runtime_checkable
class LightCurves(Protocol):
    """Kind ``lightcurves``: photometric time series by source."""

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """One row an epoch: ``id``, ``hjd`` (d), ``mag``, ``magerr``, ``filter``."""
        ...


@runtime_checkable
class Catalogue(Protocol):
    """Kind ``catalogue``: documents of survey sources, found by query or position.

    A collection is named by its role (``sources``, ``features``, ``classifications``, ``gaia``)
    or by the service's own name for it. ``where`` maps columns to a value or to conditions, all of
    which hold: ``{"field": 296, "nobs": {"$gte": 20}}``, of ``$eq $ne $gt $gte $lt $lte $in``;
    ``{"$or": [where, ...]}`` asks for one of several.
    """

    def collections(self) -> list[str]:
        """Names of the collections that there are."""
        ...

    def find(
        self,
        collection: str,
        where: Mapping[str, Any],
        columns: Sequence[str] = (),
        *,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterable[dict[str, Any]]:
        """The matching documents in the order of their ``_id``, one after the other.

        ``columns`` beside ``_id``: all when none is named. ``limit`` 0: no limit. An ``$in`` may
        hold any number of values.
        """
        ...

    def cone(
        self,
        collection: str,
        ra: ArrayLike,
        dec: ArrayLike,
        radius: float,
        columns: Sequence[str] = (),
    ) -> list[list[dict[str, Any]]]:
        """For each position (deg) the documents within ``radius`` (arcsec), the nearest first.

        Each has ``_id``, ``ra``, ``dec`` (deg), ``separation`` (arcsec) and the ``columns``.
        """
        ...

    def light_curves(self, ids: Sequence[Any]) -> pd.DataFrame:
        """One row an epoch: ``id``, ``hjd`` (d), ``mag``, ``magerr``, ``filter`` (1 g, 2 r, 3 i).

        And where it is known ``ra``, ``dec`` (deg), ``catflags``, ``programid``, ``expid``.
        Nothing is left out: limits and flags are for the caller to apply.
        """
        ...


@runtime_checkable
class Marshal(Protocol):
    """Kind ``marshal``: sources with classifications and annotations by people and models.

    A source is ``{"id", "ra", "dec" (deg), "created_at", "groups": [id], "classifications",
    "annotations", "labellers": [id]}``. A classification has ``id``, ``classification``,
    ``taxonomy_id``, ``probability``, ``origin``, ``ml``, ``groups`` and ``votes`` (their sum); an
    annotation ``id``, ``origin``, ``data`` and ``groups``. Its class takes ``token`` and
    ``connections``, requests at a time; its ``address`` is its name in the journal of changes.

    What changes something is sent once: when the answer does not come, the call raises
    AstrodomeError, and whether it was done has to be looked up.
    """

    def source(self, obj_id: str) -> dict[str, Any] | None:
        """A source, or None when there is none of that name."""
        ...

    def near(self, ra: float, dec: float, radius: float) -> list[dict[str, Any]]:
        """The sources within ``radius`` (arcsec), the nearest first, each with ``separation``."""
        ...

    def in_groups(self, group_ids: Sequence[int], *, start: int = 1) -> Iterable[dict[str, Any]]:
        """Every source that is saved to one of these groups, once, from page ``start`` of 500."""
        ...

    def classifications(self, obj_id: str) -> list[dict[str, Any]]:
        """Every classification of a source."""
        ...

    def annotations(self, obj_id: str) -> list[dict[str, Any]]:
        """Every annotation of a source."""
        ...

    def comments(self, obj_id: str) -> list[dict[str, Any]]:
        """Every comment on a source: ``id``, ``text``."""
        ...

    def photometry(self, obj_id: str) -> list[dict[str, Any]]:
        """Every point of a source: ``mjd`` (d), ``filter``, ``mag``, ``magerr``."""
        ...

    def group(self, group_id: int) -> dict[str, Any] | None:
        """Return a group (``id``), or None if it does not exist or is not accessible."""
        ...

    def instruments(self) -> list[dict[str, Any]]:
        """The instruments: ``id``, ``name``."""
        ...

    def taxonomies(self) -> list[dict[str, Any]]:
        """The taxonomies: ``id``, ``name``, ``version``, ``provenance``, ``hierarchy``."""
        ...

    def save_source(self, obj_id: str, ra: float, dec: float, group_ids: Sequence[int]) -> Any:
        """Make a source (deg) and save it to groups."""
        ...

    def add_to_groups(self, obj_id: str, group_ids: Sequence[int]) -> Any:
        """Save a source that is there to more groups."""
        ...

    def classify(self, records: Sequence[Mapping[str, Any]]) -> Any:
        """Post classifications: ``obj_id``, ``classification``, ``taxonomy_id``, ``probability``,
        ``group_ids``, and if wanted ``origin``, ``ml``, ``vote``, ``label``."""
        ...

    def delete_classification(self, obj_id: str, classification_id: int) -> Any:
        """Delete one classification."""
        ...

    def annotate(
        self, obj_id: str, origin: str, data: Mapping[str, Any], group_ids: Sequence[int]
    ) -> Any:
        """Post an annotation; a source has one of an origin."""
        ...

    def change_annotation(
        self, obj_id: str, annotation_id: int, origin: str, data: Mapping[str, Any]
    ) -> Any:
        """Replace the data of an annotation."""
        ...

    def delete_annotation(self, obj_id: str, annotation_id: int) -> Any:
        """Delete a whole annotation."""
        ...

    def comment(self, obj_id: str, text: str, attachment: tuple[str, bytes] | None = None) -> Any:
        """Post a comment, with a file (name, content) if wanted."""
        ...

    def add_photometry(self, points: Mapping[str, Any]) -> Any:
        """Add points that are not there yet: ``obj_id``, ``instrument_id``, lists by column."""
        ...

    def archive(
        self,
        catalog: str,
        light_curve_ids: Sequence[int],
        group_ids: Sequence[int],
        obj_id: str = "",
    ) -> Any:
        """Add light curves from a catalogue of the marshal to a source.

        If ``obj_id`` is empty, a new source is created. Returns the ``obj_id``. Adding a light
        curve a second time changes nothing.
        """
        ...

    def post_taxonomy(self, taxonomy: Mapping[str, Any]) -> Any:
        """Post a taxonomy; gives its ``taxonomy_id``."""
        ...


KINDS: dict[str, type[Any]] = {
    "images": Images,
    "events": Events,
    "flux": Flux,
    "lightcurves": LightCurves,
    "catalogue": Catalogue,
    "marshal": Marshal,
}
PROVIDERS = {
    "images": "astrodome-sdo-data",
    "events": "astrodome-hek-events",
    "flux": "astrodome-goes",
    "lightcurves": "astrodome-ztf-scope",
    "catalogue": "astrodome-ztf-scope",
    "marshal": "astrodome-ztf-scope",
}


def names(kind: str) -> dict[str, str]:
    """The registered sources of a kind, name to summary, without importing any."""
    return {n: owned[0][1].summary for n, owned in plugins.current().sources(kind).items()}


def distributions(kind: str) -> dict[str, str]:
    """The distribution that brings each registered source of a kind, by name of the source."""
    found = plugins.current().sources(kind)
    return {name: ", ".join(plugin.owner for plugin, _ in owned) for name, owned in found.items()}


SECTION = "sources"
"""Name of the settings section with the default source of each kind."""
OPTIONS = {"marshal": "--marshal", "catalogue": "--catalogue"}
"""Options that are not named ``--KIND-source``."""


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

    registered = {spec.kind for plugin in plugins.current().plugins for spec in plugin.sources}
    keys: dict[str, Any] = {
        kind: (str, Field("", description=f"Default source of kind {kind}."))
        for kind in sorted({*KINDS, *registered})
    }
    return create_model("SourceSettings", __config__=ConfigDict(extra="forbid"), **keys)


def get(kind: str, name: str = "", **options: Any) -> Any:
    """Return the source ``name`` of a kind, that in the settings, or the only installed one.

    ``name`` may be ``NAME:ARGUMENT``, for example ``local:FOLDER``. The argument and ``options``
    are passed to the class of the source. Raises AstrodomeError if no source is installed (with
    the distribution to install), if the name is unknown, or if several are installed and none is
    chosen.
    """
    from . import protocols

    found = plugins.current().sources(kind)
    if not found:
        raise AstrodomeError(
            f"No installed plugin provides a source of kind '{kind}'.", _missing_provider(kind)
        )
    name = choose(kind, name)
    name, colon, argument = name.partition(":")
    if not name and len(found) > 1:
        given = OPTIONS.get(kind, f"--{kind}-source")
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
    plugin, spec = plugins.only(f"{kind} source", name, found[name])
    target = plugins.load_target(spec.target, plugin, spec.extra)
    protocols.check(plugin, spec, target)
    return target(argument, **options) if colon else target(**options)


def _known(found: Iterable[str]) -> str:
    names = ", ".join(found)
    return f"Known: {names}." if names else ""


def _missing_provider(kind: str) -> str:
    wanted = PROVIDERS.get(kind)
    return f"Install one: pip install {wanted}" if wanted else ""
