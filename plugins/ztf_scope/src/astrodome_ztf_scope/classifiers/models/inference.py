"""Predict scores from the weights of a neural network, without using Keras.

Sources are processed in batches of a fixed size, and the last batch is padded. The score of a
source therefore does not depend on the number of sources. Some BLAS libraries use a different order
of summation for each position in a batch, so that scores may differ by rounding errors.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from . import convolution
from .convolution import Array
from .weights import NetworkWeights

BLOCK = 256


def predict(
    weights: NetworkWeights, features: Array, dmdt: Array | None, threads: int = 1
) -> Array:
    """Return the scores that a network predicts, with shape (N,).

    ``features`` has the shape (N, F). ``dmdt`` has the shape (N, 26, 26), or is None if the
    convolution branch is disabled.
    """
    count = len(features)
    scores = np.empty(count, np.float32)

    def predict_block(start: int) -> None:
        rows = slice(start, min(start + BLOCK, count))
        images = dmdt[rows] if dmdt is not None else None
        scores[rows] = _predict_block(weights, features[rows], images)

    # Batches run in parallel, so additional threads within matrix products would slow them down.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(predict_block, range(0, count, BLOCK)):
            pass
    return scores


def _predict_block(weights: NetworkWeights, features: Array, images: Array | None) -> Array:
    count, branches = len(features), []
    if weights.dense:
        padded = np.zeros((BLOCK, weights.features), np.float32)
        padded[:count] = features
        first, first_bias, second, second_bias = weights.dense
        hidden = np.maximum(padded @ first + first_bias, 0)
        branches.append(np.maximum(hidden @ second + second_bias, 0))
    if weights.convolution:
        assert images is not None
        convolved = np.zeros((BLOCK, convolution.WIDTHS[-1]), np.float32)
        convolved[:count] = convolution.forward(images, weights.convolution)
        branches.append(convolved)
    third, third_bias, last, last_bias = weights.join
    hidden = np.maximum(np.hstack(branches) @ third + third_bias, 0)
    scores: Array = expit(hidden @ last + last_bias)[:count, 0]
    return scores
