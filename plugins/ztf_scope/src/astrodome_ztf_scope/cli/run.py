"""The command ``scope run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from astrodome import InvalidInputError, console, outputs, sources
from astrodome.option_groups import OptionGroup, option

from . import documents
from .classifiers import ModelOptions
from .features import (
    CleaningOptionGroup,
    FeatureOptionGroup,
    SearchOptionGroup,
    feature_options,
    open_named,
)
from .options import LIGHT_CURVES, RESULT, SERVICES, Json, LightCurveFiles, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..classifiers.trained_models import TrainedModel
    from ..features.extraction.inputs import LightCurveInput, NamedCatalogue
    from ..vetting.pipeline import PipelineResult

MAPS = {"xgb": "XGB_AL_mapper", "dnn": "DNN_AL_mapper"}
"""Taxonomy map for the score columns of each algorithm."""


class RunInput(OptionGroup, panel=LIGHT_CURVES):
    """Options that select the light curves."""

    file: LightCurveFiles = None
    radius_arcsec: float = option(
        2.0,
        "Maximum separation of light curves and crossmatches from a position, and between light "
        "curves of a source, in arcsec.",
        min=0.01,
    )
    catalogue: str = option(
        "",
        "Catalogue: kowalski or local:FOLDER (setting: sources.catalogue; default: kowalski).",
        panel=SERVICES,
    )

    def open(
        self, table: Path | None, needs_catalogue: bool
    ) -> tuple[LightCurveInput, NamedCatalogue | None]:
        """Return the light curves, and the catalogue if it is required."""
        from ..features.extraction.extraction import as_input

        if (table is None) == (self.file is None):
            raise InvalidInputError(
                "Specify either a TABLE of positions or identifiers, or light curves with --file.",
                "Example: scope run sources.csv --catalogue kowalski --out results",
            )
        if self.file:
            named = open_named(self.catalogue) if needs_catalogue else None
            return as_input(self.file), named
        assert table is not None
        named = open_named(self.catalogue)
        return self._select(named, table), named

    def for_vetting(self) -> str:
        """Return the options of ``scope vet`` that select the same light curves."""
        if self.file:
            return "".join(f" --light-curves {path}" for path in self.file)
        return f" --catalogue {sources.choose('catalogue', self.catalogue, default='kowalski')}"

    def _select(self, named: NamedCatalogue, path: Path) -> LightCurveInput:
        from ..catalogues.epochs import IDS
        from ..features.extraction import selection

        table = selection.read_identifiers(path)
        if any(name in table for name in IDS):
            return selection.by_identifier(named, table, path)
        return selection.by_position(named, table, self.radius_arcsec, path)


class PageOptions(OptionGroup, panel=RESULT):
    """Options that select the sources on the page."""

    per_class: int = option(10, "Maximum number of sources on the page for each class.", min=1)
    threshold: float = option(
        0.5, "Minimum score of the sources on the page.", "--p-threshold", min=0, max=1
    )
    statistic: str = option(
        "mean",
        "How the scores of the light curves of a source are combined.",
        metavar="mean|median|max",
    )


@command
@outputs.declare(documents.ScopeRunDocument)
def run(
    table: Path | None = typer.Argument(
        None,
        help="Table with positions (columns ra and dec, in degrees), or with identifiers of light "
        "curves (column _id or ztf_id).",
    ),
    out: Path = option(Path("results"), "Folder for the output files.", file_okay=False),
    jobs: int = option(0, "Number of threads. 0 means one thread per CPU.", min=0),
    scheduler: str = option("", "Address of a Dask scheduler (default: use this computer)."),
    force: bool = option(False, "Overwrite existing results of a different run."),
    as_json: Json = False,
    *,
    light_curves: RunInput,
    selection: ModelOptions,
    page: PageOptions,
    search: SearchOptionGroup,
    cleaning: CleaningOptionGroup,
    values: FeatureOptionGroup,
) -> None:
    """Compute features and scores of light curves, and show the most interesting sources.

    The output folder contains the features, the scores of all light curves and sources, and the
    page sources.html with the sources that have the highest scores in each class. To resume an
    interrupted run, run the same command again.
    """
    from ..classifiers.samples import SampleOptions
    from ..vetting.pipeline import PipelineOptions, classify_light_curves

    models = selection.select()
    features = feature_options(light_curves.radius_arcsec, search, cleaning, values)
    source, catalogue = light_curves.open(table, features.needs_catalogue)
    found = classify_light_curves(
        source,
        models,
        out,
        PipelineOptions(
            features,
            SampleOptions(page.per_class, page.threshold, top=True),
            page.statistic,  # type: ignore[arg-type]
            light_curves.radius_arcsec,
        ),
        catalogue=catalogue,
        jobs=jobs,
        scheduler=scheduler,
        force=force,
        track=lambda label, unit: console.progress(label, None, unit),
    )
    summary = {
        "light_curves": found.features.rows,
        "skipped": len(found.features.problems),
        "sources": len(found.sources.table),
        "selected": len(found.sample.table),
    }
    if as_json:
        paths = {name: str(path) for name, path in found.paths.items()}
        problems = found.features.problems.to_dict("records")
        document = {**summary, "classes": found.sample.counts, "problems": problems}
        console.show_json({**document, "files": paths})
    else:
        console.show(found.sample.counts)
        console.note(", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in summary.items()))
        _hints(found, models, light_curves, page.threshold)
    if (found.features.problems["status"] == "failed").any():
        raise SystemExit(1)


def _hints(
    found: PipelineResult, models: Sequence[TrainedModel], origin: RunInput, threshold: float
) -> None:
    """Print the skipped light curves, the missing scores, and the commands for the next steps."""
    if len(found.features.problems):
        console.note(f"Skipped light curves are listed in {found.features.problems_path}.")
    for column, count in found.scores.unusable.items():
        if count:
            console.warn(f"{count} light curves have no score in the column {column}.")
    algorithms = {model.algorithm for model in models}
    mapping = MAPS.get(min(algorithms), "MAP.json") if len(algorithms) == 1 else "tags"
    sample = found.paths["sample"]
    console.note(f"Page: {found.paths['page']}")
    console.note(
        f"Inspect the sources on the page: scope vet --file {sample}{origin.for_vetting()}"
    )
    console.note(
        f"Upload them: scope upload-classification -file {sample} -group_ids ID "
        f"-classification read -taxonomy_map {mapping} --p-threshold {threshold:g} --dry-run"
    )
