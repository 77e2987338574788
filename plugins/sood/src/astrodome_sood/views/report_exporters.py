"""Exporters that write the predictions of a report as a table."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from astrodome import spreadsheets

if TYPE_CHECKING:
    from astropy.table import Table

    from .report_content import RunReport

UNITS = {"wavelength": "Angstrom", "center_row": "pix", "center_column": "pix"}


class CsvExporter:
    """Exporter for CSV files, in which formulas of spreadsheet programs are neutralized."""

    def export(self, report: RunReport, path: Path) -> None:
        """Write the predictions to a CSV file."""
        spreadsheets.neutral_table(report.table()).to_csv(path, index=False, lineterminator="\n")


class EcsvExporter:
    """Exporter for ECSV files, which contain the units and the types of the columns."""

    def export(self, report: RunReport, path: Path) -> None:
        """Write the predictions to an ECSV file."""
        astropy_table(report).write(path, format="ascii.ecsv", overwrite=True)


class VotableExporter:
    """Exporter for VOTable files, which TOPCAT and Aladin read."""

    def export(self, report: RunReport, path: Path) -> None:
        """Write the predictions to a VOTable file."""
        table = astropy_table(report)
        for column in table.columns.values():
            if column.unit == "Angstrom":  # The standard VOUnit deprecates this unit.
                column.unit = "0.1nm"
        table.write(path, format="votable", overwrite=True)


def astropy_table(report: RunReport) -> Table:
    """Convert the predictions to an astropy table with units, in which missing values are masked.

    Values of columns that contain neither numbers nor Boolean values are converted to strings.
    """
    import numpy as np
    from astropy.table import MaskedColumn, Table

    software = f"astrodome-sood {version('astrodome-sood')}"
    table = Table(meta={"origin": f"Predictions in {report.folder}, {software}"})
    for name, values in report.table().items():
        mask = values.isna().to_numpy()
        present = values[~mask].infer_objects()
        kind: str = "U"
        empty: bool | float | str = ""
        for test, dtype, fill in (
            (pd.api.types.is_bool_dtype, "bool", False),
            (pd.api.types.is_integer_dtype, "int64", 0),
            (pd.api.types.is_float_dtype, "float64", 0.0),
        ):
            if len(present) and test(present):
                kind, empty = dtype, fill
        filled = [empty if missing else value for value, missing in zip(values, mask, strict=True)]
        data = np.array([str(v) for v in filled] if kind == "U" else filled, dtype=kind)
        table[str(name)] = MaskedColumn(data, mask=mask, unit=UNITS.get(str(name)))
    return table
