"""Search and download images with sunpy's Fido."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, settings, temporary
from astrodome_solar.filenames import file_name
from astrodome_solar.protocols import FetchedImage, SourceInfo
from astropy import units as u
from sunpy.net import Fido
from sunpy.net import attrs as a

from .settings import FidoImagesSettings

EXTENSION = ".fits"


class FidoImages:
    """Image source that downloads FITS files with Fido."""

    info: ClassVar[SourceInfo] = SourceInfo(endings=(EXTENSION,), cadence=12.0)

    def __init__(self) -> None:
        self.settings = settings.section("sunpy", FidoImagesSettings)

    def search(
        self, start: datetime, end: datetime, freq: str, wavelength: Sequence[int]
    ) -> pd.DataFrame:
        """Return at most one image per interval and wavelength, from ``start`` to ``end``."""
        try:
            interval = pd.Timedelta(pd.tseries.frequencies.to_offset(freq))
        except ValueError as error:
            raise InvalidInputError(f"Invalid interval '{freq}': expected 12s or 6h.") from error
        rows: list[dict[str, Any]] = []
        for band in wavelength:
            sample = a.Sample(interval.total_seconds() * u.s)
            found = self._query(start, end, band, sample)
            times = [] if found is None else found["Start Time"].to_datetime()
            rows += [{"t_obs": time, "wavelength": band} for time in times if start <= time <= end]
        table = pd.DataFrame(rows, columns=["t_obs", "wavelength"])
        table["t_obs"] = pd.to_datetime(table["t_obs"])
        table["file_name"] = [
            Path(file_name(row.t_obs, row.wavelength)).with_suffix(EXTENSION).name
            for row in table.itertuples()
        ]
        return table

    def fetch(self, rows: pd.DataFrame, target: Path) -> Iterator[FetchedImage]:
        """Download the FITS file of each row, and keep existing files."""
        for row in rows.itertuples():
            path = target / row.file_name
            try:
                if not path.exists():
                    self._download(row.t_obs, row.wavelength, path)
            except AstrodomeError as error:
                yield FetchedImage(row.Index, status="failed", reason=error.message)
            else:
                yield FetchedImage(row.Index, path)

    def _query(self, start: datetime, end: datetime, band: int, *more: Any) -> Any:
        """Return the table with the records that Fido finds, or None."""
        instrument = a.Instrument(self.settings.instrument)
        query = [a.Time(start, end), instrument, a.Wavelength(band * u.AA, band * u.AA), *more]
        try:
            found = Fido.search(*query)
        except Exception as error:  # The clients of Fido raise exceptions of several libraries.
            raise AstrodomeError(
                f"The query of Fido failed: {error}.", "Try again later."
            ) from error
        tables = [table for table in found if len(table)]
        return tables[0] if tables else None

    def _download(self, time: pd.Timestamp, band: int, path: Path) -> None:
        found = self._query(time.to_pydatetime(), time + timedelta(seconds=1), band)
        if found is None:
            raise AstrodomeError(f"Image not found: {time.isoformat()} at {band} Å.")
        with temporary.folder(path) as scratch:
            for _ in range(1 + self.settings.retries):
                result = Fido.fetch(found[:1], path=str(scratch / "{file}"), progress=False)
                if len(result) and not result.errors:
                    Path(result[0]).replace(path)
                    return
        reason = result.errors[0].exception if result.errors else "no file is available"
        raise AstrodomeError(f"The download of {path.name} failed: {reason}.")
