"""Protocols for data sources of the kinds ``images``, ``events`` and ``flux``."""

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
    """The capabilities of an image source, stored in its class attribute ``info``.

    ``connections`` is the maximum number of simultaneous calls to ``fetch``, and ``batch`` is the
    recommended number of rows per call. ``wavelengths`` (in angstrom), ``sizes``, ``endings`` (file
    extensions), ``cadence`` (in seconds) and ``span`` (start and end times) describe the available
    images. The first element of ``sizes`` is the default size. Users can choose another size if
    ``options`` contains ``size``. ``options`` are the names of additional keyword arguments of
    ``search`` (``size``, ``quality``, ``calibrate``).

    ``parts`` are the names of the boolean columns that specify which data ``fetch`` downloads for a
    row. These columns are not required if the source provides only images. ``size_bytes`` maps each
    size to the approximate file size of an image. ``checked`` is True if the source returns only
    complete images that can be decoded.
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

    ``row`` is the index label of the row, and ``path`` is the downloaded file. ``header`` contains
    metadata with the column names of ``meta.csv``: QUALITY, DSUN (m), X0, Y0 and R_SUN (pixels in a
    frame of 4096 x 4096 pixels), and CDELT (arcsec/pixel in this frame). ``parameters`` is
    an array of image parameters with shape (64, 64, 10) and dtype float32.

    ``status`` is ``done``, ``missing`` (the image is not in the archive), ``skipped`` (the image
    does not match the request) or ``failed``. Unless it is ``done``, ``reason`` is a message that
    explains the status.
    """

    row: Any
    path: Path | None = None
    header: Mapping[str, Any] | None = None
    parameters: NDArray[np.float32] | None = None
    status: str = "done"
    reason: str = ""


@runtime_checkable
class ImageSource(Protocol):
    """An archive of solar images. :func:`source_info` returns its capabilities."""

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """Return a table with one row per image from ``start`` to ``end``, both included.

        The columns are ``t_obs`` (UTC), ``wavelength`` (angstrom), and additional columns that
        ``fetch`` requires. The file name of an image is
        ``{t_obs:%Y-%m-%dT%H%M%S}__{wavelength}.jpeg``, or the value in the optional column
        ``file_name`` if this column exists. Additional keyword arguments are listed in
        ``SourceInfo.options``.
        """
        ...

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterable[FetchedImage | Path]:
        """Download the images in a table to the folder ``target``.

        Yields one result per row, in any order. A path means that the image file was downloaded
        completely. A source that yields paths must raise an exception if a row fails.

        This method is called from up to ``SourceInfo.connections`` threads at the same time. An
        optional method ``stop()`` interrupts the calls in other threads.
        """
        ...


def source_info(source: ImageSource) -> SourceInfo:
    """Return the capabilities of an image source.

    Parameters
    ----------
    source
        Data source of the kind ``images``.

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
        """Return the unchanged catalogue records of events that overlap a time range.

        ``start`` and ``end`` are in UTC, and both are inclusive.
        """
        ...


@runtime_checkable
class FluxSource(Protocol):
    """A data source for the solar soft X-ray flux."""

    def flux_at(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the 1-8 angstrom flux at N UTC times as an array with shape (N,), in W/m2.

        The flux is NaN at times without a valid sample nearby.
        """
        ...
