"""Client for the image service of Georgia State University (GSU) in ``sunpy.net.Fido``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, compute, files, settings
from astrodome_solar.filenames import file_name
from astropy import units as u
from astropy.time import Time
from parfive import Results
from sunpy.net import attrs as a
from sunpy.net.attr import AttrAnd, AttrOr, and_
from sunpy.net.base_client import BaseClient, QueryResponseTable, convert_row_to_table

from ..sources.grid import time_grid
from ..sources.gsu import CADENCE, GsuSource, checked_jpeg, image_path
from ..sources.server import Server
from ..sources.settings import GsuSettings
from . import attrs


class GSUResponse(QueryResponseTable):  # type: ignore[misc]
    """Search results with one row per image. The columns are time, wavelength, size and URL."""

    hide_keys = ["url"]  # noqa: RUF012


class GSUClient(BaseClient):  # type: ignore[misc]
    """
    AIA JPEG images with a cadence of six minutes from Georgia State University.

    The service cannot list the available images. A search returns one row for each time step, even
    if no image exists at that time; missing images are reported by ``fetch``. The time step is six
    minutes unless ``a.Sample`` is given. A query is sent to this client if it contains
    ``a.Provider("GSU")`` or ``a.gsu.Size``. The base URL and the limits for requests can be set
    in the configuration, for example ``gsu.url``.

    References
    ----------
    * Ahmadzadeh et al. 2019, ApJS 243, 18
    """

    @property
    def info_url(self) -> str:
        return "https://dmlab.cs.gsu.edu/dmlabapi/"

    @classmethod
    def _attrs_module(cls) -> tuple[str, str]:
        return "gsu", attrs.__name__

    @classmethod
    def register_values(cls) -> dict[Any, list[tuple[str, str]]]:
        """Return the supported values of each search attribute."""
        sizes = [(name, f"{side} pixels per side") for name, side in GsuSource.sizes.items()]
        return {
            a.Instrument: [("AIA", "Atmospheric Imaging Assembly")],
            a.Provider: [("GSU", "Georgia State University, Data Mining Lab")],
            a.Source: [("SDO", "Solar Dynamics Observatory")],
            attrs.Size: sizes,
        }

    @classmethod
    def _can_handle_query(cls, *query: Any) -> bool:
        optional = {a.Wavelength, a.Sample, a.Instrument, a.Source, a.Provider, attrs.Size}
        if not cls.check_attr_types_in_query(query, {a.Time}, optional):
            return False
        values = {type(attr): str(attr.value).lower() for attr in query if hasattr(attr, "value")}
        required = {a.Instrument: "aia", a.Source: "sdo", a.Provider: "gsu"}
        is_named = a.Provider in values or attrs.Size in values
        return is_named and all(values.get(kind, name) == name for kind, name in required.items())

    def search(self, *query: Any) -> GSUResponse:
        """Return one row for each time and wavelength.

        Raises ValueError if the size is unknown or the sample is not a multiple of six minutes.
        """
        by_type = _attrs_by_type(query)
        time_range, wave = by_type[a.Time], by_type.get(a.Wavelength)
        step = float(by_type[a.Sample].value) if a.Sample in by_type else CADENCE
        sizes = GsuSource.sizes
        size = str(by_type[attrs.Size].value) if attrs.Size in by_type else next(iter(sizes))
        if size not in sizes:
            raise ValueError(f"Invalid size '{size}': expected one of {', '.join(sizes)}.")
        selected = [w for w in GsuSource.info.wavelengths if wave is None or _is_within(w, wave)]
        start, end = (each.utc.to_datetime() for each in (time_range.start, time_range.end))
        try:
            rows = time_grid(start, end, f"{round(step * 1e3)}ms", selected, CADENCE)
        except AstrodomeError as error:
            raise ValueError(
                f"{error.message} Specify a.Sample as a multiple of 6 minutes."
            ) from error
        if rows.empty:
            return GSUResponse(client=self)
        root = settings.section("gsu", GsuSettings).url.rstrip("/")
        t_obs = Time(rows["t_obs"].to_numpy("datetime64[ns]"), format="datetime64", scale="utc")
        t_obs.format = "iso"
        wavelength = rows["wavelength"].to_numpy()
        pairs = zip(rows["t_obs"], wavelength, strict=True)
        return GSUResponse(
            {
                "Start Time": t_obs,
                "End Time": t_obs,
                "Instrument": np.full(len(rows), "AIA"),
                "Source": np.full(len(rows), "SDO"),
                "Provider": np.full(len(rows), "GSU"),
                "Wavelength": wavelength * u.AA,
                "Size": np.full(len(rows), size),
                "url": [root + image_path(time, wave, size) for time, wave in pairs],
            },
            client=self,
        )

    @convert_row_to_table  # type: ignore[untyped-decorator]
    def fetch(
        self,
        query_results: GSUResponse,
        *,
        path: str | Path | None = None,
        downloader: Any = None,
        **kwargs: Any,
    ) -> Results:
        """Download the images in a search result.

        ``path`` can contain column names, for example ``{wavelength}/{file}``. Existing files are
        kept unless the downloader is configured to overwrite files. Failures are listed in the
        attribute ``errors`` of the result.
        """
        pattern = str(path or "{file}")
        pattern = pattern if "{file}" in pattern else str(Path(pattern, "{file}"))
        overwrite = bool(downloader.config.overwrite if downloader else kwargs.get("overwrite"))
        results = Results()
        if not len(query_results):
            return results
        root = str(query_results["url"][0]).partition("/images/SDO/")[0]
        server_settings = settings.section("gsu", GsuSettings).model_copy(update={"url": root})
        download = partial(_download, Server("GSU", server_settings), overwrite)
        items = _targets(query_results, pattern)
        jobs = server_settings.connections
        for done in compute.map(download, items, jobs=jobs, threads=True, ordered=True):
            url, target, _ = done.item
            if done.value is None:
                results.add_error(str(target), url, AstrodomeError(done.error))
            else:
                results.append(path=str(done.value), url=url)
        return results


def _attrs_by_type(query: Any) -> dict[type, Any]:
    combined = and_(*query)
    if isinstance(combined, AttrOr):
        raise ValueError("The GSU client does not support queries combined with |.")
    attributes = combined.attrs if isinstance(combined, AttrAnd) else [combined]
    return {type(attr): attr for attr in attributes}


def _is_within(wavelength: int, requested: a.Wavelength) -> bool:
    length = (wavelength * u.AA).to(requested.unit, equivalencies=u.spectral())
    return bool(requested.min <= length <= requested.max)


def _targets(rows: GSUResponse, pattern: str) -> Iterator[tuple[str, Path, int]]:
    """Yield the URL, the file path and the image width in pixels for each row."""
    for row in rows:
        columns = row.response_block_map
        wavelength = round(columns["wavelength"].to_value(u.AA))
        columns |= {"wavelength": wavelength}
        name = file_name(row["Start Time"].to_datetime(), wavelength)
        target = Path(pattern.format(file=name, **columns)).expanduser()
        yield str(row["url"]), target, GsuSource.sizes[str(row["Size"])]


def _download(server: Server, overwrite: bool, item: tuple[str, Path, int]) -> Path:
    url, target, side = item
    if overwrite or not target.exists():
        path = url.removeprefix(server.settings.url)
        files.write_bytes(target, server.get(path, partial(checked_jpeg, side)), sync=False)
    return target
