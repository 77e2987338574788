"""The command ``scope refine-periods``, which refines periods with a method for each class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import compute, console, outputs, sources
from astrodome.option_groups import OptionGroup, option

from . import documents
from .options import FEATURES, LIGHT_CURVES, SERVICES, Json, LightCurveFiles, command

if TYPE_CHECKING:
    from ..features.refinement.table import RefinementResult

REFINEMENT, CHUNKS = "Refinement", "Chunks"
SHOWN = 20
"""Maximum number of sources that are printed with the reason why they were not refined."""


class TableOptions(OptionGroup, panel=FEATURES):
    """Options that select the feature table, the classes and their columns."""

    features: Path = option(..., "Feature table with periods. It is not changed.", dir_okay=False)
    classes: Path = option(
        ...,
        "Table with class labels, or with scores from scope predict or scope run. It may be the "
        "feature table.",
        dir_okay=False,
    )
    id_column: str = option("_id", "Column with the identifiers that both tables share.")
    class_column: str = option("class", "Column with the class labels, for example EA or rrab.")
    threshold: float = option(
        0.5,
        "Minimum score of a class, if the table contains scores.",
        "--p-threshold",
        min=0,
        max=1,
    )
    algorithm: str = option(
        "",
        "Algorithm whose scores are used, for example xgb, or 'merged' for the scores that scope "
        "predict --merge writes (default: the only algorithm in the table).",
    )
    period_column: str = option("period", "Column with the current periods, in days.")
    class_filter: list[str] | None = option(
        None,
        "Class to refine. Can be repeated (default: all eclipsing binaries, RR Lyrae stars and "
        "Cepheids).",
    )


class LightCurveOptions(OptionGroup, panel=LIGHT_CURVES):
    """Options that select the light curves."""

    file: LightCurveFiles = None
    catalogue: str = option(
        "",
        "Catalogue with light curves, if --file is not specified: kowalski or local:FOLDER "
        "(setting: sources.catalogue; default: kowalski).",
        panel=SERVICES,
    )
    token: str = option(
        "",
        "Kowalski token. To keep it out of the shell history, use the environment variable "
        "ASTRODOME_KOWALSKI_TOKEN or the file secrets.json.",
        panel=SERVICES,
    )

    def select(self) -> dict[str, Any]:
        """Return the arguments of a task that specify the light curves."""
        if self.file:
            return {"light_curves": self.file}
        from ..catalogues.registry import open_catalogue

        name = sources.choose("catalogue", self.catalogue, default="kowalski")
        return {"catalogue": open_catalogue(name, token=self.token), "catalogue_name": name}


class FitOptions(OptionGroup, panel=REFINEMENT):
    """Options for the refinement of a source."""

    n_periods: int = option(50, "Number of periods per algorithm that are tried.", min=1)
    min_cadence_minutes: float = option(
        30.0, "Minimum time between consecutive epochs, in minutes.", min=0
    )
    min_points: int = option(60, "Minimum number of epochs of a source in all filters.", min=25)
    characterise: bool = option(
        True, "Also measure eclipses, Fourier parameters, second periods and period errors."
    )


class ChunkOptions(OptionGroup, panel=CHUNKS):
    """Options that select a part of the sources."""

    chunk: int = option(0, "Number of the chunk of sources to refine, counted from 0.", min=0)
    n_chunks: int = option(
        1, "Number of chunks into which the sources are divided. Only one chunk is refined.", min=1
    )


@command
@outputs.declare(documents.RefinementDocument)
def refine_periods(
    output: Path = option(..., "Parquet file to write.", dir_okay=False),
    jobs: int = option(0, "Number of threads. 0 means one thread per CPU.", min=0),
    scheduler: str = option("", "Address of a Dask scheduler (default: use this computer)."),
    force: bool = option(False, "Overwrite an existing output file."),
    as_json: Json = False,
    *,
    tables: TableOptions,
    light_curves: LightCurveOptions,
    fits: FitOptions,
    chunks: ChunkOptions,
) -> None:
    """Refine the periods of eclipsing binaries, RR Lyrae stars and Cepheids.

    Models for the class of each source are fitted to its light curves in all filters. The period of
    an eclipsing binary is corrected if it is half of the orbital period, and periods of pulsating
    stars are corrected if they are aliases. The periods of other classes are copied. To resume an
    interrupted run, run the same command again.

    If the table with the classes contains scores, the class with the highest mean score of the
    light curves of a source is used. Classes that describe a light curve, such as variable or
    periodic, are ignored.
    """
    from ..features.refinement import table as refinement
    from ..features.refinement.refine import RefinementOptions
    from ..features.refinement.tasks import RefinementTask

    columns = {**vars(tables), "class_filter": tuple(tables.class_filter or ())}
    task = RefinementTask(
        **columns,
        **light_curves.select(),
        **vars(chunks),
        options=RefinementOptions(**vars(fits)),
    )
    with console.progress("Refining", None, "sources") as bar:
        found = refinement.refine_periods(
            task,
            output,
            jobs=jobs,
            scheduler=scheduler,
            force=force,
            start=bar.set_total,
            advance=bar.advance,
        )
    _show(found, as_json)


def _show(found: RefinementResult, as_json: bool) -> None:
    """Print the numbers of periods, and the sources that could not be refined."""
    from ..features.refinement.table import FAILED, NO_LIGHT_CURVE

    outcome = compute.Outcome(done=found.refined)
    for name, why in found.problems.items():
        if why == NO_LIGHT_CURVE or why.startswith(FAILED):
            outcome.failed.append((name, why))
        else:
            outcome.skipped += 1
    about = {
        "output": str(found.path),
        "rows": found.rows,
        "refined": found.refined,
        "changed": found.changed,
    }
    if as_json:
        console.show_json({**about, "problems": found.problems, **outcome.as_dict()})
        if outcome.failed:
            raise SystemExit(1)
        return
    console.show_one(about)
    if found.existing:
        console.note(f"{found.path} already contains the result of this refinement.")
    skipped = {n: why for n, why in found.problems.items() if (n, why) not in outcome.failed}
    for name, why in list(skipped.items())[:SHOWN]:
        console.note(f"  skipped  {name}: {why}")
    if len(skipped) > SHOWN:
        console.note(
            f"  … and {len(skipped) - SHOWN} more; see the column refinement_reason in {found.path}"
        )
    console.finish(outcome, "refined", "periods")
