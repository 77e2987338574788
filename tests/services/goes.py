"""A fake server for the three archives of GOES X-ray data, with directory pages.

NASA (``umbra.nascom.nasa.gov/goes/fits``) has one folder per year; NCEI and NGDC of NOAA have one
for each satellite, product, year and month. The directory pages are index pages of Apache. The
files are the real ones in the test data of sunpy, and copies for other days and satellites.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict, deque
from datetime import date, datetime
from html import escape
from pathlib import Path

import h5py
import numpy as np
from astropy.io import fits
from sunpy.data.test import get_test_filepath

from .fake_server import FakeServer, Request, Response

NASA = "/nasa/goes/fits"
NOAA = "/noaa/data/goes-space-environment-monitor/access/science/xrs"
NGDC = "/ngdc/platforms/solar-space-observing-satellites/goes"
FITS = "go1520110607.fits"
REAL = (
    FITS,
    "go1520120601.fits.gz",
    "sci_gxrs-l2-irrad_g13_d20170901_truncated.nc",
    "sci_gxrs-l2-irrad_g15_d20131028_truncated.nc",
    "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc",
    "sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc",
    "sci_xrsf-l2-flx1s_g17_d20201016_truncated.nc",
)
MODELS = {"avg1m old": REAL[4], "avg1m": REAL[5], "irrad old": REAL[3], "flx1s": REAL[6]}
"""A real file of each format; ``old`` means GOES 8-15."""
PRODUCTS = {"irrad": "gxrs-l2-irrad", "avg1m": "xrsf-l2-avg1m", "flx1s": "xrsf-l2-flx1s"}


class Archives(FakeServer):
    """The server. ``faults_at`` sets faults for requests by path."""

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.files: dict[str, bytes] = {}
        self.at: dict[str, deque[str]] = defaultdict(deque)

    @property
    def environment(self) -> dict[str, str]:
        """Settings with the addresses of this server."""
        roots = ("nasa", "noaa", "ngdc")
        return {f"ASTRODOME_GOES_URL_{root.upper()}": f"{self.url}/{root}" for root in roots}

    def add(self, day: date, satellite: int, product: str = "avg1m", factor: float = 1) -> str:
        """Add the file of a day, a copy of a real file of this product; return its name.

        The product is ``fits``, ``irrad``, ``avg1m`` or ``flx1s``; fluxes are multiplied by
        ``factor``.
        """
        if product == "fits":
            path, content = nasa_path(day, satellite), fits_day(day, satellite, factor)
        else:
            path, content = (
                noaa_path(day, satellite, product),
                netcdf_day(day, satellite, product, factor),
            )
        self.files[path] = content
        return path.rpartition("/")[2]

    def faults_at(self, words: str, *faults: str) -> None:
        """Set the faults for the next requests whose path contains ``words``, one per request."""
        self.at[words].extend(faults)

    def fault(self, request: Request) -> str:
        for words, faults in self.at.items():
            if words in request.path and faults:
                return faults.popleft()
        return super().fault(request)

    def _respond(self, request: Request) -> Response:
        path = request.path
        if path in self.files:
            kind = "application/fits" if path.endswith(".fits") else "application/x-netcdf"
            return Response(self.files[path], content_type=kind, headers={"Accept-Ranges": "none"})
        folder = path.rstrip("/") + "/"
        inside = {
            name.removeprefix(folder).partition("/")
            for name in self.files
            if name.startswith(folder)
        }
        if not inside:
            return Response(b"<html><body>Not Found</body></html>", 404, "text/html")
        return Response(
            index_page(folder, {name + slash for name, slash, _ in inside}), 200, "text/html"
        )


def index_page(folder: str, names: set[str]) -> bytes:
    """Return the index page of Apache for a folder: sort links, the parent folder, the entries."""
    rows = "".join(
        f'<tr><td><a href="{escape(name)}">{escape(name)}</a></td>'
        f'<td align="right">2021-06-01 12:34  </td><td align="right">{len(name)}K</td></tr>\n'
        for name in sorted(names)
    )
    above = folder.rstrip("/").rpartition("/")[0] + "/"
    sorts = '<th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th>'
    return (
        f"<!DOCTYPE HTML><html><head><title>Index of {folder}</title></head><body>"
        f"<h1>Index of {folder}</h1><table><tr>{sorts}</tr>\n"
        f'<tr><td><a href="{above}">Parent Directory</a></td></tr>\n{rows}</table></body></html>'
    ).encode()


def nasa_path(day: date, satellite: int) -> str:
    year = day.strftime("%Y" if day.year >= 1999 else "%y")
    return f"{NASA}/{day:%Y}/go{satellite:02d}{year}{day:%m%d}.fits"


def noaa_path(day: date, satellite: int, product: str) -> str:
    root = f"{NOAA}/goes{satellite:02d}" if satellite < 16 else f"{NGDC}/goes{satellite}/l2/data"
    version = "v1-0-0" if satellite < 16 else "v2-1-0"
    name = PRODUCTS[product]
    return (
        f"{root}/{name}_science/{day:%Y/%m}/sci_{name}_g{satellite:02d}_d{day:%Y%m%d}_{version}.nc"
    )


def netcdf_day(day: date, satellite: int, product: str, factor: float = 1) -> bytes:
    """Return a real file of this product with another day and satellite."""
    real = MODELS[product if satellite >= 16 else f"{product} old"]
    its_day = datetime.strptime(re.search(r"_d(\d{8})", real)[1], "%Y%m%d").date()
    content = io.BytesIO(Path(get_test_filepath(real)).read_bytes())
    with h5py.File(content, "r+") as file:
        file["time"][:] = file["time"][:] + (day - its_day).days * 86400
        for channel in ("a", "b"):
            flux = file[f"xrs{channel}_flux" if f"xrs{channel}_flux" in file else f"{channel}_flux"]
            flux[:] = flux[:] * factor
        file.attrs["id"] = noaa_path(day, satellite, product).rpartition("/")[2]
        file.attrs["platform"] = f"g{satellite:02d}"
    return content.getvalue()


def flare_day() -> bytes:
    """Return 2011-06-07 in the format of NOAA's minute averages, from real samples of GOES 15."""
    model = Path(get_test_filepath(MODELS["avg1m old"])).read_bytes()
    with fits.open(get_test_filepath(FITS)) as content:
        seconds, flux = content[2].data["TIME"][0], content[2].data["FLUX"][0]
    minute = (seconds // 60).astype(int)
    minutes, count = np.unique(minute[minute >= 0], return_counts=True)
    made = io.BytesIO()
    with h5py.File(io.BytesIO(model)) as old, h5py.File(made, "w") as new:
        new.attrs.update(old.attrs)
        new.attrs["id"] = noaa_path(date(2011, 6, 7), 15, "avg1m").rpartition("/")[2]
        start = (datetime(2011, 6, 7) - datetime(2000, 1, 1, 12)).total_seconds()
        columns = {"time": start + 60.0 * minutes}
        for channel, column in (("xrsb", 0), ("xrsa", 1)):
            total = np.bincount(minute[minute >= 0], flux[minute >= 0, column])
            columns[f"{channel}_flux"] = (total[minutes] / count).astype("f4")
            columns[f"{channel}_flag"] = np.zeros(len(minutes), "u2")
        for name, values in columns.items():
            new.create_dataset(name, data=values).attrs.update(
                {k: v for k, v in old[name].attrs.items() if k.isalpha() or "flag" in k}
            )
        new["time"].make_scale("time")
        for name in columns:
            if name != "time":
                new[name].dims[0].attach_scale(new["time"])
    return made.getvalue()


def fits_day(day: date, satellite: int, factor: float = 1) -> bytes:
    """Return the real day of NASA's archive with another day and satellite."""
    made = io.BytesIO()
    with fits.open(get_test_filepath(FITS)) as content:
        content[0].header["DATE-OBS"] = f"{day:%d/%m/%Y}"
        content[0].header["TELESCOP"] = f"GOES {satellite:02d}"
        content[2].data["FLUX"] *= factor
        content.writeto(made)
    return made.getvalue()
