"""The command ``scope upload-disagreements``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astrodome import console, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .batches import finish_batch, request_rows, run_batch
from .options import CatalogueName, DryRun, Jobs, Json, NewMarshalOptions, command


class LimitOptions(OptionGroup):
    """Options that define when two scores for a class disagree."""

    tag: str = option("vnv", "Tag of the class whose scores are compared.")
    score: float = option(0.9, "At least one score must be higher than this value.", min=0, max=1)
    high: float = option(0.95, "One score must be higher than this value.", min=0, max=1)
    low: float = option(0.1, "The other score must not be higher than this value.", min=0, max=1)


@command
@outputs.declare(documents.DisagreementsDocument)
def disagreements(
    file: Path = option(..., "Training set, whose light curves (column 'ztf_id') are excluded."),
    id: int = option(
        1, "Id of the group to which the light curves are uploaded.", "--id", "--group-id"
    ),
    catalogue: CatalogueName = "",
    origin: str = option("ML_DR5_d15_v1", "Origin of the annotation."),
    catalog: str = option(
        "",
        "Name of the light-curve catalogue on the marshal (setting: kowalski.collections.sources).",
    ),
    period: str = option("period", "Feature column that contains the period, in days."),
    statistics: Path = option(
        Path("disagreements.parquet"),
        "File for the scores and features of the disagreeing light curves.",
        dir_okay=False,
    ),
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    as_json: Json = False,
    *,
    service: NewMarshalOptions,
    limits: LimitOptions,
) -> None:
    """Upload light curves for which the neural network and the boosted trees disagree.

    Light curves in the training set are excluded. Each source is annotated with the period,
    both scores and Gaia measurements. The scores and features are also written to a file.
    """
    from ..catalogues.registry import open_catalogue
    from ..config import services
    from ..marshal import checks
    from ..marshal import disagreements as library
    from ..tables import table_io

    source = open_catalogue(catalogue)
    catalog = catalog or services.kowalski().collections.sources
    options = library.DisagreementOptions(id, catalog, origin, period, **vars(limits))
    scores = library.find(source, options)
    table = library.add_features(source, scores)
    sample = library.exclude_training_set(table, file)
    if not dry_run:
        table_io.write_table(statistics, sample)
    counts = {
        "disagreements": len(scores),
        "with features": len(table),
        "not in the training set": len(sample),
    }
    marshal = service.create([id], jobs, dry_run=dry_run)
    checks.check_groups(marshal, [id])
    results = run_batch(
        marshal,
        lambda writer: library.upload(marshal, sample, options, writer, jobs=jobs),
        "Uploading",
        len(sample),
        "light curves",
        dry_run=dry_run,
    )
    results.sort(key=lambda result: result.item["_id"])
    rows: list[dict[str, Any]] = [
        {"ztf_id": r.item["_id"], "status": r.status, "source": r.obj_id, "reason": r.reason}
        for r in results
    ]
    document = {
        "dry_run": dry_run,
        **counts,
        "statistics": None if dry_run else str(statistics),
        "light_curves": rows,
    }
    if not as_json:
        requests = request_rows(results, "ztf_id", lambda row: row["_id"])
        console.show(requests if dry_run else rows)
        for name, number in counts.items():
            console.note(f"{number} {name}")
    verb = "would be uploaded" if dry_run else "uploaded"
    finish_batch(
        results, lambda row: str(row["_id"]), verb, "light curves", document, as_json=as_json
    )
