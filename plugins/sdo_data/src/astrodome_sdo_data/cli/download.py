"""``sdo data download``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from astrodome import AstrodomeError, console, sources, times

if TYPE_CHECKING:
    from ..download import Plan, Report

SHOWN = 100
"""Problems that the table shows; the manifest has them all."""


def _mask(text: str) -> int:
    try:
        mask = int(text, 0)
    except ValueError:
        mask = -1
    if not 0 <= mask < 1 << 32:
        raise AstrodomeError(
            f"'{text}' is no bit mask of 32 bits.", "Write 0, or one such as 0x40000.", exit_code=2
        )
    return mask


def download(
    path: Annotated[Path, typer.Option(help="Folder for the images.")] = Path("data"),
    start: Annotated[
        datetime, typer.Option(parser=times.utc, metavar="TIME", help="First time (UTC).")
    ] = "2012-12-01T00:00:00",  # type: ignore[assignment]
    end: Annotated[
        datetime,
        typer.Option(
            parser=times.utc_end,
            metavar="TIME",
            help="Last time (UTC), included. A date without a time includes the whole day.",
        ),
    ] = "2012-12-31T23:59:00",  # type: ignore[assignment]
    freq: Annotated[
        str, typer.Option(help="Time between images: a multiple of 6min, as pandas writes it.")
    ] = "60min",
    metadata: Annotated[
        bool, typer.Option("--metadata", help="Also meta.csv and meta.parquet: quality, geometry.")
    ] = False,
    wavelength: Annotated[
        list[int] | None,
        typer.Option(help="Wavelength (angstrom), may be given several times [171]."),
    ] = None,
    max_flux: Annotated[
        float | None,
        typer.Option(help="Only where the GOES 1-8 angstrom flux is below this (W/m2)."),
    ] = None,
    min_flux: Annotated[
        float | None,
        typer.Option(help="Only where the GOES 1-8 angstrom flux is above this (W/m2)."),
    ] = None,
    flux_source: Annotated[str, sources.option("flux", "Source of the GOES flux")] = "",
    source: Annotated[
        str,
        typer.Option(
            "--source",
            "--images-source",
            help="Archive; 'sdo data sources' lists them [setting sources.images, or gsu].",
        ),
    ] = "",
    size: Annotated[
        str, typer.Option(help="Pixels a side: 2k, 512 or 256 of gsu [the source's largest].")
    ] = "",
    quality: Annotated[
        int | None,
        typer.Option(
            parser=_mask,
            metavar="MASK",
            help="Only observations whose QUALITY has no other bits; 0: good ones.",
        ),
    ] = None,
    parameters: Annotated[
        bool,
        typer.Option("--parameters", help="Also the 64 x 64 x 10 image parameters as Parquet."),
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Correct pointing, degradation and exposure (fido)."),
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=1, help="Images at a time, at most what the source allows.")
    ] = 8,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for what the source did not have.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read and check all images that are there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be fetched.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Download images of the Sun; the same command again fetches only what is missing."""
    from .. import download as library

    times.check_order(start, end)
    wish = library.Wish(
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
    plan = library.prepare(wish, path, retry_missing=retry_failed, verify=verify)
    _warn(plan)
    if dry_run:
        console.show_one(plan.summary(), as_json=as_json)
        return
    with console.progress("Downloading", len(plan.doing()), "images") as bar:
        report = library.download(plan, jobs=jobs, advance=lambda _: bar.advance())
    _show(report, plan, as_json)


def _warn(plan: Plan) -> None:
    unknown = int(plan.rows["reason"].str.startswith("No flux").sum())
    if unknown:
        console.warn(
            f"No flux is known for {unknown} images; they are skipped.",
            "Bring the flux of that time: sdo goes download --start … --end …",
        )


def _show(report: Report, plan: Plan, as_json: bool) -> None:
    if as_json:
        console.show_json(report.as_dict())
    else:
        problems: list[dict[str, Any]] = list(report.problems())
        if problems:
            console.show(problems[:SHOWN], title="Not there")
        if len(problems) > SHOWN:
            console.note(f"… and {len(problems) - SHOWN} more.")
        console.note(_summary(report))
    if not report.complete:
        console.note(f"Every image and what became of it: {plan.folder / 'manifest.parquet'}")
        raise typer.Exit(1)


def _summary(report: Report) -> str:
    parts = [f"{report.downloaded} images downloaded ({megabytes(report.bytes)})"]
    parts += [f"{report.completed} completed"] if report.completed else []
    parts += [f"{report.checked} checked"] if report.checked else []
    parts += [f"{report.there} were there"] if report.there else []
    parts += [f"{count} skipped for {why}" for why, count in report.skipped.items()]
    parts += [f"{len(report.missing)} missing at the source"] if report.missing else []
    parts += [f"{len(report.failed)} failed"] if report.failed else []
    parts += [f"{len(report.damaged)} damaged files moved aside"] if report.damaged else []
    text = ", ".join(parts) + "."
    if report.left:
        text += f" The source seems to be down: {report.left} images were not asked for."
    return text


def megabytes(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
