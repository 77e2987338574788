"""Compare the anomaly scores of models with a ground truth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import settings
from astrodome.runs import Run

from .arguments import Keys, Model, StrPath, overrides_of, to_text

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation
    from ..evaluation.ground_truth import GroundTruth
    from ..protocols import ImageDataset


def evaluate(
    models: Sequence[Model] | Model,
    images: StrPath | ImageDataset,
    *,
    config: Keys = None,
    against: str | GroundTruth = "synthetic",
    **options: Any,
) -> Evaluation:
    """Compare the scores of models with a ground truth.

    Parameters
    ----------
    models : Run, str, path, or a sequence of them
        Runs, run folders, weights files, or names of models that have no weights, such as
        ``"threshold"``. The results of several training runs of the same model are averaged.
    images : str, path or ImageDataset
        Image data set, or its folder or URL.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key.
    against : str or GroundTruth
        Type of ground truth: ``"synthetic"`` for synthetic anomalies, ``"labels"`` for labels in
        a file, ``"flux"`` for the GOES flux, ``"events"`` for HEK events, or ``"quality"`` for
        FITS keywords such as QUALITY. Otherwise, an object
        such as :class:`SyntheticAnomalies`, :class:`InstrumentDefects` or :class:`ImageLabels`,
        whose images are scored instead of ``images``.
    **options
        ``labels`` (a path), ``goes_class``, ``event_types``, ``kinds``, ``seeds``,
        ``protocol``, ``wavelength`` (in angstroms) and ``bootstraps`` have the same meaning as
        the options of ``sdo sood evaluate``. Other keyword arguments set configuration values, for
        example ``target_size``.

    Returns
    -------
    Evaluation
        Result of the evaluation. ``table`` is a DataFrame with the AUROC, the average
        precision and the IoU, each with a 95 % confidence interval. ``image_scores`` is a
        DataFrame with one row per image and one column of scores per model.

    Raises
    ------
    AstrodomeError
        If no ground truth is available for the images.

    Examples
    --------
    >>> result = evaluate(["run", "threshold"], "patches", kinds=["brighten"], bootstraps=20)
    >>> result.table.loc[result.table["kind"] == "all", ["model", "kind", "runs"]]
           model kind  runs
    0     ce_vae  all     1
    4  threshold  all     1
    """
    from ..evaluation.evaluate import EvaluationOptions, evaluate_models

    names = set(EvaluationOptions.model_fields) & set(options)
    kind = against if isinstance(against, str) else "synthetic"
    chosen = {"against": kind} | {name: options.pop(name) for name in names}
    if "labels" in chosen:
        chosen["labels"] = Path(chosen["labels"]).expanduser()
    several = [models] if isinstance(models, str | os.PathLike | Run) else models
    overrides = overrides_of(config, options)
    opened = None if isinstance(images, str | os.PathLike) else images
    if opened is None:
        overrides["data.data_dir"] = to_text(images)
    return evaluate_models(
        [to_text(each.path if isinstance(each, Run) else each) for each in several],
        overrides,
        settings.validate(EvaluationOptions, chosen, ""),
        images=opened,
        truth=None if isinstance(against, str) else against,
    )
