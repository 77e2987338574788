"""Write an HTML page about a run: losses, most and least anomalous images, and settings."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from astrodome import errors, views
from astrodome.views import WrittenReport

from ..nested import flatten
from .pages import write_page
from .report_content import read_report

SUBJECT = "sood-report"
HIDDEN_SETTINGS = ("predict.", "data.sdo_ml_v2.", "debug")


def write_report(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    pred_dirs: Sequence[str | os.PathLike[str]] = (),
    count: int = 6,
    exports: Sequence[str] = (),
) -> Path:
    """Write a self-contained HTML page about a run or about predictions.

    The page contains the sections that the installed plugins register for the subject
    ``sood-report``. A section or an exporter that fails is skipped with a warning.

    Parameters
    ----------
    run : str or path
        Run folder or prediction folder.
    out : str or path, optional
        Path of the HTML page. The default is ``report.html`` in the folder.
    pred_dirs : sequence of paths, optional
        Prediction folders. By default, all prediction folders in the run folder are used.
    count : int
        Number of images to show, both for the most anomalous and the least anomalous images.
    exports : sequence of str
        Names of exporters that write the predictions to a file, for example ``csv``. The file is
        next to the page; ``NAME=FILE`` specifies another file.

    Returns
    -------
    pathlib.Path
        Path of the HTML page.

    Raises
    ------
    AstrodomeError
        If the folder contains neither a run nor predictions, or if an exporter is unknown.

    Examples
    --------
    >>> write_report("run", "page.html").name
    'page.html'
    """
    written = create_report(run, out, pred_dirs, count, exports)
    for name, why in written.failed:
        warnings.warn(f"View skipped: {name}: {why}", errors.InputWarning, stacklevel=2)
    return written.page


def create_report(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    pred_dirs: Sequence[str | os.PathLike[str]] = (),
    count: int = 6,
    exports: Sequence[str] = (),
) -> WrittenReport:
    """Write the page and the exported files as :func:`write_report`, and return all failures."""
    run = Path(run).expanduser()
    page = Path(out).expanduser() if out else run / "report.html"
    targets = views.targets(SUBJECT, exports, page)
    report = read_report(run, [Path(each).expanduser() for each in pred_dirs], count)
    sections, failed = views.sections(SUBJECT, report)
    write_page(
        page,
        "report.html",
        name=run.resolve().name,
        record=report.record,
        sections=sections,
        settings={
            key: value
            for key, value in flatten(report.config)
            if value is not None and not key.startswith(HIDDEN_SETTINGS)
        },
    )
    written, failed_exports = views.export(SUBJECT, report, targets)
    return WrittenReport(page, written, [*failed, *failed_exports])
