"""Run a complete analysis: pair images and maps, compare them, and write the results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from astrodome import compute, files

from .anomaly_maps import ImageFile
from .comparison import ComparisonOptions, ImageComparison, Search, compare, with_events
from .pairing import Pairing, pair_folders
from .summary import MEASURES, summarize

if TYPE_CHECKING:
    from ..store.event_store import EventStore


IMAGE_COLUMNS = (
    *("image", "iou", "n_hek_events", "n_predicted_events", "precision", "recall", "n_hek_found"),
    *("n_predicted_confirmed", "n_hek_without_area", "n_hek_behind_limb", "hek_area_px2"),
    *("predicted_area_px2", "shared_area_px2", "t_obs", "wavelength", "width_px", "map"),
    "map_offset_s",
)
EVENT_COLUMNS = ("image", "kb_archivid", "event_type", "label", "area_px2", "covered", "found")
TYPE_COLUMNS = ("image", "event_type", *MEASURES, "events", "found")


@dataclass(frozen=True, repr=False)
class AnalysisResult:
    """Result of :func:`analyze`.

    Attributes
    ----------
    comparisons : list of ImageComparison
        One comparison per image, in chronological order. Each contains the shapes of events and
        predicted regions in pixel coordinates.
    failed : list of (str, str)
        Path of each image that could not be compared, and the error message.
    unused_maps : list of ImageFile
        Anomaly maps for which no matching image was found.
    options : ComparisonOptions
        The options that were used for the comparison.
    """

    comparisons: list[ImageComparison]
    failed: list[tuple[str, str]]
    unused_maps: list[ImageFile]
    options: ComparisonOptions

    def __repr__(self) -> str:
        return f"AnalysisResult({len(self.comparisons)} images, {len(self.failed)} failed)"

    @property
    def images(self) -> pd.DataFrame:
        """Table with one row per image: IoU, precision, recall, counts and areas (in px²)."""
        rows = [comparison.row for comparison in self.comparisons]
        table = pd.DataFrame(rows, columns=IMAGE_COLUMNS)
        table["t_obs"] = pd.to_datetime(table["t_obs"], utc=True)
        return table.astype(dict.fromkeys(MEASURES, float))

    @property
    def events(self) -> pd.DataFrame:
        """Table with one row per event in each image.

        ``area_px2`` is the area of the event in square pixels, and ``covered`` the fraction of
        this area that predicted regions cover.
        """
        rows = [row for comparison in self.comparisons for row in comparison.event_rows]
        return pd.DataFrame(rows, columns=EVENT_COLUMNS)

    @property
    def types(self) -> pd.DataFrame:
        """Table with one row per event type in each image.

        In each row, the events of one type are compared with all predicted regions in the image.
        """
        rows = [row for comparison in self.comparisons for row in comparison.type_rows]
        table = pd.DataFrame(rows, columns=TYPE_COLUMNS)
        return table.astype(dict.fromkeys(MEASURES, float))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Statistics for all images, for each event type, and for each wavelength."""
        return summarize(self.images, self.types, self.options.event_types)

    def write(
        self, out_dir: str | os.PathLike[str], provenance: dict[str, Any] | None = None
    ) -> Path:
        """Write the tables and ``summary.json`` to a new folder in ``out_dir``.

        Parameters
        ----------
        out_dir : str or os.PathLike
            Parent folder of the new folder. The name of the new folder is the current UTC time.
        provenance : dict, optional
            Additional values for ``summary.json`` and for the metadata of the Parquet files.

        Returns
        -------
        Path
            Path of the new folder.
        """
        now = datetime.now(UTC)
        folder = Path(out_dir).expanduser() / f"{now:%Y-%m-%dT%H%M%S.%f}"
        folder.mkdir(parents=True)
        written = now.isoformat(timespec="seconds")
        about = {**(provenance or {}), "question": self.options.as_dict(), "written": written}
        failed = [{"name": name, "reason": reason} for name, reason in self.failed]
        document = {**about, **self.summary, "failed": failed}
        text = json.dumps(document, indent=1, default=str)
        files.write_text(folder / "summary.json", text + "\n")
        times = self.images["t_obs"].dt.strftime("%Y-%m-%dT%H:%M:%S")
        files.write_text(folder / "iou.csv", self.images.assign(t_obs=times).to_csv(index=False))
        for name, frame in (("iou", self.images), ("events", self.events), ("types", self.types)):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            files.write_parquet(folder / f"{name}.parquet", table, about)
        return folder


def compare_pairs(
    pairing: Pairing,
    search: Search,
    options: ComparisonOptions,
    jobs: int = 0,
    on_image: Callable[[], None] = lambda: None,
) -> AnalysisResult:
    """Compare the events in each image with the regions in its anomaly map, in parallel.

    If an image, its metadata or its map cannot be read, the error message is added to
    ``failed`` in the result.
    ``on_image`` is called without arguments after each image.
    """
    tolerance = f"{pairing.tolerance:g} s"
    failed = [
        (str(image.path), f"no anomaly map at {image.wavelength} Å within {tolerance}")
        for image in pairing.unmatched_images
    ]
    comparisons = []
    work = partial(compare, options=options)
    tasks = with_events(pairing.pairs, search, options)
    for done in compute.map(work, tasks, jobs=jobs, ordered=True, in_process=True):
        on_image()
        if done.value is None:
            failed.append((str(done.item[0].image.path), done.error))
        else:
            comparisons.append(done.value)
    return AnalysisResult(comparisons, failed, pairing.unmatched_maps, options)


def analyze(
    image_dir: str | os.PathLike[str],
    map_dir: str | os.PathLike[str],
    store: EventStore,
    event_types: Sequence[str] = ("AR", "FL"),
    *,
    wavelengths: Collection[int] = (),
    tolerance: float = 180,
    jobs: int = 0,
    **options: Any,
) -> AnalysisResult:
    """Compare anomaly maps with the events that were observed at the same time.

    Parameters
    ----------
    image_dir, map_dir : str or os.PathLike
        ``image_dir`` is a folder with images, such as ``2012-01-01T000000__171.jpeg``, and their
        metadata in ``meta.csv``. ``map_dir`` is a folder with the anomaly maps that
        ``sdo sood … predict --predict-mode pixel`` writes.
    store : EventStore
        The store with the events.
    event_types : sequence of str, optional
        HEK event type codes. An empty sequence selects all event types.
    wavelengths : collection of int, optional
        Wavelengths in angstrom. By default, the wavelengths of all maps are used.
    tolerance : float, optional
        Maximum time difference between an image and its map, in seconds.
    jobs : int, optional
        Number of processes. The default, 0, uses one process per CPU core.
    **options
        Fields of ComparisonOptions: ``observatory``, ``instrument``, ``any_channel``,
        ``outlines``, ``rotate``, ``detection`` and ``meta``.

    Returns
    -------
    AnalysisResult
        The attribute ``images`` is a table with the IoU for each image. ``summary`` contains the
        statistics.

    Raises
    ------
    AstrodomeError
        If no maps, images or events are found.

    Examples
    --------
    >>> from astrodome_hek_events import EventStore
    >>> result = analyze("images", "maps", EventStore("events.sqlite"), ["AR"], jobs=1)
    >>> result.images[["image", "n_hek_events"]].values.tolist()
    [['2014-01-01T000011__171.jpeg', 1]]
    """
    pairing = pair_folders(
        Path(image_dir).expanduser(), Path(map_dir).expanduser(), wavelengths, tolerance
    )
    chosen = ComparisonOptions(event_types=tuple(event_types), **options)
    return compare_pairs(pairing, store.records, chosen, jobs)
