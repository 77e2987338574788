"""Compute the AUROC, average precision and IoU with bootstrap confidence intervals.

The bootstrap resamples the original images. An original image and the anomalies derived from it
form a group and are always drawn together. The confidence intervals are percentiles of the
bootstrap samples. Pixel metrics are computed from histograms of the scores with quantile bins. They
have an accuracy of 0.001, and the required memory does not depend on the number of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 2048
CONFIDENCE = 0.95
"""Confidence level of the confidence intervals."""
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Estimate:
    """Value of a metric and its bootstrap samples. Undefined values are NaN."""

    value: float
    samples: NDArray[np.float64]

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper limit of the confidence interval."""
        kept = self.samples[np.isfinite(self.samples)]
        if not len(kept):
            return math.nan, math.nan
        low, high = np.quantile(kept, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return float(low), float(high)

    def as_dict(self, name: str) -> dict[str, float]:
        """Return a dict with the keys ``{name}``, ``{name}_low`` and ``{name}_high``."""
        low, high = self.interval
        return {name: self.value, f"{name}_low": low, f"{name}_high": high}


def mean_of_runs(runs: Sequence[Estimate], seed: int = 0) -> Estimate:
    """Return the mean over several training runs; the bootstrap resamples both runs and images."""
    samples = np.stack([run.samples for run in runs])
    chosen = np.random.default_rng(seed).integers(len(runs), size=samples.shape)
    means = np.take_along_axis(samples, chosen, 0).mean(0)
    return Estimate(float(np.mean([run.value for run in runs])), means)


def auroc_of_counts(inside: Floats, outside: Floats) -> NDArray[np.float64]:
    """Return the AUROC for each row of ``inside`` and ``outside``.

    Both have the shape (…, K). They contain the numbers of anomalous items and of normal items,
    respectively, in K bins in ascending order of the score. Pairs of items in the same
    bin count as one half.
    """
    below = outside.cumsum(-1) - outside / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((inside * below).sum(-1) / (inside.sum(-1) * outside.sum(-1)))


def precision_of_counts(inside: Floats, outside: Floats) -> NDArray[np.float64]:
    """Return the average precision for each row of ``inside`` and ``outside``.

    Both have the shape (…, K). They contain the numbers of anomalous items and of normal items,
    respectively, in K bins in ascending order of the score.
    """
    inside, outside = inside[..., ::-1], outside[..., ::-1]
    hits = inside.cumsum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(hits / (hits + outside.cumsum(-1)))
        found = (inside * precision).sum(-1) / hits[..., -1]
    return np.where(outside.sum(-1) > 0, found, np.nan)


def bootstrap_weights(groups: NDArray[np.int64], count: int, seed: int) -> NDArray[np.float64]:
    """Return the number of times that each group is drawn in each bootstrap sample.

    The result has the shape (count, number of groups).
    """
    return _weights(int(groups.max()) + 1, count, seed)


@lru_cache(4)
def _weights(number: int, count: int, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.multinomial(number, np.full(number, 1 / number), count).astype(np.float64)


def image_metrics(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike | None = None,
    bootstraps: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Compute the AUROC and the average precision of image scores.

    Parameters
    ----------
    labels : array_like
        1 for anomalous images and 0 for normal images, with shape (N,).
    scores : array_like
        Image scores with shape (N,). Larger scores are more anomalous.
    groups : array_like, optional
        Index of the original image from which each image was derived, with shape (N,). Images with
        the same index are resampled together. By default, all images are independent.
    bootstraps : int
        Number of bootstrap samples.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to Estimate
        Estimates with the keys ``auroc`` and ``ap``.

    Examples
    --------
    >>> found = image_metrics([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.9])
    >>> found["auroc"].value, round(found["ap"].value, 3)
    (0.75, 0.833)
    >>> low, high = found["auroc"].interval
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    groups = np.arange(len(scores)) if groups is None else groups
    _, rank = np.unique(scores, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    weights = bootstrap_weights(group, bootstraps, seed)
    shape = (int(group.max()) + 1, int(rank.max()) + 1)
    inside, outside = np.zeros(shape), np.zeros(shape)
    np.add.at(inside, (group, rank), labels == 1)
    np.add.at(outside, (group, rank), labels == 0)
    total = inside.sum(0), outside.sum(0)
    samples = weights @ inside, weights @ outside
    return {
        "auroc": Estimate(float(auroc_of_counts(*total)), auroc_of_counts(*samples)),
        "ap": Estimate(float(precision_of_counts(*total)), precision_of_counts(*samples)),
    }


def pixel_metrics(
    masks: ArrayLike,
    maps: ArrayLike,
    groups: ArrayLike | None = None,
    bootstraps: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Compute the average precision and the IoU of pixel scores.

    Parameters
    ----------
    masks : array_like
        Masks of the anomalous pixels, with shape (N, H, W).
    maps : array_like
        Pixel scores with shape (N, H, W). Larger scores are more anomalous.
    groups, bootstraps, seed
        See :func:`image_metrics`.

    Returns
    -------
    dict of str to Estimate
        Estimates with the keys ``pixel_ap`` and ``iou``. The IoU is the intersection over union of
        the mask and the pixels above Otsu's threshold.

    Examples
    --------
    >>> masks = np.zeros((2, 4, 4), bool)
    >>> masks[0, 1:3, 1:3] = True
    >>> found = pixel_metrics(masks, masks + 0.1, bootstraps=10)
    >>> found["pixel_ap"].value, found["iou"].value
    (1.0, 1.0)
    """
    scores = np.asarray(maps)
    counts = PixelCounts.with_quantile_bins(scores.ravel())
    groups = np.arange(len(scores)) if groups is None else np.asarray(groups)
    for one, mask, group in zip(scores, np.asarray(masks, bool), groups.tolist(), strict=True):
        counts.add(one, mask, group)
    iou, _ = counts.iou_at_otsu(bootstraps, seed)
    return {"pixel_ap": counts.average_precision(bootstraps, seed), "iou": iou}


@dataclass
class PixelCounts:
    """Histograms of the pixel scores inside and outside the masks.

    ``edges`` contains the inner edges of the bins. ``totals`` contains the sum of the scores in
    each bin over all images. ``inside`` and ``outside`` contain the sums of the histograms of all
    images that were derived from the same image, keyed by the index of that image.
    """

    edges: Floats
    totals: Floats
    inside: dict[int, Floats] = field(default_factory=dict)
    outside: dict[int, Floats] = field(default_factory=dict)

    @classmethod
    def with_quantile_bins(cls, sample: Floats) -> PixelCounts:
        """Create empty histograms whose bin edges are quantiles of ``sample``.

        The quantiles near 0 and 1 are more closely spaced.
        """
        ends = np.geomspace(1e-5, 0.5, BINS // 4)
        shares = np.unique(np.concatenate([ends, 1 - ends, np.linspace(0, 1, BINS // 2)]))
        # For many quantiles, sorting is several times as fast as np.quantile.
        positions = shares * (len(sample) - 1)
        edges = np.unique(np.interp(positions, np.arange(len(sample)), np.sort(sample)))[1:-1]
        edges = edges if len(edges) else np.asarray([float(np.max(sample))])
        return cls(edges, np.zeros(len(edges) + 1))

    def add(self, scores: Floats, mask: NDArray[np.bool_], group: int) -> None:
        """Add the histograms of a score map with shape (H, W).

        ``group`` is the index of the image from which the evaluated image was derived.
        """
        bins = np.searchsorted(self.edges, scores.ravel(), "right")
        inside = mask.ravel()
        size = len(self.edges) + 1
        self.totals += np.bincount(bins, scores.ravel(), size)
        for counts, chosen in ((self.inside, inside), (self.outside, ~inside)):
            counts[group] = counts.get(group, 0.0) + np.bincount(bins[chosen], minlength=size)

    def average_precision(self, bootstraps: int, seed: int = 0) -> Estimate:
        """Return the average precision over all pixels."""
        inside, outside = (_stacked(counts) for counts in (self.inside, self.outside))
        value = float(precision_of_counts(inside.sum(0), outside.sum(0)))
        weights = bootstrap_weights(np.arange(len(inside)), bootstraps, seed)
        return Estimate(value, precision_of_counts(weights @ inside, weights @ outside))

    def iou_at_otsu(self, bootstraps: int, seed: int = 0) -> tuple[Estimate, float]:
        """Return the IoU of the mask and the pixels above Otsu's threshold, and the threshold.

        The threshold is computed from all scores (Otsu 1979, IEEE Trans. SMC 9, 62).
        """
        from skimage.filters import threshold_otsu

        inside, outside = (_stacked(counts) for counts in (self.inside, self.outside))
        counts = (inside + outside).sum(0)
        filled = counts > 0
        means = np.where(filled, self.totals / np.maximum(counts, 1), -np.inf)
        threshold = float(means.max())
        if filled.sum() > 1:
            threshold = float(threshold_otsu(hist=(counts[filled], means[filled])))
        above = means > threshold
        hits = inside[:, above].sum(1)
        union = inside.sum(1) + outside[:, above].sum(1)
        samples = bootstrap_weights(np.arange(len(hits)), bootstraps, seed)
        weights = np.vstack([np.ones(len(hits)), samples])
        with np.errstate(invalid="ignore"):
            iou = (weights @ hits) / (weights @ union)
        return Estimate(float(iou[0]), iou[1:]), threshold


def _stacked(counts: dict[int, Floats]) -> Floats:
    """Return the histograms as an array with one row per group, in ascending order of the group."""
    return np.stack([counts[group] for group in sorted(counts)])
