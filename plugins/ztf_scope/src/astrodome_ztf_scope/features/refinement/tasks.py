"""The inputs and the options of a refinement of the periods in a feature table."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from astrodome import AstrodomeError, InvalidInputError
from astrodome.runs import provenance

from ...catalogues import epochs
from ..extraction import partitioning
from ..extraction.inputs import FileInput
from . import source_classes
from . import sources as source_tables
from .classes import period_prior
from .refine import RefinementOptions
from .sources import TableSource

Reader = Callable[[Sequence[str]], pa.Table]
"""Function that returns the light curves with the given identifiers, in the format of
:func:`.epochs.group`."""


@dataclass(frozen=True)
class RefinementTask:
    """A feature table, classes, light curves and options.

    Attributes
    ----------
    features : path-like
        Feature table. It is never changed.
    classes : path-like
        Table with the column ``id_column``, and either with the column ``class_column`` or with
        scores, such as the output of :func:`predict_files`. It may be the feature table.
    light_curves : sequence of path-like
        Files or folders with light curves, in the formats of :func:`compute_features`. If it is
        empty, light curves are read from the catalogue.
    catalogue : Catalogue, optional
        Catalogue with light curves.
    catalogue_name : str
        Name of the catalogue. An interrupted run is resumed only if this name is the same.
    id_column, class_column, period_column : str
        Columns with the identifiers that both tables share, with the class labels, and with the
        current periods in days.
    class_filter : sequence of str
        Classes to refine. By default, all eclipsing binaries, RR Lyrae stars and Cepheids.
    threshold : float
        Minimum score of a class. It is used only if the table contains scores.
    algorithm : str
        Algorithm whose scores are used. It can be omitted if the table contains the scores of a
        single algorithm.
    options : RefinementOptions
        Criteria for the epochs, and number of trial periods.
    chunk, n_chunks : int
        Number of the chunk of sources to refine, counted from 0, and number of chunks. The output
        contains only the sources in the chunk.

    Raises
    ------
    InvalidInputError
        If there are no light curves, or if a class or the chunk is invalid.
    """

    features: str | os.PathLike[str]
    classes: str | os.PathLike[str]
    light_curves: Sequence[str | os.PathLike[str]] = ()
    catalogue: Any = None
    catalogue_name: str = ""
    id_column: str = "_id"
    class_column: str = source_classes.CLASS
    period_column: str = "period"
    class_filter: Sequence[str] = ()
    threshold: float = source_classes.THRESHOLD
    algorithm: str = ""
    options: RefinementOptions = field(default_factory=RefinementOptions)
    chunk: int = 0
    n_chunks: int = 1

    def __post_init__(self) -> None:
        if not self.light_curves and self.catalogue is None:
            raise InvalidInputError("No light curves specified: expected files or a catalogue.")
        if not 0 <= self.chunk < self.n_chunks:
            raise InvalidInputError(
                f"Invalid chunk {self.chunk} of {self.n_chunks}: expected a number from 0 to "
                f"{self.n_chunks - 1}."
            )
        if not 0 <= self.threshold <= 1:
            raise InvalidInputError(
                f"Invalid threshold {self.threshold:g}: expected a number from 0 to 1."
            )
        for label in self.class_filter:
            if period_prior(label) is None:
                raise InvalidInputError(
                    f"Invalid class '{label}': periods of this class cannot be refined.",
                    "Specify the class of an eclipsing binary, an RR Lyrae star or a Cepheid, for "
                    "example ew, rrab or ceph.",
                )

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Files with light curves."""
        paths = [Path(path).expanduser() for path in self.light_curves]
        return tuple(epochs.light_curve_files(paths))

    @property
    def digest(self) -> str:
        """Checksum of the options and of the state of the input files."""
        inputs = (Path(self.features).expanduser(), Path(self.classes).expanduser(), *self.files)
        states = [(str(path.resolve()), path.stat()) for path in inputs]
        about = {
            "files": [(name, state.st_size, state.st_mtime_ns) for name, state in states],
            "catalogue": self.catalogue_name,
            "columns": [self.id_column, self.class_column, self.period_column],
            "classes": list(self.class_filter),
            "scores": [self.threshold, self.algorithm],
            "options": asdict(self.options),
            "chunk": [self.chunk, self.n_chunks],
            "version": provenance(["astrodome-ztf-scope"])["versions"]["astrodome-ztf-scope"],
        }
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()

    def read_sources(self) -> tuple[pd.DataFrame, list[TableSource]]:
        """Return the used columns of the feature table, and the sources in the chunk."""
        features, classes = (Path(path).expanduser() for path in (self.features, self.classes))
        table = source_tables.read_features(features, self.period_column, self.id_column)
        decisions = source_classes.read(
            classes, self.class_column, self.id_column, self.threshold, self.algorithm
        )
        found = source_tables.collect(
            table,
            decisions,
            id_column=self.id_column,
            period_column=self.period_column,
            ranks=self.options.n_periods,
        )
        if found and not any(decisions.contains(source.ids) for source in found):
            raise AstrodomeError(
                f"None of the identifiers in {features} occurs in {classes}.",
                f"Both tables must contain the same sources in the column '{self.id_column}'.",
            )
        first, end = (len(found) * k // self.n_chunks for k in (self.chunk, self.chunk + 1))
        return table, found[first:end]

    @cached_property
    def uses_scores(self) -> bool:
        """Whether the classes are determined from scores."""
        return not source_classes.has_labels(Path(self.classes).expanduser(), self.class_column)

    def is_selected(self, source: TableSource) -> bool:
        """Return whether the period of a source is refined."""
        prior = period_prior(source.label)
        priors = [period_prior(label) for label in self.class_filter]
        return prior is not None and (not priors or prior in priors)

    def open_light_curves(self, folder: Path) -> Reader:
        """Return a function that reads light curves. Sorted copies of files are kept in a folder.

        Sorting needs one pass over the files, and memory that does not depend on their size.
        """
        if self.files:
            FileInput(self.files).prepare(folder)
            return partial(partitioning.find, folder)

        def read(ids: Sequence[str]) -> pa.Table:
            table = self.catalogue.light_curves(_numbers_if_possible(ids))
            if not len(table):
                return epochs.group(epochs.empty())
            found = pa.Table.from_pandas(table, preserve_index=False)
            return epochs.group(epochs.normalize(found, f"The catalogue {self.catalogue_name}"))

        return read


def _numbers_if_possible(ids: Sequence[str]) -> list[int | str]:
    """Return identifiers as integers, unless one of them is text."""
    if all(identifier.isdigit() for identifier in ids):
        return [int(identifier) for identifier in ids]
    return list(ids)
