"""The command ``scope select-sample``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from astrodome import InvalidInputError, console, errors, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .options import CLASSIFICATIONS, RESULT, ROWS, Config, Json, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..classifiers.consolidation import ConsolidatedPredictions
    from ..classifiers.samples import SampleOptions

IGNORED = "Accepted for compatibility with SCoPe; has no effect."
ALL_FIELDS = "all"
MAX_NAMES = 5
"""Maximum number of equal source names that are listed in a warning."""


class PredictionOptions(OptionGroup, panel=ROWS):
    """Options that select predictions and specify how they are combined."""

    fields: list[str] | None = option(
        None,
        "ZTF fields whose predictions are read from the folder preds_<algorithm>, as written by "
        "SCoPe, or 'all'. Only used if no FILE is specified.",
    )
    algorithm: str = option(
        "",
        "Algorithm whose scores are used, for example xgb, or 'merged' for the scores that scope "
        "predict --merge writes (default: the only algorithm in the files).",
    )
    statistic: str = option(
        "mean",
        "How the scores of the light curves of a source are combined.",
        "--statistic",
        "--consolidation-statistic",
        metavar="mean|median|max",
    )
    radius_arcsec: float = option(
        2.0, "Maximum separation between light curves of the same source, in arcsec.", min=0.01
    )

    def files(self, given: Sequence[Path] | None) -> list[Path]:
        """Return the files to read."""
        if given:
            return list(given)
        if not self.fields:
            raise InvalidInputError(
                "No predictions specified.",
                "Specify the output of scope predict, for example scores.parquet.",
            )
        folder = Path(f"preds_{self.algorithm or 'dnn'}")
        if not folder.is_dir():
            hint = "To read the output of scope predict: scope select-sample scores.parquet"
            raise errors.not_found(folder, hint, kind="Folder", exit_code=2)
        fields = ["*"] if ALL_FIELDS in map(str.lower, self.fields) else self.fields
        found = []
        for field in fields:
            whole = sorted(folder.glob(f"field_{field}/field_{field}.parquet"))
            parts = whole or sorted(folder.glob(f"field_{field}/*.parquet"))
            if not parts:
                raise errors.not_found(folder / f"field_{field}", kind="Predictions", exit_code=2)
            found += parts
        return found


class SampleSelectionOptions(OptionGroup, panel=CLASSIFICATIONS):
    """Options that select the sources."""

    per_class: int = option(
        1000,
        "Number of sources to select for each class.",
        "--per-class",
        "--min-class-examples",
        min=1,
    )
    threshold: float = option(
        0.9,
        "Minimum score of the sources that are selected for a class.",
        "--p-threshold",
        "--probability-threshold",
        min=0,
        max=1,
    )
    top: bool = option(
        False,
        "Select the sources with the highest scores instead of random sources.",
        "--top",
        "--select-top-n",
    )
    all_sources: bool = option(
        False,
        "Select all sources with at least the minimum score, instead of --per-class sources.",
        "--all-sources",
        "--doAllSources",
    )
    tag: list[str] | None = option(
        None, "Tag of a class to include. Can be repeated (default: all classes)."
    )
    seed: int = option(9, "Seed of the random selection.", min=0)
    exclude: list[Path] | None = option(
        None,
        "Training set whose sources are excluded: a CSV, Parquet or HDF5 file. Can be repeated.",
    )
    exclude_training_sources: bool = option(
        False, "Exclude the sources in the data set training.dataset in the configuration."
    )
    config: Config = None

    def options(self) -> SampleOptions:
        from ..classifiers.samples import SampleOptions

        count = 0 if self.all_sources else self.per_class
        return SampleOptions(count, self.threshold, self.top, tuple(self.tag or ()), self.seed)

    def excluded(self) -> list[Path]:
        """Return the files with the sources to exclude."""
        paths = list(self.exclude or ())
        if self.exclude_training_sources:
            from ..config.loading import load_config

            dataset = load_config(self.config).training.dataset
            if not dataset:
                raise InvalidInputError(
                    "The configuration does not specify training.dataset.",
                    "Specify the training set with --exclude FILE.",
                )
            paths.append(Path(dataset))
        return paths


class SampleFileOptions(OptionGroup, panel=RESULT):
    """Options for the output files."""

    out: Path = option(
        Path("sample"), "Folder for the output files.", "--out", "--al-directory", file_okay=False
    )
    write_csv: bool = option(False, "Also write CSV files.")
    write_sources: bool = option(
        False,
        "Also write the scores of all sources, and the source of each light curve.",
        "--write-sources",
        "--write-consolidation-results",
    )
    dry_run: bool = option(
        False, "Show the counts without writing files.", "--dry-run", "--doNotSave"
    )
    force: bool = option(False, "Overwrite a different sample in the output folder.")
    group: str = option("", IGNORED, hidden=True)
    include_all_highprob_labels: bool = option(False, IGNORED, hidden=True)
    read_consolidation_results: bool = option(False, IGNORED, hidden=True)
    verbose: bool = option(False, IGNORED, hidden=True)

    def check(self, about: dict[str, Any]) -> None:
        """Raise AstrodomeError if the folder contains a sample with different options."""
        from ..classifiers.samples import META

        path = self.out / META
        if self.dry_run or self.force or not path.is_file():
            return
        try:
            existing = json.loads(path.read_text("utf-8"))
        except ValueError:
            existing = {}
        if any(existing.get(key) != value for key, value in about.items()):
            raise InvalidInputError(
                f"{self.out} already contains a different sample.",
                "Specify another folder with --out, or overwrite the files with --force.",
            )


@command
@outputs.declare(documents.SampleDocument)
def select_sample(
    data: list[Path] = typer.Argument(
        None, metavar="[FILE]...", help="Output files of scope predict, or of run-inference."
    ),
    as_json: Json = False,
    *,
    predictions: PredictionOptions,
    selection: SampleSelectionOptions,
    result: SampleFileOptions,
) -> None:
    """Combine light curves to sources, and select a sample of sources of every class to label.

    The scores of all light curves with the same Gaia, AllWISE or Pan-STARRS id, or the same
    position, are combined. The file sample.parquet can be inspected with scope vet, and uploaded
    with scope upload-classification.
    """
    from ..classifiers import consolidation, samples

    options, files, excluded = selection.options(), predictions.files(data), selection.excluded()
    about = {
        "files": [_file_record(path) for path in files],
        "statistic": predictions.statistic,
        "radius_arcsec": predictions.radius_arcsec,
        "algorithm": predictions.algorithm,
        "options": samples.options_record(options),
        "exclude": list(map(str, excluded)),
    }
    result.check(about)
    found = consolidation.consolidate_predictions(
        files,
        algorithm=predictions.algorithm,
        statistic=predictions.statistic,  # type: ignore[arg-type]
        radius=predictions.radius_arcsec,
    )
    sample = samples.select_sample(found, options, exclude=excluded)
    paths = {}
    if not result.dry_run:
        paths = samples.write_sample(
            result.out,
            sample,
            found,
            about,
            csv=result.write_csv,
            everything=result.write_sources,
        )
    summary = {
        "light_curves": len(found.light_curves),
        "sources": len(found.table),
        "excluded": sample.excluded,
        "selected": len(sample.table),
    }
    if as_json:
        files_by_name = {name: str(path) for name, path in paths.items()}
        console.show_json({**summary, "classes": sample.counts, "files": files_by_name})
    else:
        console.show(sample.counts)
        console.note(", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in summary.items()))
    _warn(found)
    if sample.table.empty:
        console.warn(
            f"No source has a score of at least {options.threshold:g} in any class.",
            "Decrease the minimum score (--p-threshold).",
        )
    if paths and len(sample.table):
        console.note(
            f"Inspect the sample: scope vet --file {paths[samples.SAMPLE]} --light-curves FILE"
        )


def _file_record(path: Path) -> dict[str, Any]:
    """Return the path, the size and the modification time of a file."""
    from ..tables import datasets

    datasets.require_file(path)
    state = path.stat()
    return {"path": str(path), "bytes": state.st_size, "modified_ns": state.st_mtime_ns}


def _warn(found: ConsolidatedPredictions) -> None:
    """Warn about repeated light curves, and about sources without position or with equal names."""
    if found.duplicates:
        console.warn(f"{found.duplicates} rows repeat a light curve and were ignored.")
    if found.without_position:
        console.warn(
            f"{found.without_position} sources have neither a position nor a name. Their "
            "identifier is used as name, and they cannot be uploaded."
        )
    if found.collisions:
        names = list(found.collisions)
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        console.warn(
            f"The positions of {sum(map(len, found.collisions.values()))} sources have the same "
            f"IAU name as another source: {', '.join(names[:MAX_NAMES])}{more}. A number was "
            "appended to their names.",
            "To combine close sources, add the column obj_id to the predictions.",
        )
