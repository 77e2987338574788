"""Protocols of the kinds ``images``, ``events`` and ``flux``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The capabilities of a source of images, in its class attribute ``info``.

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
class FetchedImage:
    """The result of :meth:`ImageSource.fetch` for one row.

    ``row`` is the label of the row in the index, and ``path`` the file. ``header`` contains
    metadata with the column names of ``meta.csv``: QUALITY, DSUN (m), X0, Y0 and R_SUN (pixels of
    the image of 4096 x 4096 pixels) and CDELT (arcsec/pixel of that image). ``parameters`` is a
    float32 array of shape (64, 64, 10).

    ``status`` is ``done``, ``missing`` (the archive does not have the image), ``skipped`` (the
    image does not match the request) or ``failed``; ``reason`` is a sentence about the last three.
    """

    row: Any
    path: Path | None = None
    header: Mapping[str, Any] | None = None
    parameters: NDArray[np.float32] | None = None
    status: str = "done"
    reason: str = ""


@runtime_checkable
class ImageSource(Protocol):
    """An archive of solar images; see :func:`source_info` for its capabilities."""

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """Return a table with one row per image from ``start`` to ``end`` (both included).

        The columns are ``t_obs`` (UTC), ``wavelength`` (angstrom), and those that ``fetch`` needs.
        The name of an image is ``{t_obs:%Y-%m-%dT%H%M%S}__{wavelength}.jpeg``, or the value in
        the optional column ``file_name``. Further keyword arguments are the ``options`` of
        :class:`SourceInfo`.
        """
        ...

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterable[FetchedImage | Path]:
        """Download the images of these rows to the folder ``target``.

        Yields one result per row, in any order. A path means that the image with this file name
        is complete. A source that yields paths raises an exception for the first row that fails.

        Up to ``SourceInfo.connections`` threads call this method at the same time. If the source
        has a method ``limit(connections)``, with which it limits its requests itself, some more
        threads call it. An optional method ``stop()`` ends the calls in other threads soon.
        """
        ...


def source_info(source: ImageSource) -> SourceInfo:
    """Return the capabilities of a source of images.

    Parameters
    ----------
    source
        A source of the kind ``images``.

    Returns
    -------
    SourceInfo
        The class attribute ``info`` of the source, or the default capabilities.

    Examples
    --------
    >>> class Archive:
    ...     info = SourceInfo(connections=4)
    >>> source_info(Archive()).connections
    4
    """
    found = getattr(source, "info", None)
    return found if isinstance(found, SourceInfo) else SourceInfo()


@runtime_checkable
class EventSource(Protocol):
    """A catalogue of solar events."""

    def search(
        self, start: datetime, end: datetime, event_types: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return the events that overlap [start, end] (UTC), as unchanged catalogue records."""
        ...


@runtime_checkable
class FluxSource(Protocol):
    """Measurements of the solar soft X-ray flux."""

    def flux_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the 1-8 angstrom flux (W/m2) at UTC times, shape (N,).

        The flux is NaN where no valid sample is near.
        """
        ...
