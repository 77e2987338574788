"""The command ``sdo data download``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from astrodome import console, outputs, sources
from astrodome.option_groups import OptionGroup, end_option, option, time_option

from . import documents
from .options import Json, bit_mask

if TYPE_CHECKING:
    from ..downloads import DownloadPlan, DownloadReport, DownloadRequest

SHOWN_PROBLEMS = 100
"""Maximum number of missing and failed images in the table. The manifest contains all of them."""


class DownloadOptions(OptionGroup):
    """Options that select the images. They have the same names as the fields of DownloadRequest."""

    start: datetime = time_option("2012-12-01T00:00:00", "Time of the first image")
    end: datetime = end_option("2012-12-31T23:59:00", "Time of the last image")
    freq: str = option("60min", "Time between images, for example 6min, 1h or 1D.")
    metadata: bool = option(
        False, "Also download the image headers, and write meta.csv and meta.parquet."
    )
    wavelength: list[int] | None = option(
        None, "Wavelength, in angstroms. Repeatable (default: 171)."
    )
    max_flux: float | None = option(
        None, "Skip images if the GOES flux (1-8 angstrom) is at least this value, in W/m2."
    )
    min_flux: float | None = option(
        None, "Skip images if the GOES flux (1-8 angstrom) is at most this value, in W/m2."
    )
    flux_source: Annotated[str, sources.option("flux", "Source of the GOES flux")] = ""
    source: str = option(
        "",
        "Image source; see 'sdo data sources' (default: the setting sources.images, or gsu).",
        "--source",
        "--images-source",
    )
    size: str = option(
        "", "Image size, for example 2k, 512 or 256 (default: depends on the source)."
    )
    quality: int | None = option(
        None,
        "Bit mask of the QUALITY bits that are allowed. Images with any other bit set are "
        "skipped; 0 allows no quality bits.",
        parser=bit_mask,
        metavar="MASK",
    )
    parameters: bool = option(
        False, "Also download the image parameters: ten statistics for each of 64 x 64 cells."
    )
    calibrate: bool = option(
        False,
        "Correct the pointing and the degradation. Only the sources fido and jsoc support this "
        "option.",
    )

    def request(self) -> DownloadRequest:
        """Return the download request that the options specify."""
        from ..downloads import DownloadRequest

        values = vars(self) | {
            "source": sources.choose("images", self.source, default="gsu"),
            "wavelength": self.wavelength or [171],
        }
        return DownloadRequest.create(**values)


@outputs.declare(documents.DownloadReportDocument | documents.DownloadPlanDocument)
def download(
    path: Path = option(Path("data"), "Output folder for the images."),
    jobs: int = option(
        8, "Maximum number of simultaneous transfers. The source may set a lower limit.", min=1
    ),
    retry_failed: bool = option(
        False, "Retry images that were missing at the source in an earlier run."
    ),
    verify: bool = option(False, "Verify the content of all existing images."),
    dry_run: bool = option(
        False, "Show the number of images and the download size, but download nothing."
    ),
    as_json: Json = False,
    *,
    search: DownloadOptions,
) -> None:
    """Download images of the Sun.

    Run the same command again to download only the missing images.
    """
    from ..downloads import plan_download, run_download

    plan = plan_download(search.request(), path, retry_missing=retry_failed, verify=verify)
    _warn_of_unknown_flux(plan)
    if dry_run:
        console.show_one(plan.summary(), as_json=as_json)
        return
    with console.progress("Downloading", len(plan.pending()), "images") as bar:
        report = run_download(plan, jobs=jobs, on_result=lambda _: bar.advance())
    if as_json:
        console.show_json(report.as_dict())
    else:
        _show_report(report)
    if not report.is_complete:
        console.note(f"The status of every image is in {path / 'manifest.parquet'}.")
        raise typer.Exit(1)


def _warn_of_unknown_flux(plan: DownloadPlan) -> None:
    from ..downloads.plan import UNKNOWN_FLUX

    if unknown := int(plan.rows["reason"].eq(UNKNOWN_FLUX).sum()):
        console.warn(
            f"The flux is unknown for {unknown} images, which are skipped.",
            "Download the flux for these times: sdo goes download --start … --end …",
        )


def _show_report(report: DownloadReport) -> None:
    from rich.filesize import decimal

    problems = report.problems()
    if problems:
        console.show(problems[:SHOWN_PROBLEMS], title="Missing and failed images")
    if len(problems) > SHOWN_PROBLEMS:
        console.note(f"… and {len(problems) - SHOWN_PROBLEMS} more.")
    parts = [f"{report.count('downloaded')} images downloaded ({decimal(report.bytes)})"]
    labels = {
        "completed": "completed",
        "checked": "checked",
        "existing": "already existed",
        "missing": "missing at the source",
        "failed": "failed",
    }
    for outcome, label in labels.items():
        if count := report.count(outcome):
            parts.append(f"{count} {label}")
    parts += [f"{count} skipped because of {kind}" for kind, count in report.skipped.items()]
    parts += [f"{len(report.damaged)} damaged files renamed"] if report.damaged else []
    console.note(", ".join(parts) + ".")
    if left := report.count("not reached"):
        console.note(f"The source seems to be unavailable: {left} images were not requested.")
