"""What a download has to do: the images that are wanted, less what the folder has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, sources, times
from astrodome_solar.protocols import ImageSource, SourceInfo, source_info

from .. import manifest, parameters

HAVE, FETCH, CHECK, SKIP, ABSENT = "have", "fetch", "check", "skip", "absent"
"""What to do about an image: nothing, fetch what it lacks, look whether the file is good
first, leave it out, or leave alone that the source does not have it."""


@dataclass(frozen=True)
class Wish:
    """A download request: start and end in UTC, both included, and wavelengths in angstrom.

    ``freq`` is a pandas offset alias. The flux limits are in W/m2 at 1-8 angstrom and apply to the
    flux of ``flux_source``. ``quality`` is the bit mask of allowed quality bits; None allows all.
    ``options`` are passed to the ``search`` method of the source.
    """

    start: datetime
    end: datetime
    freq: str = "60min"
    wavelength: Sequence[int] = (171,)
    source: str = "gsu"
    size: str = ""
    metadata: bool = False
    parameters: bool = False
    quality: int | None = None
    min_flux: float | None = None
    max_flux: float | None = None
    flux_source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """What the manifest calls these images: their size, and that they are calibrated."""
        return f"{self.size} calibrated".strip() if self.options.get("calibrate") else self.size


@dataclass
class Plan:
    """A wish, the folder that it is for, and what there is to do.

    ``rows`` are those of the source's search with the columns ``file_name`` and ``todo``, and for
    what is to be done ``need_image``, ``need_header``, ``need_parameters``; ``reason``
    says why a row is skipped. ``record`` is what the manifest says of each row.
    """

    wish: Wish
    folder: Path
    source: ImageSource
    about: SourceInfo
    rows: pd.DataFrame
    record: pd.DataFrame

    def doing(self) -> pd.DataFrame:
        """The rows with something to do, in order; last those that failed before.

        So a stretch of images that nobody can get keeps no run from those behind it.
        """
        doing = self.rows["todo"].isin([FETCH, CHECK])
        failed = self.record["status"].eq(manifest.FAILED)
        return pd.concat([self.rows[doing & ~failed], self.rows[doing & failed]])

    def bytes(self) -> int:
        """What the images to be fetched weigh, about: as those in the folder, or as is usual."""
        wanted = self.rows.loc[self.rows["need_image"] & self.rows["todo"].eq(FETCH), "wavelength"]
        usual = self.about.size_bytes.get(self.wish.size, 0)
        mean = dict(self.record["bytes"].groupby(self.rows["wavelength"]).mean().dropna())
        return int(sum(n * mean.get(wave, usual) for wave, n in wanted.value_counts().items()))

    def summary(self) -> dict[str, Any]:
        """What the plan comes to, in numbers."""
        todo = self.rows["todo"]
        counts = {name: int(todo.eq(name).sum()) for name in (HAVE, FETCH, CHECK, SKIP, ABSENT)}
        return {
            "path": str(self.folder),
            "source": self.wish.source,
            "size": self.wish.size,
            "first": _iso(self.rows["t_obs"].min()),
            "last": _iso(self.rows["t_obs"].max()),
            "planned": len(self.rows),
            "there": counts[HAVE],
            "to_check": counts[CHECK],
            "skipped": counts[SKIP],
            "missing_at_source": counts[ABSENT],
            "to_fetch": counts[FETCH],
            "bytes_to_fetch": self.bytes(),
        }

    def planned(self) -> pd.DataFrame:
        """The rows as the manifest takes them in."""
        status = np.where(self.rows["todo"].eq(SKIP), manifest.SKIPPED, manifest.PLANNED)
        columns = {
            "t_obs": self.rows["t_obs"],
            "wavelength": self.rows["wavelength"],
            "status": status,
            "reason": self.rows["reason"],
            "source": self.wish.source,
            "size": self.wish.form,
            "has_header": False,
        }
        table = pd.DataFrame(columns | {"file_name": self.rows["file_name"]})
        return table.set_index("file_name").reindex(columns=list(manifest.COLUMNS))


def search(wish: Wish) -> tuple[ImageSource, SourceInfo, Wish, pd.DataFrame]:
    """The source, what it can do, the wish with its usual size, and a row an image.

    Raises AstrodomeError when the source cannot do what is wished.
    """
    source: ImageSource = sources.get("images", wish.source)
    about = source_info(source)
    size = wish.size or _usual_size(about)
    wish = Wish(**{**vars(wish), "size": size})
    options = _options(wish, about)
    if about.wavelengths:
        _refuse_wavelengths(wish, about)
    start, end = times.naive(wish.start), times.naive(wish.end)
    rows = source.search(start, end, wish.freq, wish.wavelength, **options)
    rows = rows.assign(t_obs=_utc(rows["t_obs"])).reset_index(drop=True)
    if "file_name" not in rows:
        rows["file_name"] = names(rows["t_obs"], rows["wavelength"])
    twice = rows["file_name"].duplicated()
    return source, about, wish, rows[~twice].reset_index(drop=True) if twice.any() else rows


def plan(
    wish: Wish,
    folder: Path,
    known: pd.DataFrame,
    *,
    retry_missing: bool = False,
    verify: bool = False,
) -> Plan:
    """Compare a wish with a folder and with what its manifest, ``known``, says.

    An image is there when its file has the length and time of the manifest; one that differs,
    or that the manifest does not know, is checked. With ``verify`` all are.
    Raises AstrodomeError when the folder holds such images of another source or size,
    or calibrated otherwise.
    """
    source, about, wish, rows = search(wish)
    record = known.reindex(rows["file_name"]).reset_index(drop=True)
    _refuse_other(wish, folder, record)
    length, changed = _on_disk(folder, rows["file_name"])
    there = length >= 0
    done = record["status"].eq(manifest.DONE).to_numpy()
    same = done & there & (record["bytes"].fillna(-1).to_numpy(np.int64) == length)
    untouched = same & (record["mtime_ns"].fillna(-1).to_numpy(np.int64) == changed)
    rows["need_image"] = ~untouched
    rows["need_header"] = wish.metadata & ~(record["has_header"].eq(True).to_numpy() & there)
    rows["need_parameters"] = wish.parameters and _without_parameters(folder, rows, record)
    lacking = rows["need_header"] | rows["need_parameters"]
    todo = np.where(untouched & ~lacking, HAVE, FETCH).astype(object)
    todo[there & (~untouched | verify)] = CHECK
    absent = record["status"].eq(manifest.MISSING).to_numpy() & ~there & (not retry_missing)
    todo[absent] = ABSENT
    reason = np.full(len(rows), "", object)
    reason[absent] = record["reason"].to_numpy()[absent]
    _by_quality(wish, record, there, todo, reason)
    _by_flux(wish, rows["t_obs"], untouched, todo, reason)
    rows["todo"], rows["reason"] = todo, reason
    return Plan(wish, folder, source, about, rows, record)


def names(t_obs: pd.Series, wavelength: pd.Series) -> list[str]:
    """:func:`.naming.file_name` of many images."""
    moments = np.datetime_as_string(t_obs.to_numpy("datetime64[s]"))
    pairs = zip(moments.tolist(), wavelength.tolist(), strict=True)
    return [f"{moment.replace(':', '')}__{wave}.jpeg" for moment, wave in pairs]


def _iso(time: Any) -> str:
    return "" if pd.isna(time) else f"{time:%Y-%m-%dT%H:%M:%S}"


def _utc(t_obs: pd.Series) -> pd.Series:
    zoned = getattr(t_obs.dt, "tz", None) is not None
    return t_obs.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else t_obs


def _usual_size(about: SourceInfo) -> str:
    """Return the default size of a source; empty if ``search`` cannot choose between several."""
    chosen = "size" in about.options or len(about.sizes) == 1
    return about.sizes[0] if about.sizes and chosen else ""


def _options(wish: Wish, about: SourceInfo) -> dict[str, Any]:
    given = {"size": wish.size, "quality": wish.quality, **wish.options}
    if wish.size and about.sizes and wish.size not in about.sizes:
        raise AstrodomeError(
            f"The source {wish.source} has no size '{wish.size}'.",
            f"It has {', '.join(about.sizes)}.",
            exit_code=2,
        )
    found = {}
    for name, value in given.items():
        if value is None or value is False or value == "":
            continue
        if name in about.options:
            found[name] = value
        elif name == "size" and len(about.sizes) == 1:
            continue  # The source has a single size, which is not an option of its search.
        elif name != "quality":  # which is looked at when the header has come
            raise AstrodomeError(
                f"The source {wish.source} has no option --{name}.",
                "'sdo data sources' says what each source can do.",
                exit_code=2,
            )
    if wish.parameters and "parameters" not in about.parts:
        raise AstrodomeError(
            f"The source {wish.source} has no image parameters.", "gsu has.", exit_code=2
        )
    return found


def _refuse_wavelengths(wish: Wish, about: SourceInfo) -> None:
    unknown = [wave for wave in wish.wavelength if wave not in about.wavelengths]
    if unknown:
        raise AstrodomeError(
            f"The source {wish.source} has no images at {', '.join(map(str, unknown))} angstrom.",
            f"It has {', '.join(map(str, about.wavelengths))}.",
            exit_code=2,
        )


def _refuse_other(wish: Wish, folder: Path, record: pd.DataFrame) -> None:
    done = record[record["status"].eq(manifest.DONE)]
    other = done[done["source"].ne(wish.source) | done["size"].fillna("").ne(wish.form)]
    if len(other):
        was = f"{other['size'].iloc[0]} of {other['source'].iloc[0]}".removeprefix(" of ")
        raise AstrodomeError(
            f"{folder} has {len(other)} of these images already, but {was}"
            f" instead of {wish.form} of {wish.source}.",
            "Give another --path.",
            exit_code=2,
        )


def _on_disk(folder: Path, wanted: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Length (bytes) and time (ns) of each file; -1 where there is none."""
    found: dict[str, tuple[int, int]] = {}
    files = wanted.tolist()
    names = set(files)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in names:
                    about = entry.stat()
                    found[entry.name] = about.st_size, about.st_mtime_ns
    except FileNotFoundError:
        pass
    pairs = np.array([found.get(name, (-1, -1)) for name in files], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _without_parameters(folder: Path, rows: pd.DataFrame, record: pd.DataFrame) -> np.ndarray:
    wanted = rows["file_name"].str.rpartition(".")[0] + ".parquet"
    length, _ = _on_disk(folder / parameters.FOLDER, wanted)
    changed: np.ndarray = record["parameters_bytes"].fillna(-2).to_numpy(np.int64) != length
    return changed


def _by_quality(
    wish: Wish, record: pd.DataFrame, there: np.ndarray, todo: np.ndarray, reason: np.ndarray
) -> None:
    """Leave out what is known to be of a lesser quality than is wished."""
    if wish.quality is None:
        return
    bits = record["QUALITY"].fillna(0).to_numpy(np.int64) & ~np.int64(wish.quality)
    poor = (bits != 0) & ~there
    todo[poor] = SKIP
    reason[poor] = [f"Its quality has the bits {each:#x}." for each in bits[poor]]


def _by_flux(
    wish: Wish, t_obs: pd.Series, have: np.ndarray, todo: np.ndarray, reason: np.ndarray
) -> None:
    """Leave out what lies at or beyond the flux limits, or where no flux is known."""
    if wish.min_flux is None and wish.max_flux is None:
        return
    moments, which = np.unique(t_obs.to_numpy("datetime64[us]"), return_inverse=True)
    flux = np.asarray(sources.get("flux", wish.flux_source).flux_at(moments), np.float64)[which]
    outside = np.isnan(flux)
    why = np.full(len(flux), "No flux is known at its time.", object)
    for limit, beyond, words in (
        (wish.max_flux, np.greater_equal, "not below"),
        (wish.min_flux, np.less_equal, "not above"),
    ):
        if limit is not None:
            hit = beyond(flux, limit)  # no number is neither
            outside |= hit
            why[hit] = [f"The flux {value:.3g} W/m2 is {words} {limit:.3g}." for value in flux[hit]]
    outside &= ~have
    todo[outside] = SKIP
    reason[outside] = why[outside]
