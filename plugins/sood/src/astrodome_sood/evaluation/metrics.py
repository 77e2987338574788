"""Area under the ROC curve, average precision and intersection over union, with intervals.

Intervals are percentiles of a bootstrap over the real images: an image and all that was
made of it are drawn together. Pixels are counted in bins of the scores' quantiles, which
is exact to a thousandth and needs no more memory for more images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 2048
LEVEL = 0.95
"""Share of the bootstrap's values within an interval."""
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Estimate:
    """A value, and what the bootstraps gave for it; NaN where it is not defined."""

    value: float
    drawn: NDArray[np.float64]

    @property
    def interval(self) -> tuple[float, float]:
        """The percentiles between which ``LEVEL`` of the bootstraps lie."""
        kept = self.drawn[np.isfinite(self.drawn)]
        if not len(kept):
            return float("nan"), float("nan")
        low, high = np.quantile(kept, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    def as_dict(self, name: str) -> dict[str, float]:
        low, high = self.interval
        return {name: self.value, f"{name}_low": low, f"{name}_high": high}


def together(runs: Sequence[Estimate], seed: int = 0) -> Estimate:
    """The mean over several trainings of a model; its bootstraps draw trainings and images."""
    drawn = np.stack([run.drawn for run in runs])
    random = np.random.default_rng(seed)
    chosen = random.integers(len(runs), size=drawn.shape)
    means = np.take_along_axis(drawn, chosen, 0).mean(0)
    return Estimate(float(np.mean([run.value for run in runs])), means)


def auroc(labels: NDArray[Any], scores: Floats) -> float:
    """Area under the ROC curve; NaN with one class only."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores)) if _both(labels) else math.nan


def average_precision(labels: NDArray[Any], scores: Floats) -> float:
    """Average precision; NaN with one class only."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores)) if _both(labels) else math.nan


def _both(labels: NDArray[Any]) -> bool:
    return bool(len(labels)) and bool(labels.min() < labels.max())


def counted_auroc(inside: Floats, outside: Floats) -> NDArray[np.float64]:
    """AUROC of counts by rising score, shape (…, K), for each row; ties count half."""
    below = outside.cumsum(-1) - outside / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((inside * below).sum(-1) / (inside.sum(-1) * outside.sum(-1)))


def counted_precision(inside: Floats, outside: Floats) -> NDArray[np.float64]:
    """Average precision of counts by rising score, shape (…, K), for each row."""
    inside, outside = inside[..., ::-1], outside[..., ::-1]
    hits = inside.cumsum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(hits / (hits + outside.cumsum(-1)))
        found = (inside * precision).sum(-1) / hits[..., -1]
    return np.where(outside.sum(-1) > 0, found, np.nan)


def draws(groups: NDArray[np.int64], count: int, seed: int) -> NDArray[np.float64]:
    """How often each group is drawn in each of ``count`` bootstraps, shape (count, groups)."""
    number = int(groups.max()) + 1
    random = np.random.default_rng(seed)
    return random.multinomial(number, np.full(number, 1 / number), count).astype(np.float64)


def estimates(
    labels: NDArray[Any],
    scores: Floats,
    groups: NDArray[np.int64],
    bootstraps: int,
    seed: int = 0,
) -> dict[str, Estimate]:
    """``auroc`` and ``ap`` of scores; ``groups`` number the real images from 0."""
    _, place = np.unique(scores, return_inverse=True)
    weights = draws(groups, bootstraps, seed)
    size = (int(groups.max()) + 1, int(place.max()) + 1)
    inside, outside = np.zeros(size), np.zeros(size)
    np.add.at(inside, (groups, place), labels == 1)
    np.add.at(outside, (groups, place), labels == 0)
    drawn = weights @ inside, weights @ outside
    return {
        "auroc": Estimate(auroc(labels, scores), counted_auroc(*drawn)),
        "ap": Estimate(average_precision(labels, scores), counted_precision(*drawn)),
    }


@dataclass
class Pixels:
    """Counts of pixels by score, of each real image: inside the reference and outside.

    ``edges`` are the limits of the bins, from :meth:`between` of a sample of scores, and
    ``totals`` the sums of the scores in each.
    """

    edges: Floats
    totals: Floats
    inside: list[NDArray[np.int64]] = field(default_factory=list)
    outside: list[NDArray[np.int64]] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)

    @classmethod
    def between(cls, sample: Floats) -> Pixels:
        """Bins of equal numbers of these scores, the highest and lowest ones finer."""
        ends = np.geomspace(1e-5, 0.5, BINS // 4)
        shares = np.unique(np.concatenate([ends, 1 - ends, np.linspace(0, 1, BINS // 2)]))
        edges = np.unique(np.quantile(sample, shares))[1:-1]
        edges = edges if len(edges) else np.asarray([float(np.max(sample))])
        return cls(edges, np.zeros(len(edges) + 1))

    def add(self, scores: Floats, mask: NDArray[np.bool_], group: int) -> None:
        """Count the pixels of a map (H, W), of which those in the mask should score high."""
        place = np.searchsorted(self.edges, scores.ravel(), "right")
        inside = mask.ravel()
        size = len(self.edges) + 1
        self.totals += np.bincount(place, scores.ravel(), size)
        self.inside.append(np.bincount(place[inside], minlength=size))
        self.outside.append(np.bincount(place[~inside], minlength=size))
        self.groups.append(group)

    def average_precision(self, bootstraps: int, seed: int = 0) -> Estimate:
        """Average precision over all pixels."""
        inside, outside = (np.stack(counts).astype(float) for counts in (self.inside, self.outside))
        groups = np.asarray(self.groups)
        value = float(counted_precision(inside.sum(0), outside.sum(0)))
        weights = draws(groups, bootstraps, seed)[:, groups]
        return Estimate(value, counted_precision(weights @ inside, weights @ outside))

    def iou_at_otsu(self, bootstraps: int, seed: int = 0) -> tuple[Estimate, float]:
        """Intersection over union of the reference and what scores above Otsu's threshold of
        all pixels (Otsu 1979, IEEE Trans. SMC 9, 62), and that threshold."""
        from skimage.filters import threshold_otsu

        inside, outside = np.stack(self.inside), np.stack(self.outside)
        groups = np.asarray(self.groups)
        counts = (inside + outside).sum(0)
        filled = counts > 0
        centres = np.where(filled, self.totals / np.maximum(counts, 1), -np.inf)
        limit = float(centres.max())
        if filled.sum() > 1:
            limit = float(threshold_otsu(hist=(counts[filled], centres[filled])))
        above = centres > limit
        hit, false = inside[:, above].sum(1), outside[:, above].sum(1)
        missed = inside[:, ~above].sum(1)

        def iou(weights: Floats) -> float:
            union = float(weights @ (hit + false + missed))
            return float(weights @ hit) / union if union else float("nan")

        weights = draws(groups, bootstraps, seed)[:, groups]
        drawn = [iou(each) for each in weights]
        return Estimate(iou(np.ones(len(hit))), np.asarray(drawn, np.float64)), limit
