"""Write a model card: a text file that describes a training run, its data and its limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astrodome import files, models, settings
from astrodome.runs import Run

from ..model_options import TASK

NAME = "model_card.md"
FACTS = {
    "train_images": "training images",
    "validation_images": "validation images",
    "epochs": "epochs",
    "best_val_loss": "best validation loss",
    "parameters": "weights",
    "seconds": "training time (s)",
    "seed": "seed",
    "data_digest": "digest of the images",
    "commit": "commit",
}
RESULTS = {
    "synthetic_auroc": "synthetic anomalies, AUROC for images",
    "synthetic_pixel_ap": "synthetic anomalies, average precision for pixels",
    "instrument_auroc": "instrument defects, AUROC for images",
    "instrument_pixel_ap": "instrument defects, average precision for pixels",
    "worst_defect_auroc": "worst kind of defect, AUROC for images",
    "shift_auroc": "other dates and instruments, AUROC for images",
    "shift_pixel_ap": "other dates and instruments, average precision for pixels",
    "false_alarms": "other dates and instruments, false-alarm rate at a nominal rate of 1 %",
    "false_alarms_calibrated": "the same after a calibration with half of each image",
}


def write_model_card(
    run: Run | str | os.PathLike[str], results: Mapping[str, Any] | None = None
) -> Path:
    """Write a model card to a run folder.

    Parameters
    ----------
    run : Run, str or path
        Training run or run folder.
    results : mapping, optional
        Row of ``Benchmark.summary`` with the results of the model. If it is omitted, the results
        in an existing model card are removed.

    Returns
    -------
    pathlib.Path
        Path of the model card, ``model_card.md`` in the run folder.

    Raises
    ------
    AstrodomeError
        If the folder does not contain a run.

    Examples
    --------
    >>> card = write_model_card("run")
    >>> card.read_text().splitlines()[0]
    '# Model card: ce_vae'
    """
    path = run.path if isinstance(run, Run) else Path(run).expanduser()
    record = Run.open(path, TASK).record
    config = settings.read_yaml(path / "config.yaml")
    lines = [f"# Model card: {record['model']}", "", *_model(record, config), "", *_data(record)]
    lines += ["", *_results(results), "", *LIMITS, "", *_software(record)]
    files.write_text(path / NAME, "\n".join(lines) + "\n")
    return path / NAME


def _model(record: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    spec = models.specs(TASK).get(record["model"])
    section = config.get("model", {})
    rows = {text: record[key] for key, text in FACTS.items() if record.get(key) is not None}
    return [
        "## Model",
        spec.summary if spec else "The model is not installed.",
        f"Input: images of {section.get('target_size')} × {section.get('target_size')} pixels.",
        "Output: anomaly scores of images and pixels; larger scores are more anomalous.",
        "",
        "| property | value |",
        "|---|---|",
        *(f"| {text} | {value} |" for text, value in rows.items()),
    ]


def _data(record: Mapping[str, Any]) -> list[str]:
    lines = ["## Training images", f"Location: `{record.get('data_dir')}`."]
    unreadable = record.get("unreadable_images") or []
    if unreadable:
        lines.append(f"{len(unreadable)} images could not be read and were not used.")
    return lines


def _results(results: Mapping[str, Any] | None) -> list[str]:
    if results is None:
        return [
            "## Results",
            "This run has not been evaluated with the benchmark SolarOOD (`sdo sood benchmark`).",
        ]
    return [
        "## Results",
        "Benchmark SolarOOD, means over the training runs with 95 % confidence intervals:",
        "",
        "| measure | value |",
        "|---|---|",
        *(
            f"| {text} | {results[key]:.3f} ({results[f'{key}_low']:.3f}–"
            f"{results[f'{key}_high']:.3f}) |"
            for key, text in RESULTS.items()
        ),
        f"| worst kind of defect | {results['worst_defect']} |",
        f"| spoiled frames detected | {results['sanity_frames']} of {results['sanity_total']} |",
    ]


LIMITS = [
    "## Limits",
    "- The scores are valid for images with the same channel, scale and intensity range as the "
    "training images.",
    "- A threshold that was chosen for one date or instrument has other false-alarm rates for "
    "other dates and instruments. Check the rate with recent normal images.",
    "- A high score does not identify the cause of an anomaly. Do not use scores as the only "
    "basis for operational decisions.",
]


def _software(record: Mapping[str, Any]) -> list[str]:
    versions = record.get("versions", {})
    return [
        "## Software",
        *(f"- {name} {version}" for name, version in versions.items()),
    ]
