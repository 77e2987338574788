"""Train and score the neural network of SCoPe. This module runs in the environment of SCoPe."""

from functools import cache
from typing import Any

import numpy as np
from serve import serve


@cache
def data(features: str, dmdt: str) -> Any:
    return np.load(features), np.load(dmdt)[..., None]


def network(features: int) -> Any:
    from scope.nn import DNN

    made = DNN(name="vnv")
    made.setup(
        dense_branch=True,
        conv_branch=True,
        features_input_shape=(features,),
        callbacks=(),
        run_eagerly=False,
        lr=3e-4,
        amsgrad=True,
    )
    return made.model


network_of = cache(network)


def pipeline(features: str, dmdt: str, target: str, batch: int, rows: slice) -> Any:
    """Return batches like the class ``Dataset`` in SCoPe, shuffled in a buffer of 512 rows."""
    import tensorflow as tf

    x, images = data(features, dmdt)
    given = ({"features": x[rows], "dmdt": images[rows]}, np.load(target)[rows])
    return tf.data.Dataset.from_tensor_slices(given).shuffle(512).batch(batch)


pipeline_of = cache(lambda *given: pipeline(*given, slice(None)))


def epoch(features: str, dmdt: str, target: str, batch: int, threads: int) -> Any:
    model = network_of(data(features, dmdt)[0].shape[1])
    rows = pipeline_of(features, dmdt, target, batch)
    return lambda: model.fit(rows, epochs=1, verbose=0)


def auc(features: str, dmdt: str, target: str, batch: int, threads: int, epochs: int) -> float:
    from sklearn.metrics import roc_auc_score

    x, images = data(features, dmdt)
    split = len(x) * 9 // 10
    model = network(x.shape[1])
    model.fit(pipeline(features, dmdt, target, batch, slice(split)), epochs=epochs, verbose=0)
    scores = model.predict([x[split:], images[split:]], verbose=0)[:, 0]
    return float(roc_auc_score(np.load(target)[split:], scores))


def score(features: str, dmdt: str, classes: int, rows: int, threads: int) -> Any:
    """Score one class after the other, like the inference script of SCoPe."""
    x, images = (array[:rows] for array in data(features, dmdt))
    model = network_of(x.shape[1])
    return lambda: [model([x, images], training=False).numpy() for _ in range(classes)]


serve({"epoch": epoch, "auc": auc, "score": score})
