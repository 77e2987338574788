"""The command ``scope features``, which computes feature tables from light curves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import AstrodomeError, InvalidInputError, compute, console, outputs, sources
from astrodome.errors import reason
from astrodome.option_groups import OptionGroup, option

from . import documents
from .catalogues import QuadrantOptions
from .options import FEATURES, LIGHT_CURVES, ROWS, SERVICES, Json, LightCurveFiles, command

if TYPE_CHECKING:
    from ..features.extraction.inputs import LightCurveInput, NamedCatalogue
    from ..features.extraction.options import FeatureOptions
    from ..features.extraction.results import FeaturesResult

SEARCH, CLEANING = "Period search", "Cleaning"
FOLDER = Path("generated_features")
"""Default output folder for quadrants, as in SCoPe."""
SHOWN = 5
"""Maximum number of skipped light curves that are printed."""


class InputOptions(OptionGroup, panel=LIGHT_CURVES):
    """Options that select light curves in files, or in a catalogue by identifier or position."""

    file: LightCurveFiles = None
    ids: Path | None = option(
        None, "File with identifiers of light curves in the catalogue, in a column _id or ztf_id."
    )
    positions: Path | None = option(
        None, "File with positions in the columns ra and dec, in degrees."
    )
    radius_arcsec: float = option(
        2.0, "Maximum separation of light curves and crossmatches from a position, in arcsec."
    )


class FieldOptions(QuadrantOptions, panel=ROWS):
    """Options that select light curves in a field."""

    field: int | None = option(None, "Number of the ZTF field.", min=0)  # type: ignore[assignment]
    ccd: list[str] | None = option(None, "CCD numbers from 1 to 16, or ranges such as 1-4.")
    quad: list[str] | None = option(None, "Quadrant numbers from 1 to 4, or ranges such as 1-4.")
    whole_field: bool = option(False, "Compute the features for all 64 quadrants of the field.")
    minobs: int | None = option(  # type: ignore[assignment]
        None,
        "Minimum number of epochs per light curve in the catalogue (default: the value of "
        "--min-points).",
        min=0,
    )
    coordinates: bool = option(False, "Accepted for compatibility; has no effect.", hidden=True)


class SearchOptionGroup(OptionGroup, panel=SEARCH):
    """Options of the period search."""

    algorithms: str = option(
        "LS,CE,AOV",
        "Algorithms, separated by commas: LS, CE, AOV, FPW, MHF, BLS or MHAOV.",
    )
    max_freq: float = option(
        48.0,
        "Maximum frequency of the search, in 1/d. The column period can contain a half or a third "
        "of a searched period, down to 1/48 d.",
    )
    samples_per_peak: float = option(10.0, "Number of frequencies per 1/baseline.")
    top_n_periods: int | None = option(
        None,
        "Number of best periods for each algorithm. They are compared, and written to separate "
        "columns (default: compare 10 periods, and write only the best one).",
        min=1,
    )
    full_grid: bool = option(
        False, "Evaluate all frequencies. By default, a coarse search is refined."
    )
    mask_aliases: bool = option(
        True, "Exclude periods that are caused by the observing schedule, for example one day."
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :meth:`.FeatureOptions.from_names`."""
        return {
            "algorithms": _names(self.algorithms.upper()),
            "max_frequency": self.max_freq,
            "samples_per_peak": self.samples_per_peak,
            "top_n": self.top_n_periods,
            "top_n_periods": self.top_n_periods,
            "full_grid": self.full_grid,
            "mask_aliases": self.mask_aliases,
        }


class CleaningOptionGroup(OptionGroup, panel=CLEANING):
    """Options that select the epochs that are used."""

    min_points: int = option(
        50,
        "Minimum number of epochs after cleaning.",
        "--min-points",
        "--min-n-lc-points",
        min=1,
    )
    min_cadence_minutes: float = option(
        30.0, "Minimum time between consecutive epochs, in minutes.", min=0
    )
    reject_outliers: str = option(
        "both",
        "Epochs to reject: none, sigma (more than 5 standard deviations from the median), spike "
        "(more than 1 mag from both neighbours), or both (epochs that satisfy both criteria).",
        metavar="none|sigma|spike|both",
    )
    max_timestamp_hjd: float | None = option(
        None, "Maximum heliocentric Julian date of the epochs, in days."
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :meth:`.FeatureOptions.from_names`."""
        return {
            "min_points": self.min_points,
            "min_cadence_minutes": self.min_cadence_minutes,
            "outliers": self.reject_outliers,
            "max_timestamp_hjd": self.max_timestamp_hjd,
        }


class FeatureOptionGroup(OptionGroup, panel=FEATURES):
    """Options that select the features."""

    fourier_convention: str = option(
        "coefficients",
        "Values in the Fourier columns: coefficients (as in SCoPe 0.9.5 and published catalogues), "
        "or amplitudes and relative phases (as in SCoPe of 2026).",
        metavar="coefficients|amplitudes",
    )
    dmdt: bool = option(True, "Add dmdt images, which neural networks require.")
    flares: bool = option(False, "Add the features of flares.", "--flares", "--doFlareDetection")
    drw: bool = option(False, "Add the features of a damped random walk.", "--drw", "--doDRW")
    crossmatch: str = option(
        "",
        "Surveys from which the nearest object is added, separated by commas: gaia, allwise or "
        "ps1.",
    )
    alerts: bool = option(False, "Add the number of ZTF alerts and their mean braai score.")
    exclude_bright_stars: bool = option(
        False, "Skip light curves near stars brighter than G = 13 (Gaia)."
    )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :meth:`.FeatureOptions.from_names`."""
        return {**vars(self), "crossmatch": _names(self.crossmatch.lower())}


ArgumentGroup = SearchOptionGroup | CleaningOptionGroup | FeatureOptionGroup


class ScopeMlOptions(OptionGroup):
    """Options of ``generate-features`` in scope-ml that have no effect."""

    do_cpu: bool = option(False, "No effect.", "--doCPU", hidden=True)
    do_gpu: bool = option(False, "No effect.", "--doGPU", hidden=True)
    do_remove_terrestrial: bool = option(False, "", "--doRemoveTerrestrial", hidden=True)
    period_batch_size: int = option(0, "No effect.", hidden=True)
    query_size_limit: int = option(0, "No effect.", hidden=True)


@dataclass(frozen=True)
class FeatureTable:
    """A feature table to write: the output file, and a function that opens the light curves."""

    name: str
    target: Path
    open: Callable[[], LightCurveInput]


@command
@outputs.declare(documents.FeaturesDocument)
def features(
    out: Path | None = option(
        None,
        "Parquet file to write (default: features.parquet). For quadrants, the output folder "
        "(default: generated_features).",
    ),
    jobs: int = option(
        0, "Number of threads. 0 means one thread per CPU.", "--jobs", "--Ncore", min=0
    ),
    scheduler: str = option("", "Address of a Dask scheduler (default: use this computer)."),
    force: bool = option(False, "Overwrite existing output files."),
    catalogue: str = option(
        "",
        "Catalogue: kowalski or local:FOLDER (setting: sources.catalogue; default: kowalski).",
        panel=SERVICES,
    ),
    token: str = option(
        "",
        "Kowalski token. To keep it out of the shell history, use the environment variable "
        "ASTRODOME_KOWALSKI_TOKEN or the file secrets.json.",
        panel=SERVICES,
    ),
    as_json: Json = False,
    *,
    light_curves: InputOptions,
    quadrants: FieldOptions,
    search: SearchOptionGroup,
    cleaning: CleaningOptionGroup,
    values: FeatureOptionGroup,
    unused: ScopeMlOptions,
) -> None:
    """Compute features and periods of light curves, for scope train and scope predict.

    The light curves are in files (--file), or in a catalogue, where they are selected by
    identifier (--ids), by position (--positions), or by field and quadrant (--field). Light curves
    that cannot be used are listed in a file <OUT>.skipped.csv. To resume an interrupted
    computation, run the same command again.
    """
    from ..features.extraction.extraction import write_features
    from ..features.extraction.results import FeaturesResult, require_rows
    from ..features.extraction.unusable import NoLightCurvesError

    options = feature_options(light_curves.radius_arcsec, search, cleaning, values)
    if quadrants.minobs is None:
        quadrants.minobs = cleaning.min_points
    if quadrants.field is not None:
        quadrants.check_catalog()
    local = light_curves.file is not None
    opened = None if local and not options.needs_catalogue else open_named(catalogue, token)
    tables = list(_tables(light_curves, quadrants, out, opened))
    results, outcome = [], compute.Outcome()
    for table in tables:
        with console.progress(f"Computing {table.name}", None, "light curves") as bar:
            try:
                found = write_features(
                    table.open(),
                    table.target,
                    options,
                    catalogue=opened,
                    jobs=jobs,
                    scheduler=scheduler,
                    force=force,
                    start=bar.set_total,
                    advance=bar.advance,
                )
            except NoLightCurvesError as error:
                if len(tables) == 1:
                    raise
                # Some quadrants of the field have no light curves.
                found = FeaturesResult(table.target, 0, error.problems)
            except AstrodomeError as error:
                if table == tables[0]:  # The reason affects all quadrants, for example a token.
                    raise
                outcome.failed.append((table.name, reason(error)))
                continue
        results.append(found)
    if not outcome.failed:
        require_rows(results)
    _show(results, outcome, as_json)


def feature_options(radius_arcsec: float, *groups: ArgumentGroup) -> FeatureOptions:
    """Return the options for the computation of features."""
    from ..features.extraction.options import FeatureOptions

    arguments = {name: value for group in groups for name, value in group.arguments().items()}
    return FeatureOptions.from_names(radius_arcsec=radius_arcsec, **arguments)


def _names(text: str) -> tuple[str, ...]:
    """Return the names in a list that is separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def open_named(name: str, token: str = "") -> NamedCatalogue:
    """Open a catalogue, and return it with its name."""
    from ..catalogues.registry import open_catalogue
    from ..features.extraction.inputs import NamedCatalogue

    chosen = sources.choose("catalogue", name, default="kowalski")
    return NamedCatalogue(chosen, open_catalogue(chosen, token=token))


def _tables(
    light_curves: InputOptions, quadrants: FieldOptions, out: Path | None, opened: Any
) -> Iterator[FeatureTable]:
    """Yield the feature tables to write, one for each quadrant."""
    from ..catalogues.epochs import light_curve_files
    from ..features.extraction import selection
    from ..features.extraction.inputs import FileInput
    from ..tables.table_io import read_table

    given = (light_curves.file, light_curves.ids, light_curves.positions, quadrants.field)
    if sum(value is not None for value in given) != 1:
        raise InvalidInputError(
            "Specify either --file, --ids, --positions or --field.",
            "Example: scope features --file light_curves.parquet --out features.parquet",
        )
    target = out or Path("features.parquet")
    if light_curves.file is not None:
        files = tuple(light_curve_files(light_curves.file))
        yield FeatureTable("features", target, lambda: FileInput(files))
    elif (ids := light_curves.ids) is not None:
        names = selection.read_identifiers(ids)
        yield FeatureTable("features", target, lambda: selection.by_identifier(opened, names))
    elif (file := light_curves.positions) is not None:
        places, radius = read_table(file), light_curves.radius_arcsec
        yield FeatureTable(
            "features", target, lambda: selection.by_position(opened, places, radius, file)
        )
    else:
        yield from _quadrant_tables(quadrants, out, opened)


def _quadrant_tables(
    quadrants: FieldOptions, out: Path | None, opened: Any
) -> Iterator[FeatureTable]:
    from ..features.extraction import selection

    selected = (quadrants.ccd or quadrants.ccd_range) and (quadrants.quad or quadrants.quad_range)
    if not selected and not quadrants.whole_field:
        raise InvalidInputError(
            "No quadrant specified.", "Specify --ccd and --quad, or --whole-field."
        )
    query = quadrants.query()
    for ccd, quad in query.quadrants:
        name = f"field_{query.field}_ccd_{ccd}_quad_{quad}"
        folder = (out or FOLDER) / f"field_{query.field}"
        target = folder / f"gen_features_{name}.parquet"
        if out and out.suffix and len(query.quadrants) == 1:
            target = out
        yield FeatureTable(
            name,
            target,
            lambda ccd=ccd, quad=quad: selection.in_quadrant(opened, query, ccd, quad),  # type: ignore[misc]
        )


def _show(results: list[FeaturesResult], outcome: compute.Outcome, as_json: bool) -> None:
    """Print one row per feature table, and the light curves without features."""
    rows = []
    for found in results:
        status = found.problems["status"].tolist()
        skipped, failed = status.count("skipped"), status.count("failed")
        if found.rows:  # Otherwise, no file was written.
            counts = {"light_curves": found.rows, "skipped": skipped, "failed": failed}
            rows.append({"out": str(found.path), **counts})
        outcome.done += found.rows
        outcome.skipped += skipped
        wrong = found.problems[found.problems["status"] == "failed"]
        outcome.failed += zip(wrong["_id"], wrong["reason"], strict=True)
        if not as_json:
            _note(found)
    if as_json:
        problems = [one for found in results for one in found.problems.to_dict("records")]
        console.show_json({"files": rows, "problems": problems, **outcome.as_dict()})
        if outcome.failed:
            raise SystemExit(1)
        return
    console.show(rows)
    console.finish(outcome, "processed", "light curves")


def _note(found: FeaturesResult) -> None:
    """Print notes about a feature table to standard error."""
    if found.existing:
        console.note(f"{found.path} already contains the features of these light curves.")
    if not found.flagged:
        console.warn("The light curves have no column catflags. All epochs are used.")
    skipped = found.problems[found.problems["status"] == "skipped"]
    for name, why in zip(skipped["_id"][:SHOWN], skipped["reason"], strict=False):
        console.note(f"  skipped  {name}: {why}")
    if len(skipped) > SHOWN:
        console.note(f"  … and {len(skipped) - SHOWN} more, listed in {found.problems_path}")
