"""Scores of sources from the weights of one or many networks, without Keras.

Sources go through in blocks of a fixed size, the last one filled up, so that a source's score
does not depend on how many others there are, and memory not on their number. Some BLAS libraries
sum in another order for another position in a block: scores are then equal up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from . import convolution
from .convolution import Array
from .weights import NetworkWeights

BLOCK = 256


def score(
    networks: Sequence[NetworkWeights],
    features: Sequence[Array],
    dmdt: Array | None,
    threads: int = 1,
) -> Array:
    """Scores (N, C) of C networks; ``features`` (N, F) of each, ``dmdt`` (N, 26, 26) of all."""
    count = len(features[0])
    out = np.empty((count, len(networks)), np.float32)

    def block(start: int) -> None:
        rows = slice(start, min(start + BLOCK, count))
        images = dmdt[rows] if dmdt is not None else None
        for k, weights in enumerate(networks):
            out[rows, k] = _block(weights, features[k][rows], images)

    # The threads are the blocks'; those of the matrix products would only compete with them.
    with threadpool_limits(1, "blas"):
        starts = range(0, count, BLOCK)
        if threads > 1 and count > BLOCK:
            with ThreadPoolExecutor(threads) as pool:
                for _ in pool.map(block, starts):
                    pass
        else:
            for start in starts:
                block(start)
    return out


def _block(weights: NetworkWeights, features: Array, images: Array | None) -> Array:
    count, branches = len(features), []
    if weights.dense:
        full = np.zeros((BLOCK, weights.features), np.float32)
        full[:count] = features
        first, first_bias, second, second_bias = weights.dense
        hidden = np.maximum(full @ first + first_bias, 0)
        branches.append(np.maximum(hidden @ second + second_bias, 0))
    if weights.convolution:
        assert images is not None
        made = np.zeros((BLOCK, convolution.WIDTHS[-1]), np.float32)
        made[:count] = convolution.forward(images, weights.convolution)
        branches.append(made)
    joined = branches[0] if len(branches) == 1 else np.hstack(branches)
    third, third_bias, last, last_bias = weights.join
    hidden = np.maximum(joined @ third + third_bias, 0)
    scores: Array = expit(hidden @ last + last_bias)[:count, 0]
    return scores
