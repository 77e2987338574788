"""Run the benchmark SolarOOD."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import models as registered
from astrodome import settings
from astrodome.runs import Run

from ..model_options import TASK
from .arguments import Keys, Model, StrPath, overrides_of, to_text

if TYPE_CHECKING:
    from ..evaluation.benchmark import Benchmark


def benchmark(
    models: Sequence[Model] | Model = (),
    out: StrPath = "benchmark",
    *,
    config: Keys = None,
    seeds: Sequence[int] = (0, 1, 2),
    bootstraps: int = 1000,
    quick: bool = False,
    jobs: int = 1,
    leave_out: bool = False,
    **options: Any,
) -> Benchmark:
    """Train models on the images of the benchmark SolarOOD, and measure what they detect.

    Parameters
    ----------
    models : Run, str, path, or a sequence of them
        Names of registered models, which are trained once for each seed, or runs that were trained
        with images of 32 × 32 pixels. By default, all registered models are used.
    out : str or path
        Folder for the training runs and the prepared images. Finished runs in this folder are not
        trained again.
    config : mapping, optional
        Configuration values of all models, keyed by dotted configuration key.
    seeds : sequence of int
        Seeds of the training runs.
    bootstraps : int
        Number of bootstrap samples.
    quick : bool
        Whether to use fewer patches and a single epoch. The results are then not comparable with
        other results.
    jobs : int
        Number of runs that are trained and scored in parallel processes. 0 means one per CPU core.
        The results do not depend on it.
    leave_out : bool
        Whether to train ``detect`` and ``segmentation`` also without each group of generated
        defects.
    **options
        Configuration values of all models, passed as keyword arguments, for example ``devices``.
        An option of a model, for example ``epoch_images``, is used for all models that have it.
        The default for ``devices`` is ``"cpu"``.

    Returns
    -------
    Benchmark
        Results. ``table`` is a DataFrame with one row per model and 95 % confidence intervals.

    Raises
    ------
    AstrodomeError
        If no model can be trained, or if the package glymur is not installed.

    Examples
    --------
    >>> result = benchmark("threshold", "solar_ood", quick=True, bootstraps=10)
    >>> result.table[["model", "sanity_total"]]
           model  sanity_total
    0  threshold             5
    """
    from ..evaluation.benchmark import BenchmarkOptions, run_benchmark
    from ..evaluation.solar_ood import load_solar_ood

    chosen = {"seeds": list(seeds), "bootstraps": bootstraps, "quick": quick}
    chosen |= {"jobs": jobs, "leave_out": leave_out}
    several = [models] if isinstance(models, str | os.PathLike | Run) else models
    folder = Path(to_text(out))
    return run_benchmark(
        [to_text(each.path if isinstance(each, Run) else each) for each in several],
        folder,
        settings.validate(BenchmarkOptions, chosen, ""),
        {"devices.gpus": 0} | overrides_of(config, options, registered.specs(TASK)),
        load_solar_ood(folder, quick),
    )
