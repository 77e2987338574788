"""Score the rows in a data set with several models in one pass."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ..catalogues import positions
from ..tables import datasets, feature_provenance, fourier_convention
from . import loaded_models

COPIED = (
    *("_id", "ztf_id", "obj_id", "fritz_name", "Gaia_EDR3___id", "AllWISE___id", "PS1_DR1___id"),
    *("ra", "dec", "period", "field", "ccd", "quad", "filter"),
)
"""Input columns that are copied to the output if they exist, in output order."""
LOST = b"lost_identifiers"
"""Metadata key for a JSON object that maps identifier columns to messages about lost digits."""
MergeMethod = Literal["mean", "max"]
Scores = NDArray[np.float32]


class Scorer:
    """A set of loaded models that score the same rows.

    For models with equal imputation and scaling, the features are preprocessed only once.
    """

    def __init__(self, models: Iterable[loaded_models.AnyModel], threads: int = 1) -> None:
        self.models = [loaded_models.loaded(model, threads) for model in models]
        self.threads = threads
        self.preparations = [model.preparation for model in self.models]
        self.uses_dmdt = any(model.uses_dmdt for model in self.models)
        # Index of the first model with the same imputation and scaling.
        self._shared = [self.preparations.index(each) for each in self.preparations]

    @property
    def features(self) -> set[str]:
        """Names of the features that the models use, without suffixes."""
        return {name for preparation in self.preparations for name in preparation.features}

    def check_convention(self, file: Path, specified: str) -> None:
        """Raise AstrodomeError if the Fourier convention of a file is unknown or not expected.

        ``specified`` is the convention that the user specified, or an empty string.
        """
        found = fourier_convention.of_file(file, self.features, specified)
        for preparation in self.preparations:
            if feature_provenance.affected(preparation.features):
                feature_provenance.require(found, file, preparation.fourier_convention)

    def columns(self, file: Path) -> list[str]:
        """Return the columns to read from a file.

        Raises AstrodomeError if a feature column or the dmdt images are missing.
        """
        available = datasets.column_names(file)
        names = list(self.copied(available, file))
        for preparation in self.preparations:
            names += preparation.columns_in(available, file)
        if self.uses_dmdt:
            datasets.require_columns(["dmdt"], available, file)
            names.append("dmdt")
        return list(dict.fromkeys(names))

    def copied(self, available: Sequence[str], file: Path) -> dict[str, str]:
        """Map the columns that are copied from a file to their names in the output.

        If all models use the same period column, it is copied as ``period``. If they use different
        period columns, each column keeps its name. If no model uses a period, the column ``period``
        in the file is copied.
        """
        position = {name: key for key, name in positions.columns(available).items()}
        names = {name: name for name in COPIED if name in available} | position
        if "_id" not in names and "ztf_id" in names:
            names = {**names, "ztf_id": "_id"}
        if periods := self._periods(list(available), file):
            names.pop("period", None)
            names |= {name: "period" if len(periods) == 1 else name for name in periods}
        return dict(sorted(names.items(), key=lambda item: copied_order(item[1])))

    def _periods(self, available: list[str], file: Path) -> list[str]:
        """Return the period columns that the models use."""
        found = []
        for preparation in self.preparations:
            columns = preparation.columns_in(available, file)
            by_feature = dict(zip(preparation.features, columns, strict=True))
            if "period" in by_feature:
                found.append(by_feature["period"])
            else:  # Use the period with the same suffix as the other periodic features.
                suffixes = {c.removeprefix(f) for f, c in by_feature.items() if c != f}
                names = (f"period{suffix}" for suffix in sorted(suffixes))
                found += [name for name in names if name in available]
        return list(dict.fromkeys(found))

    def score(self, data: datasets.DataSet, merge: MergeMethod | None = None) -> pa.Table:
        """Return a table with the copied columns and the scores.

        A score is null if a required feature (a feature that is not imputed) is missing. If
        ``merge`` is given, the table also contains one column per class with the mean or maximum
        score of its models.
        """
        scores = np.empty((len(data), len(self.models)), np.float32)
        prepared = {
            number: self.preparations[number].apply(data, self.threads)
            for number in set(self._shared)
        }
        for number, model in enumerate(self.models):
            features, usable = prepared[self._shared[number]]
            scores[:, number] = model.predict(np.nan_to_num(features, copy=False), data.dmdt)
            scores[~usable, number] = np.nan
        columns = {
            name: pa.Array.from_pandas(data.table[source])
            for source, name in self.copied(list(data.table.columns), data.path).items()
        }
        for number, model in enumerate(self.models):
            columns[model.column] = pa.array(scores[:, number], from_pandas=True)
        if merge:
            columns |= self._merged(scores, merge)
        return pa.table(columns)

    def _merged(self, scores: Scores, merge: MergeMethod) -> dict[str, pa.Array]:
        """Return one score column per class, which merges the available scores of its models."""
        function = {"mean": pd.DataFrame.mean, "max": pd.DataFrame.max}[merge]
        found = {}
        for tag in dict.fromkeys(model.tag for model in self.models):
            numbers = [number for number, model in enumerate(self.models) if model.tag == tag]
            values = function(pd.DataFrame(scores[:, numbers]), axis=1).to_numpy(np.float32)
            found[tag] = pa.array(values, from_pandas=True)
        return found


def copied_order(name: str) -> int:
    """Return the position of a copied column in the output, for use as a sort key."""
    return COPIED.index(name if name in COPIED else "period")


def with_lost_identifiers(table: pa.Table, lost: Mapping[str, str]) -> pa.Table:
    """Add messages about identifiers that lost digits to the metadata of a table."""
    return table.replace_schema_metadata({LOST: json.dumps(dict(lost))}) if lost else table
