"""``sdo sood calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from astrodome import compute, console, outputs
from astrodome.option_groups import Json, expand

from . import documents
from .options import (
    ConfigOptions,
    ImageOptions,
    ScoreOptions,
    given_keys,
    print_warnings,
    show_progress,
)

COLUMNS = ("false_alarm_rate", "before", "after")


@expand
@outputs.declare(list[documents.FalseAlarmRow])
def calibrate(
    run: Annotated[Path, typer.Argument(help="Run folder or weights file.")],
    *,
    settings: ConfigOptions,
    images: ImageOptions,
    scores: ScoreOptions,
    as_json: Json = False,
) -> None:
    """Calibrate the false-alarm probabilities of a run with clean images.

    By default, the validation images of the run are used. To follow changes of the instrument or of
    the solar cycle, pass recent images with --data-dir. The table contains the fraction of these
    images that exceeds nominal false-alarm rates, with the previous calibration and, measured by
    cross-validation, with the new calibration.
    """
    from ..scoring.calibration import calibrate as run_calibration

    with show_progress():
        result = run_calibration(
            run, given_keys(settings, images, scores), file=settings.config_file
        )
    print_warnings(result.warnings)
    console.show(result.rates, columns=COLUMNS, as_json=as_json)
    console.note(f"Calibration written to {result.path}.")
    outcome = compute.Outcome(done=result.count, failed=result.failed)
    console.finish(outcome, "used", "images")
