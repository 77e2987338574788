"""Train a classifier with ``astrodome_ztf_scope``."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astrodome.runs import Run
from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples
from astrodome_ztf_scope.config.schema import ClassConfig, DnnSettings, XgboostSettings


def config(features: int, threads: int, **given: Any) -> dict[str, Any]:
    return {
        "tag": "pnp",
        "features": [f"f{i}" for i in range(features)],
        "class": ClassConfig(label="periodic", features="phenomenological", **given).model_dump(),
        "dnn": DnnSettings().model_dump(),
        "xgboost": XgboostSettings().model_dump(),
        "threads": threads,
    }


def train(made: Any, x: Any, images: Any, y: Any, settings: dict[str, Any]) -> LabelledExamples:
    """Train a classifier on 90 % of the rows, and return the remaining rows."""
    split = len(x) * 9 // 10
    training, validation = (
        LabelledExamples(
            x[part], None if images is None else images[part], y[part], np.ones_like(y[part])
        )
        for part in (slice(split), slice(split, None))
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Run.start(Path(folder) / "run", "scope", type(made).__name__, {})
        made.train(training, validation, run, settings)
    return validation
