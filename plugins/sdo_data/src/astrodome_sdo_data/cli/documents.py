"""Types of the JSON documents that the commands of ``sdo data`` print."""

from __future__ import annotations

from typing import TypedDict

from astrodome.outputs import Failure


class DownloadPlanDocument(TypedDict):
    """Numbers of images by planned action, printed with ``--dry-run``."""

    path: str
    source: str
    size: str
    first: str | None
    last: str | None
    planned: int
    existing: int
    to_check: int
    skipped: int
    missing_at_source: int
    to_fetch: int
    bytes_to_fetch: int


class ImageProblem(TypedDict):
    """An image that is missing at the source, or whose download failed."""

    image: str
    status: str
    reason: str


class DownloadReportDocument(TypedDict):
    """Numbers of images by result. ``skipped`` is keyed by reason."""

    planned: int
    existing: int
    downloaded: int
    completed: int
    checked: int
    bytes: int
    skipped: dict[str, int]
    missing: int
    failed: int
    not_reached: int
    damaged: list[str]
    problems: list[ImageProblem]


class ImageSourceRow(TypedDict):
    """An image source and its capabilities. ``problem`` is set if it cannot be loaded."""

    name: str
    distribution: str
    summary: str
    wavelengths: list[int]
    sizes: list[str]
    cadence_s: float | None
    since: str | None
    until: str | None
    connections: int
    options: list[str]
    problem: str | None
    hint: str


class ImageGapRow(TypedDict):
    """A gap in a time series of images, and the estimated number of missing images."""

    after: str
    before: str
    missing: int


class WavelengthDocument(TypedDict):
    """The images at one wavelength. ``pixels`` and ``months`` contain numbers of images."""

    wavelength: int
    channel: str
    images: int
    patches: int
    first: str | None
    last: str | None
    cadence_s: float | None
    missing: int
    bytes: int
    pixels: dict[str, int]
    months: dict[str, int]
    gaps: list[ImageGapRow]


class FolderDocument(TypedDict):
    """The images in a folder. ``bad`` contains the damaged files."""

    folder: str
    images: int
    bytes: int
    unnamed: int
    wavelengths: list[WavelengthDocument]
    bad: list[Failure]
