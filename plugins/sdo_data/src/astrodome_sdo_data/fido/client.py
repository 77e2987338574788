"""GSU's AIA images for sunpy's ``Fido``: importing this module registers the client.

>>> import astrodome_sdo_data.fido.client
>>> from sunpy.net import Fido, attrs as a
>>> found = Fido.search(a.Time("2012-03-07", "2012-03-08"), a.Instrument.aia,
...                     a.Wavelength(171 * u.angstrom), a.Sample(1 * u.hour), a.gsu.Size("512"))
>>> files = Fido.fetch(found)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, compute, files, settings
from astrodome_solar import filenames
from astropy import units as u
from astropy.time import Time
from parfive import Results
from sunpy.net import attrs as a
from sunpy.net.attr import AttrAnd, AttrOr, and_
from sunpy.net.base_client import BaseClient, QueryResponseTable, convert_row_to_table

from ..sources import grid
from ..sources.gsu import CADENCE, SIDES, WAVELENGTHS, GsuSettings, image_path, picture
from ..sources.server import Host
from . import attrs


class GSUResponse(QueryResponseTable):  # type: ignore[misc]
    """A row an image: its time, wavelength, size, and address."""

    hide_keys = ["url"]  # noqa: RUF012


class GSUClient(BaseClient):  # type: ignore[misc]
    """
    AIA images every six minutes as JPEG, Georgia State University.

    The service has no list of its images: a search gives a row for every time asked for, six
    minutes apart unless ``a.Sample`` says more, and a fetch finds out which there are. It is asked
    for when a search names ``a.Provider("GSU")`` or ``a.gsu.Size``; the latter is answered by
    nobody else. The address and how politely it is asked are settings (``gsu.url``).

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
        """What may be searched for, as Fido lists it."""
        return {
            a.Instrument: [("AIA", "Atmospheric Imaging Assembly")],
            a.Provider: [("GSU", "Georgia State University, Data Mining Lab")],
            a.Source: [("SDO", "Solar Dynamics Observatory")],
            attrs.Size: [(name, f"{side} pixels a side") for name, side in SIDES.items()],
        }

    @classmethod
    def _can_handle_query(cls, *query: Any) -> bool:
        known = {a.Wavelength, a.Sample, a.Instrument, a.Source, a.Provider, attrs.Size}
        if not cls.check_attr_types_in_query(query, {a.Time}, known):
            return False
        said = {type(each): str(each.value).lower() for each in query if hasattr(each, "value")}
        wanted = {a.Instrument: "aia", a.Source: "sdo", a.Provider: "gsu"}
        named = a.Provider in said or attrs.Size in said
        return named and all(said.get(kind, value) == value for kind, value in wanted.items())

    def search(self, *query: Any) -> GSUResponse:
        """A row for each time and wavelength; raises ValueError for a size that there is not."""
        said = _by_type(query)
        span, wave = said[a.Time], said.get(a.Wavelength)
        seconds = float(said[a.Sample].value) if a.Sample in said else CADENCE
        size = str(said[attrs.Size].value) if attrs.Size in said else next(iter(SIDES))
        if size not in SIDES:
            raise ValueError(f"GSU has no size '{size}': it has {', '.join(SIDES)}.")
        chosen = [w for w in WAVELENGTHS if wave is None or _within(w, wave)]
        start, end = span.start.utc.to_datetime(), span.end.utc.to_datetime()
        try:
            rows = grid(start, end, f"{round(seconds * 1e3)}ms", chosen, CADENCE)
        except AstrodomeError as error:
            raise ValueError(f"{error.message} Give a.Sample in multiples of 6 minutes.") from error
        if rows.empty:
            return GSUResponse(client=self)
        root = settings.section("gsu", GsuSettings).url.rstrip("/")
        t_obs = Time(rows["t_obs"].to_numpy("datetime64[ns]"), format="datetime64", scale="utc")
        t_obs.format = "iso"
        wavelength = rows["wavelength"].to_numpy()
        paths = zip(rows["t_obs"], wavelength, strict=True)
        return GSUResponse(
            {
                "Start Time": t_obs,
                "End Time": t_obs,
                "Instrument": np.full(len(rows), "AIA"),
                "Source": np.full(len(rows), "SDO"),
                "Provider": np.full(len(rows), "GSU"),
                "Wavelength": wavelength * u.AA,
                "Size": np.full(len(rows), size),
                "url": [root + image_path(time, wave, size) for time, wave in paths],
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
        """Fetch the images of a search, whole ones that decode; what failed is in ``errors``.

        ``path`` may name columns, as ``{wavelength}/{file}``. A file that is there is
        kept unless the downloader overwrites.
        """
        pattern = str(path or "{file}")
        pattern = pattern if "{file}" in pattern else str(Path(pattern, "{file}"))
        overwrite = bool(downloader.config.overwrite if downloader else kwargs.get("overwrite"))
        if not len(query_results):
            return Results()
        root = str(query_results["url"][0]).partition("/images/SDO/")[0]
        limits = settings.section("gsu", GsuSettings).model_copy(update={"url": root})
        work = partial(_bring, Host("GSU", limits), overwrite)
        results = Results()
        wanted = _targets(query_results, pattern)
        ended = compute.map(work, wanted, jobs=limits.connections, threads=True, ordered=True)
        for each in ended:
            url, target, _ = each.item
            if each.value is None:
                results.add_error(str(target), url, AstrodomeError(each.error))
            else:
                results.append(path=str(each.value), url=url)
        return results


def _by_type(query: Any) -> dict[type, Any]:
    asked = and_(*query)
    if isinstance(asked, AttrOr):
        raise ValueError("Ask GSU for one thing at a time, without |.")
    return {type(each): each for each in (asked.attrs if isinstance(asked, AttrAnd) else [asked])}


def _within(wavelength: int, wanted: a.Wavelength) -> bool:
    length = (wavelength * u.AA).to(wanted.unit, equivalencies=u.spectral())
    return bool(wanted.min <= length <= wanted.max)


def _targets(rows: GSUResponse, pattern: str) -> Iterator[tuple[str, Path, int]]:
    """Address, file and pixels a side of each row."""
    for row in rows:
        columns = row.response_block_map
        wavelength = round(columns["wavelength"].to_value(u.AA))
        columns |= {"wavelength": wavelength}
        name = filenames.file_name(row["Start Time"].to_datetime(), wavelength)
        target = Path(pattern.format(file=name, **columns)).expanduser()
        yield str(row["url"]), target, SIDES[str(row["Size"])]


def _bring(host: Host, overwrite: bool, item: tuple[str, Path, int]) -> Path:
    url, target, side = item
    if overwrite or not target.exists():
        content = host.get(url.removeprefix(host.limits.url), partial(picture, side))
        files.write_bytes(target, content, sync=False)
    return target
