"""Run the tasks in ``older_scope_dnn.py`` with ``astrodome_ztf_scope``."""

from functools import cache
from typing import Any

import numpy as np
from astrodome_ztf_scope.classifiers.models import dnn, network
from astrodome_ztf_scope.classifiers.models.dnn import DnnClassifier
from ours_scope import config, train
from serve import serve
from sklearn.metrics import roc_auc_score


@cache
def data(features: str, dmdt: str) -> Any:
    return np.load(features), np.load(dmdt)


@cache
def compiled(features: int, threads: int) -> Any:
    made = network.network(features)
    dnn.compile_(made, config(features, threads))
    return made


@cache
def classifier(features: int, threads: int) -> DnnClassifier:
    made = DnnClassifier()
    made.weights, made.threads = network.get_weights(network.network(features)), threads
    return made


def epoch(features: str, dmdt: str, target: str, batch: int, threads: int) -> Any:
    x, images = data(features, dmdt)
    model, y = compiled(x.shape[1], threads), np.load(target)
    return lambda: model.fit([x, images[..., None]], y, batch_size=batch, epochs=1, verbose=0)


def auc(features: str, dmdt: str, target: str, batch: int, threads: int, epochs: int) -> float:
    (x, images), y = data(features, dmdt), np.load(target)
    given = {"batch_size": batch, "epochs": epochs, "callbacks": ()}
    made = DnnClassifier()
    validation = train(made, x, images, y, config(x.shape[1], threads, **given))
    scores = made.predict(validation.features, validation.dmdt)
    return float(roc_auc_score(validation.target, scores))


def score(features: str, dmdt: str, classes: int, rows: int, threads: int) -> Any:
    x, images = (array[:rows] for array in data(features, dmdt))
    scorer = classifier(x.shape[1], threads)
    return lambda: [scorer.predict(x, images) for _ in range(classes)]


serve({"epoch": epoch, "auc": auc, "score": score})
