"""Calibrate the false-alarm probabilities of trained models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from astrodome.runs import Run

from .arguments import Keys, Model, StrPath, overrides_of, to_text

if TYPE_CHECKING:
    from ..protocols import ImageDataset


def calibrate(
    run: Model,
    images: StrPath | ImageDataset | None = None,
    *,
    config: Keys = None,
    **options: Any,
) -> pd.DataFrame:
    """Calibrate the false-alarm probabilities of a run with clean images.

    Parameters
    ----------
    run : Run, str or path
        Run, run folder or weights file. The file ``calibration.json`` in this folder is replaced.
    images : str, path or ImageDataset, optional
        Clean images, for example recent images of the same instrument. The default is the
        validation images of the run.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key.
    **options
        Configuration values, passed as keyword arguments, for example ``sample_score``. A
        calibration can be used only with the same types of scores.

    Returns
    -------
    pandas.DataFrame
        One row for each nominal false-alarm rate in the column ``false_alarm_rate``. ``before`` is
        the fraction of the images that exceeds this rate with the previous calibration, and
        ``after`` is the fraction with the new calibration, measured by cross-validation.

    Raises
    ------
    AstrodomeError
        If the model has no weights, or if the images cannot be read.

    Examples
    --------
    >>> calibrate("run", "patches").columns.tolist()
    ['false_alarm_rate', 'before', 'after']
    """
    from ..scoring.calibration import calibrate as calibrate_run

    overrides = overrides_of(config, options)
    if isinstance(images, str | os.PathLike):
        overrides["data.data_dir"] = to_text(images)
        images = None
    path = Path(to_text(run.path if isinstance(run, Run) else run))
    return pd.DataFrame(calibrate_run(path, overrides, images).rates)
