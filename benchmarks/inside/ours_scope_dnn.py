"""The tasks of ``older_scope_dnn.py`` with the library of ``scope``."""

import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from astrodome.runs import Run
from serve import serve


@cache
def data(features: str, dmdt: str) -> Any:
    import numpy as np

    return np.load(features), np.load(dmdt)


def config(features: int, threads: int, **given: Any) -> dict[str, Any]:
    from astrodome_ztf_scope.config.schema import ClassConfig, DnnSettings

    entry = ClassConfig(label="periodic", features="phenomenological", **given)
    return {
        "tag": "pnp",
        "features": [f"f{i}" for i in range(features)],
        "class": entry.model_dump(),
        "dnn": DnnSettings().model_dump(),
        "threads": threads,
    }


@cache
def network(features: int, threads: int) -> Any:
    from astrodome_ztf_scope.classifiers.models import dnn, network

    made = network.network(features)
    dnn.compile_(made, config(features, threads))
    return made


@cache
def classifier(features: int, threads: int) -> Any:
    from astrodome_ztf_scope.classifiers.models import network
    from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier

    made = DnnClassifier()
    made.weights, made.threads = network.get_weights(network.network(features)), threads
    return made


def epoch(features: str, dmdt: str, target: str, batch: int, threads: int) -> float:
    import numpy as np

    x, images = data(features, dmdt)
    model, y = network(x.shape[1], threads), np.load(target)
    started = time.perf_counter()
    model.fit([x, images[..., None]], y, batch_size=batch, epochs=1, verbose=0)
    return time.perf_counter() - started


def auc(features: str, dmdt: str, target: str, batch: int, threads: int, epochs: int) -> float:
    import numpy as np
    from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier
    from astrodome_ztf_scope.classifiers.preprocessing.examples import LabelledExamples
    from sklearn.metrics import roc_auc_score

    (x, images), y = data(features, dmdt), np.load(target)
    split = len(x) * 9 // 10
    train, validation = (
        LabelledExamples(x[part], images[part], y[part], np.ones_like(y[part]))
        for part in (slice(split), slice(split, None))
    )
    given = {"batch_size": batch, "epochs": epochs, "callbacks": ()}
    with tempfile.TemporaryDirectory() as folder:
        run = Run.start(Path(folder) / "run", "scope", "dnn", {})
        made = DnnClassifier()
        made.train(train, validation, run, config(x.shape[1], threads, **given))
    return float(roc_auc_score(y[split:], made.predict(validation.features, validation.dmdt)))


def score(features: str, dmdt: str, classes: int, rows: int, threads: int) -> float:
    """Score all classes in one pass over the images."""
    from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier

    x, images = data(features, dmdt)
    together = DnnClassifier.together([classifier(x.shape[1], threads)] * classes)
    started = time.perf_counter()
    together([x[:rows]] * classes, images[:rows])
    return time.perf_counter() - started


serve({"epoch": epoch, "auc": auc, "score": score})
