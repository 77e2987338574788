"""Measure how the scores of normal images change between dates and instruments.

A threshold that is calibrated on the training images has a nominal false-alarm rate. On images
from another date or instrument, the measured rate can be much larger.
"""

from __future__ import annotations

import math

import numpy as np
from astrodome import InvalidInputError
from numpy.typing import ArrayLike, NDArray

from ..scoring.calibration import ScoreDistribution
from .metrics import Estimate, bootstrap_weights

NOMINAL_RATE = 0.01
"""Nominal false-alarm rate."""


def conformal_threshold(normal: ArrayLike, rate: float = NOMINAL_RATE) -> float:
    """Compute the threshold for a nominal false-alarm rate from the scores of normal images.

    If new normal images have the same distribution, the probability that a score exceeds the
    threshold is at most ``rate`` (Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random
    World).

    Parameters
    ----------
    normal : array_like
        Scores of N normal images that were not used for training.
    rate : float
        Nominal false-alarm rate, from 0 to 1.

    Returns
    -------
    float
        The threshold. It is infinite if N is less than 1 / ``rate`` - 1.

    Raises
    ------
    AstrodomeError
        If the rate is not between 0 and 1.

    Examples
    --------
    >>> conformal_threshold(range(99), 0.01), conformal_threshold(range(99), 0.1)
    (98.0, 89.0)
    """
    if not 0 < rate < 1:
        raise InvalidInputError(f"Invalid false-alarm rate {rate}: expected a value from 0 to 1.")
    scores = np.sort(np.asarray(normal, float))
    # The tolerance prevents a rounding error, for example in (99 + 1) * (1 - 0.01).
    rank = math.ceil((len(scores) + 1) * (1 - rate) - 1e-9)
    return math.inf if rank > len(scores) else float(scores[rank - 1])


def false_alarm_rate(
    normal: ArrayLike, threshold: float, bootstraps: int = 1000, seed: int = 0
) -> Estimate:
    """Compute the fraction of normal images with scores above a threshold.

    Parameters
    ----------
    normal : array_like
        Scores of normal images.
    threshold : float
        Images with larger scores are considered anomalous.
    bootstraps, seed : int
        Number of bootstrap samples, and seed of the bootstrap.

    Returns
    -------
    Estimate
        Fraction of the images, from 0 to 1.

    Examples
    --------
    >>> false_alarm_rate([0.1, 0.2, 0.3, 0.9], threshold=0.5).value
    0.25
    """
    return alarm_fraction(np.asarray(normal) > threshold, bootstraps, seed)


def alarm_fraction(alarms: NDArray[np.bool_], bootstraps: int = 1000, seed: int = 0) -> Estimate:
    """Return the fraction of the images that are marked as anomalous."""
    marked = alarms.astype(np.float64)
    weights = bootstrap_weights(np.arange(len(marked)), bootstraps, seed)
    return Estimate(float(marked.mean()), weights @ marked / len(marked))


def alarms_after_calibration(normal: ArrayLike, rate: float = NOMINAL_RATE) -> NDArray[np.bool_]:
    """Calibrate each half of the patches of an image with the other half, and mark anomalies.

    This simulates a calibration with a few recent images. ``normal`` contains the scores of the
    patches, ordered by row; the halves are the upper and the lower half of the image, because
    adjacent patches are similar.
    """
    scores = np.asarray(normal, np.float64)
    halves = scores[: len(scores) // 2], scores[len(scores) // 2 :]
    pairs = zip(halves, halves[::-1], strict=True)
    return np.concatenate(
        [ScoreDistribution.fit(other).probability(own) <= rate for own, other in pairs]
    )
