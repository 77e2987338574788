"""Write feature tables from the results of batches, and lists of light curves without features."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from astrodome.runs import provenance

from ...tables import feature_provenance, identifiers, parts, table_io
from . import batches
from .inputs import PreparedInput, SkippedLightCurve
from .options import FeatureOptions
from .unusable import NoLightCurvesError

VERSIONS = ("astrodome-ztf-scope", "numpy", "scipy", "numba", "nifty-ls")
"""Distributions whose versions are stored in the metadata of a feature table."""
PROBLEM_COLUMNS = ("_id", "filter", batches.STATUS, batches.REASON)


@dataclass(frozen=True)
class FeaturesResult:
    """Result of :func:`write_features`.

    Attributes
    ----------
    path : pathlib.Path
        Path of the feature table.
    rows : int
        Number of light curves in the feature table.
    problems : pandas.DataFrame
        Light curves that are not in the feature table, with the columns ``_id``, ``filter``,
        ``status`` and ``reason``. The status is ``skipped`` if the light curve cannot be used, for
        example because it has too few epochs, and ``failed`` if the computation failed.
    flagged : bool
        Whether the epochs have quality flags. If not, all epochs are used.
    existing : bool
        Whether the feature table already existed and contained the result of the same computation.
    """

    path: Path
    rows: int
    problems: pd.DataFrame
    flagged: bool = True
    existing: bool = False

    @property
    def problems_path(self) -> Path:
        """Path of the CSV file with ``problems``, which exists only if there are problems."""
        return problems_path(self.path)


def problems_path(target: Path) -> Path:
    """Return the path of the CSV file that lists the light curves without features."""
    return target.with_suffix(".skipped.csv")


def require_rows(results: Sequence[FeaturesResult]) -> None:
    """Raise NoLightCurvesError if none of several feature tables has a row."""
    if not any(found.rows for found in results):
        problems = pd.concat([found.problems for found in results], ignore_index=True)
        listed = problems_path(results[0].path).with_name("*.skipped.csv")
        raise NoLightCurvesError(problems, listed, "The field contains no light curves.")


def join(
    folder: Path, target: Path, prepared: PreparedInput, options: FeatureOptions, digest: str
) -> None:
    """Merge the batches into the feature table, and list the light curves without features.

    If there are no features, only the list is written, unless there is an existing table to which
    it does not belong. Raises NoLightCurvesError in this case.
    """
    paths = sorted(folder.glob("features-*.parquet"))
    problems, listed = _problems(prepared.skipped, paths), problems_path(target)
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    if len(problems) == rows + len(prepared.skipped):
        if target.exists():
            raise NoLightCurvesError(problems, None, prepared.expected)
        _write_problems(listed, problems)
        raise NoLightCurvesError(problems, listed, prepared.expected)
    common = parts.common_schema(paths)
    # If all light curves in a batch are skipped, the batch has no feature columns.
    longest = max((pq.read_schema(path) for path in paths), key=len)
    schema = pa.schema([common.field(n) for n in longest.names if n not in PROBLEM_COLUMNS[2:]])
    about = {
        "fourier_convention": options.fourier_convention,
        "options": options.as_dict(),
        "versions": provenance(VERSIONS)["versions"],
    }
    state = {"digest": digest, "flagged": prepared.flagged}
    metadata = {parts.PROVENANCE: json.dumps(state).encode()}
    metadata |= feature_provenance.metadata(about)
    _write_problems(listed, problems)
    parts.join(paths, target, schema, metadata, _computed)


def _computed(path: Path) -> pa.Table:
    table = pq.read_table(path)
    return table.filter(pc.is_null(table[batches.STATUS]))


def _problems(skipped: Sequence[SkippedLightCurve], paths: Sequence[Path]) -> pd.DataFrame:
    """Return the light curves without features."""
    rows = [
        {
            "_id": one.name,
            "filter": one.filter,
            batches.STATUS: batches.FAILED if one.failed else batches.SKIPPED,
            batches.REASON: one.reason,
        }
        for one in skipped
    ]
    for path in paths:
        table = pq.read_table(path, columns=list(PROBLEM_COLUMNS))
        rows += table.filter(pc.is_valid(table[batches.STATUS])).to_pylist()
    if not rows:
        return pd.DataFrame({name: [] for name in PROBLEM_COLUMNS})
    return identifiers.from_records([{**row, "_id": str(row["_id"])} for row in rows])


def _write_problems(target: Path, problems: pd.DataFrame) -> None:
    """Write the light curves without features to a CSV file, or delete an existing file."""
    if len(problems):
        table_io.write_table(target, problems)
    else:
        target.unlink(missing_ok=True)


def read(target: Path, *, existing: bool = False) -> FeaturesResult:
    """Return the result of a finished computation."""
    problems = problems_path(target)
    if problems.exists():
        table = table_io.read_table(problems)
        table["_id"] = identifiers.texts(table["_id"])
    else:
        table = pd.DataFrame({name: [] for name in PROBLEM_COLUMNS})
    flagged = parts.read_provenance(target).get("flagged", True)
    return FeaturesResult(target, pq.read_metadata(target).num_rows, table, flagged, existing)
