"""The command ``scope anomalies``, which finds anomalous light curves in feature tables."""

from __future__ import annotations

from pathlib import Path

import typer
from astrodome import console, outputs
from astrodome.option_groups import expand, option

from . import documents
from .options import Json


@expand
@outputs.declare(documents.AnomaliesDocument)
def anomalies(
    data: list[Path] = typer.Argument(
        ..., metavar="FILE...", help="Parquet files with features, written by scope features --drw."
    ),
    out: Path = option(Path("anomalies.parquet"), "Parquet file to write."),
    statistic: str = option("drw_max_z", "Feature from which the anomaly score is derived."),
    probability: float = option(
        0.01, "Probability that a typical light curve exceeds the threshold."
    ),
    calibrations: Path | None = option(
        None,
        "Folder with the calibration for each filter. Missing calibrations are derived from the "
        "files and stored in this folder (default: derive the calibrations without storing them).",
        file_okay=False,
    ),
    as_json: Json = False,
) -> None:
    """Find anomalous light curves in feature tables, with extreme-value theory.

    The output contains all features, and the columns anomaly_score (negative decimal logarithm of
    the probability that a typical light curve has a larger value) and anomaly_flag.
    """
    from ..features.extraction.anomalies import find_anomalies

    found = find_anomalies(
        data, out, statistic=statistic, probability=probability, calibrations=calibrations
    )
    rows = found.filters.to_dict("records")
    if as_json:
        console.show_json({"out": str(found.path), "filters": rows})
        return
    console.show(rows)
    for row in rows:
        if row["threshold"] is None or row["threshold"] != row["threshold"]:
            console.warn(
                f"Too few light curves in the filter {row['filter']} for a calibration: their "
                "anomaly scores are missing."
            )
