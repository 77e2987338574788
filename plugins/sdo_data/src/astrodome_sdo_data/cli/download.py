"""``sdo data download``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from astrodome import console, sources, times

from .options import Json, bit_mask, end_option, time_option
from .views import readable_size

if TYPE_CHECKING:
    from ..downloads import DownloadPlan, DownloadReport

SHOWN_PROBLEMS = 100
"""Number of problems in the table; the manifest contains all."""

Metadata = Annotated[
    bool,
    typer.Option("--metadata", help="Also write meta.csv and meta.parquet: quality, geometry."),
]
Wavelengths = Annotated[
    list[int] | None, typer.Option(help="Wavelength (angstrom), repeatable [171].")
]
MaxFlux = Annotated[
    float | None,
    typer.Option(
        help="Skip images at times with a GOES 1-8 angstrom flux of at least this value (W/m2)."
    ),
]
MinFlux = Annotated[
    float | None,
    typer.Option(
        help="Skip images at times with a GOES 1-8 angstrom flux of at most this value (W/m2)."
    ),
]
Source = Annotated[
    str,
    typer.Option(
        "--source",
        "--images-source",
        help="Source of the images, see 'sdo data sources' [setting sources.images, or gsu].",
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        parser=bit_mask,
        metavar="MASK",
        help="Allowed bits of QUALITY; images with other bits are skipped. 0: only good images.",
    ),
]
Parameters = Annotated[
    bool, typer.Option("--parameters", help="Also write the 64 x 64 x 10 image parameters.")
]
Calibrate = Annotated[
    bool, typer.Option("--calibrate", help="Correct pointing and degradation (fido, jsoc).")
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Request images again that the source did not have.")
]


def download(
    path: Annotated[Path, typer.Option(help="Folder for the images.")] = Path("data"),
    start: Annotated[datetime, time_option("Time of the first image")] = "2012-12-01T00:00:00",  # type: ignore[assignment]
    end: Annotated[
        datetime, end_option("Time of the last image, included")
    ] = "2012-12-31T23:59:00",  # type: ignore[assignment]
    freq: Annotated[
        str, typer.Option(help="Time between images, for example 6min, 1h or 1D.")
    ] = "60min",
    metadata: Metadata = False,
    wavelength: Wavelengths = None,
    max_flux: MaxFlux = None,
    min_flux: MinFlux = None,
    flux_source: Annotated[str, sources.option("flux", "Source of the GOES flux")] = "",
    source: Source = "",
    size: Annotated[
        str,
        typer.Option(help="Size of the images: 2k, 512 or 256 for gsu [default of the source]."),
    ] = "",
    quality: Quality = None,
    parameters: Parameters = False,
    calibrate: Calibrate = False,
    jobs: Annotated[
        int, typer.Option(min=1, help="Number of simultaneous transfers, limited by the source.")
    ] = 8,
    retry_failed: RetryFailed = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the content of all existing images.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be downloaded.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download images of the Sun. The same command again downloads only missing images."""
    from ..downloads import DownloadRequest, plan_download, run_download

    times.check_order(start, end)
    request = DownloadRequest(
        start,
        end,
        freq,
        tuple(wavelength or (171,)),
        sources.choose("images", source, default="gsu"),
        size,
        metadata=metadata,
        parameters=parameters,
        quality=quality,
        min_flux=min_flux,
        max_flux=max_flux,
        flux_source=flux_source,
        options={"calibrate": calibrate},
    )
    plan = plan_download(request, path, retry_missing=retry_failed, verify=verify)
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
        manifest = plan.folder / "manifest.parquet"
        console.note(f"The status of every image is in {manifest}.")
        raise typer.Exit(1)


def _warn_of_unknown_flux(plan: DownloadPlan) -> None:
    unknown = int(plan.rows["reason"].str.startswith("No flux").sum())
    if unknown:
        console.warn(
            f"No flux is known for {unknown} images; they are skipped.",
            "Download the flux of that time: sdo goes download --start … --end …",
        )


def _show_report(report: DownloadReport) -> None:
    problems = report.problems()
    if problems:
        console.show(problems[:SHOWN_PROBLEMS], title="Missing and failed images")
    if len(problems) > SHOWN_PROBLEMS:
        console.note(f"… and {len(problems) - SHOWN_PROBLEMS} more.")
    parts = [f"{report.count('downloaded')} images downloaded ({readable_size(report.bytes)})"]
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
