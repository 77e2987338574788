"""Plan a download by comparing the requested images with a folder and its manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, InvalidInputError, sources
from astrodome_solar.image_rows import image_rows
from astrodome_solar.protocols import ImageSource, SourceInfo, source_info
from astrodome_solar.times import parse_range

from .. import manifest, parameters
from ..sources.grid import check_wavelengths

KEEP, FETCH, CHECK, SKIP, ABSENT = "keep", "fetch", "check", "skip", "absent"
"""Actions for an image.

``keep`` means that the image exists. ``fetch`` downloads the missing parts. ``check`` verifies the
existing file first. ``skip`` means that the quality or flux does not meet the request, and
``absent`` means that the image is known to be missing at the source."""
UNKNOWN_FLUX = "No flux is known at the time of the image."


@dataclass
class DownloadRequest:
    """Time range, wavelengths and other criteria that select the images to download.

    ``start`` and ``end`` are times of any type, in UTC, and both are inclusive. ``freq`` is a
    pandas offset alias. ``wavelength`` is one or more wavelengths in angstroms. ``size`` is a
    string or an integer. The flux limits are in W/m² and apply to the GOES 1-8 Å flux from
    ``flux_source``. ``quality`` is the bit mask of allowed quality bits, or None to allow all bits.
    ``options`` are passed to the ``search`` method of the source.
    """

    start: Any
    end: Any
    freq: str = "60min"
    wavelength: Any = 171
    source: str = "gsu"
    size: Any = ""
    metadata: bool = False
    parameters: bool = False
    quality: int | None = None
    min_flux: float | None = None
    max_flux: float | None = None
    flux_source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(cls, source: str, start: Any, end: Any, **values: Any) -> DownloadRequest:
        """Create a request from its fields. All other values become ``options``."""
        names = {field.name for field in fields(cls)} & values.keys()
        known = {name: values.pop(name) for name in names}
        return cls(start, end, source=source, options=values, **known)

    def __post_init__(self) -> None:
        self.start, self.end = parse_range(self.start, self.end)
        self.wavelength = np.atleast_1d(self.wavelength).tolist()
        self.size = str(self.size)

    @property
    def variant(self) -> str:
        """Image size and calibration, in the format of the manifest column ``size``."""
        return (
            f"{self.size} calibrated".strip() if self.options.get("calibrate") else f"{self.size}"
        )

    def search(self, source: ImageSource, info: SourceInfo) -> tuple[DownloadRequest, pd.DataFrame]:
        """Return the request with the default size filled in, and one row per requested image.

        Raises AstrodomeError if the source does not support the request.
        """
        selectable = "size" in info.options or len(info.sizes) == 1
        size = self.size or (info.sizes[0] if info.sizes and selectable else "")
        request = replace(self, size=size)
        options = _search_options(request, info)
        if info.wavelengths:
            check_wavelengths(self.source, self.wavelength, info.wavelengths)
        found = source.search(self.start, self.end, self.freq, self.wavelength, **options)
        try:
            rows = image_rows(found)
        except ValueError as error:
            owner = sources.distributions("images").get(self.source.partition(":")[0], "its plugin")
            raise AstrodomeError(
                f"The source '{self.source}' ({owner}) returned an invalid table: {error}.",
                f"Report it to the authors of {owner}.",
            ) from error
        if "file_name" not in rows:
            rows["file_name"] = _file_names(rows["t_obs"], rows["wavelength"])
        return request, rows.drop_duplicates("file_name", ignore_index=True)


@dataclass
class DownloadPlan:
    """The action for each requested image in a folder.

    ``rows`` contains the search results with the additional columns ``file_name``, ``action``,
    ``reason`` (for skipped images), ``sha256``, ``need_image``, ``need_header`` and
    ``need_parameters``.
    ``record`` contains the manifest row for each image.
    """

    request: DownloadRequest
    folder: Path
    source: ImageSource
    info: SourceInfo
    rows: pd.DataFrame
    record: pd.DataFrame

    def pending(self) -> pd.DataFrame:
        """Return the rows to download or verify, with previously failed images last.

        Otherwise, the download could end after many consecutive failures before it requests images
        that are available.
        """
        pending = self.rows["action"].isin([FETCH, CHECK])
        failed = self.record["status"].eq(manifest.FAILED)
        return pd.concat([self.rows[pending & ~failed], self.rows[pending & failed]])

    def bytes_to_fetch(self) -> int:
        """Estimate the download size in bytes from the size of existing or typical images."""
        fetch = self.rows["need_image"] & self.rows["action"].eq(FETCH)
        wavelength = self.rows["wavelength"]
        mean = self.record["bytes"].astype(float).groupby(wavelength).mean()
        typical = self.info.size_bytes.get(self.request.size, 0)
        return int(wavelength[fetch].map(mean).fillna(typical).sum())

    def summary(self) -> dict[str, Any]:
        """Return the number of images for each action, and the estimated download size."""
        count = self.rows["action"].value_counts().reindex([KEEP, CHECK, SKIP, ABSENT, FETCH])
        count = count.fillna(0).astype(int).to_dict()
        return {
            "path": str(self.folder),
            "source": self.request.source,
            "size": self.request.size,
            "first": _isoformat(self.rows["t_obs"].min()),
            "last": _isoformat(self.rows["t_obs"].max()),
            "planned": len(self.rows),
            "existing": count[KEEP],
            "to_check": count[CHECK],
            "skipped": count[SKIP],
            "missing_at_source": count[ABSENT],
            "to_fetch": count[FETCH],
            "bytes_to_fetch": self.bytes_to_fetch(),
        }

    def manifest_rows(self) -> pd.DataFrame:
        """Return the planned and skipped images as manifest rows."""
        rows = self.rows[["file_name", "t_obs", "wavelength", "reason"]].assign(
            status=np.where(self.rows["action"].eq(SKIP), manifest.SKIPPED, manifest.PLANNED),
            source=self.request.source,
            size=self.request.variant,
            has_header=False,
        )
        return rows.set_index("file_name").reindex(columns=list(manifest.COLUMNS))


def plan_download(
    request: DownloadRequest,
    folder: Path,
    *,
    retry_missing: bool = False,
    verify: bool = False,
) -> DownloadPlan:
    """Search the source, and compare the result with a folder.

    Nothing is downloaded or written. An existing image is accepted if its file size and
    modification time match the manifest. Other files, or all files if ``verify`` is True, are
    verified during the download. Raises AstrodomeError if the folder contains images from a
    different source, or with a different size or calibration.
    """
    source: ImageSource = sources.get("images", request.source)
    info = source_info(source)
    request, rows = request.search(source, info)
    names = rows["file_name"]
    record = manifest.current(folder).reindex(names).reset_index(drop=True)
    _check_variant(request, folder, record)
    size, mtime = _file_stats(folder, names)
    exists = size >= 0
    unchanged = (
        exists
        & record["status"].eq(manifest.DONE).to_numpy()
        & (record["bytes"].fillna(-1).to_numpy(np.int64) == size)
        & (record["mtime_ns"].fillna(-1).to_numpy(np.int64) == mtime)
    )
    need_header = request.metadata & ~(record["has_header"].eq(True).to_numpy() & exists)
    need_parameters = np.full(len(names), request.parameters)
    if request.parameters:
        need_parameters = _lacks_parameters(folder, names, record)
    action = np.where(unchanged & ~need_header & ~need_parameters, KEEP, FETCH).astype(object)
    action[exists & (~unchanged | verify)] = CHECK
    absent = record["status"].eq(manifest.MISSING).to_numpy() & ~exists & (not retry_missing)
    action[absent] = ABSENT
    reason = np.where(absent, record["reason"], "").astype(object)
    for text, is_kept in (
        (_quality_reasons(request, record), exists),
        (_flux_reasons(request, rows["t_obs"]), unchanged),
    ):
        skipped = (text != "") & ~is_kept
        action[skipped] = SKIP
        reason[skipped] = text[skipped]
    rows = rows.assign(
        need_image=~unchanged,
        need_header=need_header,
        need_parameters=need_parameters,
        action=action,
        reason=reason,
        sha256=record["sha256"],
    )
    return DownloadPlan(request, folder, source, info, rows, record)


def _file_names(t_obs: pd.Series, wavelength: pd.Series) -> list[str]:
    """Return the file name for each time and wavelength."""
    stamps = np.datetime_as_string(t_obs.to_numpy("datetime64[s]"))
    pairs = zip(stamps.tolist(), wavelength.tolist(), strict=True)
    return [f"{stamp.replace(':', '')}__{wave}.jpeg" for stamp, wave in pairs]


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _isoformat(time: Any) -> str:
    return "" if pd.isna(time) else f"{time:%Y-%m-%dT%H:%M:%S}"


def _search_options(request: DownloadRequest, info: SourceInfo) -> dict[str, Any]:
    if request.size and info.sizes and request.size not in info.sizes:
        raise InvalidInputError(
            f"Invalid size '{request.size}': expected one of {_joined(info.sizes)} for the source "
            f"{request.source}."
        )
    options = {"size": request.size, "quality": request.quality, **request.options}
    options = {k: v for k, v in options.items() if v is not None and v is not False and v != ""}
    if len(info.sizes) == 1 and "size" not in info.options:
        options.pop("size", None)
    if "quality" not in info.options:  # The header is checked instead.
        options.pop("quality", None)
    for name in options:
        if name not in info.options:
            raise InvalidInputError(
                f"The source {request.source} does not support the option '{name}'.",
                f"Supported options: {_joined(info.options) or 'none'}.",
            )
    if request.parameters and "parameters" not in info.parts:
        raise InvalidInputError(
            f"The source {request.source} does not provide image parameters.",
            "Use the source gsu, which provides them.",
        )
    return options


def _check_variant(request: DownloadRequest, folder: Path, record: pd.DataFrame) -> None:
    done = record[record["status"].eq(manifest.DONE)]
    other = done[done["source"].ne(request.source) | done["size"].fillna("").ne(request.variant)]
    if len(other):
        existing = f"{other['size'].iloc[0]} from {other['source'].iloc[0]}".removeprefix(" from ")
        raise InvalidInputError(
            f"{folder} already contains {len(other)} of the requested images with a different "
            f"size, calibration or source: expected {request.variant} from {request.source}, found "
            f"{existing}.",
            "Choose another output folder.",
        )


def _file_stats(folder: Path, names: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the size in bytes and the modification time in nanoseconds of each file.

    Both are -1 if the file does not exist.
    """
    wanted = set(names)
    entries = os.scandir(folder) if folder.is_dir() else ()
    stats = {entry.name: entry.stat() for entry in entries if entry.name in wanted}
    sizes = [stats[name].st_size if name in stats else -1 for name in names]
    mtimes = [stats[name].st_mtime_ns if name in stats else -1 for name in names]
    return np.array(sizes, np.int64), np.array(mtimes, np.int64)


def _lacks_parameters(folder: Path, names: pd.Series, record: pd.DataFrame) -> np.ndarray:
    files = names.str.rpartition(".")[0] + ".parquet"
    size, _ = _file_stats(folder / parameters.FOLDER, files)
    differs: np.ndarray = record["parameters_bytes"].fillna(-2).to_numpy(np.int64) != size
    return differs


def _quality_reasons(request: DownloadRequest, record: pd.DataFrame) -> np.ndarray:
    """Return the reasons for skipping images because of their quality.

    The array contains an empty string for each image that is not skipped.
    """
    text = np.full(len(record), "", object)
    if request.quality is not None:
        bits = record["QUALITY"].fillna(0).to_numpy(np.int64) & ~np.int64(request.quality)
        text[bits != 0] = [f"Quality bits {each:#x} are set." for each in bits[bits != 0]]
    return text


def _flux_reasons(request: DownloadRequest, t_obs: pd.Series) -> np.ndarray:
    """Return the reasons for skipping images because of the flux at their times.

    The array contains an empty string for each image that is not skipped.
    """
    text = np.full(len(t_obs), "", object)
    if request.min_flux is None and request.max_flux is None:
        return text
    unique, inverse = np.unique(t_obs.to_numpy("datetime64[us]"), return_inverse=True)
    source = sources.get("flux", request.flux_source)
    flux = np.asarray(source.flux_at(unique), np.float64)[inverse]
    text[np.isnan(flux)] = UNKNOWN_FLUX
    for limit, is_beyond, relation in (
        (request.max_flux, np.greater_equal, "not below"),
        (request.min_flux, np.less_equal, "not above"),
    ):
        if limit is not None:
            beyond = is_beyond(flux, limit)  # NaN is never beyond the limit.
            text[beyond] = [f"Flux {f:.3g} W/m2 is {relation} {limit:.3g}." for f in flux[beyond]]
    return text
