"""Evaluate models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome.runs import Run

from .. import config as configuration
from .arguments import Model, StrPath, overrides_of, to_text

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation
    from ..protocols import ImageDataset


def evaluate(
    models: Sequence[Model] | Model,
    images: StrPath | ImageDataset,
    *,
    config: Mapping[str, Any] | None = None,
    against: str = "synthetic",
    **options: Any,
) -> Evaluation:
    """Compare the scores of models with a ground truth.

    Parameters
    ----------
    models : Run, str, path, or a sequence of them
        Runs, run folders, weights files, or names of models without weights (``threshold``).
        Training runs of the same model are averaged.
    images : str, path or ImageDataset
        Images, or the location of a data set.
    config : mapping, optional
        Values of the configuration by dotted key.
    against : str
        Ground truth: ``synthetic`` anomalies, ``labels`` in a file, GOES ``flux``, or HEK
        ``events``.
    **options
        ``labels`` (path), ``goes_class``, ``event_types``, ``kinds``, ``seeds``, ``wavelength``
        (angstrom) and ``bootstraps``, as in ``sdo sood evaluate``. Other names are options of the
        configuration, for example ``target_size``.

    Returns
    -------
    Evaluation
        ``table`` contains AUROC, average precision and IoU with 95 % intervals, and
        ``image_scores`` the scores of the images, both as pandas.DataFrame.

    Raises
    ------
    AstrodomeError
        If the ground truth of the images is unknown.

    Examples
    --------
    >>> result = evaluate(["run", "threshold"], "patches", kinds=["brighten"], bootstraps=20)
    >>> result.table[["model", "kind", "runs"]]
           model kind  runs
    0     ce_vae  all     1
    1  threshold  all     1
    """
    from ..evaluation.evaluate import EvaluationOptions, evaluate_models

    names = {each.name for each in fields(EvaluationOptions)}
    chosen = {name: options.pop(name) for name in names & set(options)}
    if "labels" in chosen:
        chosen["labels"] = Path(chosen["labels"]).expanduser()
    several = [models] if isinstance(models, str | os.PathLike | Run) else models
    overrides = overrides_of(config, options)
    opened = None if isinstance(images, str | os.PathLike) else images
    if opened is None:
        overrides["data.data_dir"] = to_text(images)
    return evaluate_models(
        [to_text(each.path if isinstance(each, Run) else each) for each in several],
        configuration.load(None, overrides),
        EvaluationOptions(against=against, **chosen),
        set(overrides),
        opened,
    )
