"""Score labeled images with several models, and compare the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..datasets.arrays import allocate
from ..scoring.scorer import score_images
from . import metrics
from .ground_truth import GroundTruth, LabeledImage
from .metrics import Estimate, PixelCounts

ALL = "all"
MAX_SAMPLE = 2_000_000
"""Approximate number of pixel scores that are used to determine the histogram bins."""

Metrics = dict[str, Estimate]
RunMetrics = tuple[Metrics, dict[str, Any]]
"""Metrics of a training run, and a dict with the number of images and Otsu's threshold."""
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Recall and precision for each threshold."""


@dataclass
class EvaluatedModel:
    """Model that has been loaded for an evaluation.

    ``group`` is the name of the model, or the label specified by the user. The results of the
    training runs in a group are averaged. ``output`` selects the image score: ``own`` for the image
    score that the model defines, ``map`` for the mean of the pixel scores, or ``top`` for the mean
    of the largest 10 % of the pixel scores.
    """

    label: str
    group: str
    backend: Any
    mode: str
    output: str
    weights: Path | None
    batch: int


@dataclass(frozen=True)
class EvaluationScores:
    """Image scores and pixel score maps of each model, keyed by model label.

    ``images`` contains the metadata and the ground truth of the evaluated images, but not the pixel
    values. ``groups`` maps each model label to the name of its group. The results of the training
    runs in a group are averaged.
    """

    images: list[LabeledImage]
    scores: dict[str, NDArray[np.float64]]
    maps: dict[str, NDArray[np.float32]]
    groups: dict[str, str]


@dataclass(frozen=True)
class Comparison:
    """Metrics for each run and for each model, and the differences between models.

    ``estimates`` contains the metrics of each model with their bootstrap samples, keyed by the name
    of the model and the name of the subset of images; see :func:`subsets`.
    """

    runs: list[dict[str, Any]]
    models: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    estimates: dict[tuple[str, str], Metrics]


def compute_scores(models: Sequence[EvaluatedModel], truth: GroundTruth) -> EvaluationScores:
    """Score all images with all models. Large arrays are stored in temporary files."""
    images: list[LabeledImage] = []
    scores: dict[str, list[NDArray[np.float32]]] = {each.label: [] for each in models}
    maps: dict[str, NDArray[np.float32]] = {}
    total = len(truth)
    with progress.task("Scoring", total, resumes=False) as task:
        remaining, size = iter(truth), max(each.batch for each in models)
        while batch := list(islice(remaining, size)):
            pixels = np.stack([each.image for each in batch])
            has_masks = any(each.mask is not None for each in batch)
            for model in models:
                found = score_images(model.backend, pixels, model.mode, model.output)
                scores[model.label].append(found)
                if has_masks:
                    found = score_images(model.backend, pixels, model.mode, "pixels")
                    if model.label not in maps:
                        maps[model.label] = allocate((total, *found.shape[1:]), np.float32)
                    maps[model.label][len(images) : len(images) + len(batch)] = found
            images += [replace(each, image=each.image[:0].copy()) for each in batch]
            task.advance(len(batch))
    return EvaluationScores(
        images,
        {label: np.concatenate(parts).astype(np.float64) for label, parts in scores.items()},
        maps,
        {each.label: each.group for each in models},
    )


def compare(scores: EvaluationScores, bootstraps: int, seed: int = 0) -> Comparison:
    """Compute the metrics of each model, for all anomalies and for each type of anomaly.

    If the anomalies have edges of different widths, also compute them for each width.
    """
    found = {label: run_metrics(label, scores, bootstraps, seed) for label in scores.scores}
    return combine(found, scores.groups, seed)


def run_metrics(
    label: str, scores: EvaluationScores, bootstraps: int, seed: int = 0
) -> dict[str, RunMetrics]:
    """Compute the metrics of a training run for each subset of the images; see :func:`subsets`."""
    chosen = subsets(scores.images).items()
    return {kind: _metrics(label, own, scores, bootstraps, seed) for kind, own in chosen}


def combine(
    found: Mapping[str, Mapping[str, RunMetrics]], groups: Mapping[str, str], seed: int = 0
) -> Comparison:
    """Compute the mean metrics of each model, and the differences between models.

    ``found`` contains the metrics of each training run, keyed by its label; see
    :func:`run_metrics`. ``groups`` maps each label to the name of its group.
    """
    kinds = list(next(iter(found.values())))
    runs = [
        _row(values, model=label, kind=kind) | about
        for label, own in found.items()
        for kind, (values, about) in own.items()
    ]
    models, means = [], {}
    for group in dict.fromkeys(groups.values()):
        labels = [label for label, own in groups.items() if own == group]
        for kind in kinds:
            own = [found[label][kind][0] for label in labels]
            means[group, kind] = {
                name: metrics.mean_of_runs([each[name] for each in own], seed) for name in own[0]
            }
            models.append(_row(means[group, kind], model=group, kind=kind, runs=len(labels)))
    return Comparison(runs, models, _differences(means, kinds), means)


def subsets(images: Sequence[LabeledImage]) -> dict[str, list[int]]:
    """Return the indices of the images for each row of the tables, keyed by the name of the row.

    Each subset contains all normal images. The first subset contains all images. Kinds with a
    prefix, such as ``instrument: focus``, also have a subset for the prefix.
    """
    found: dict[str, list[int]] = {ALL: list(range(len(images)))}
    normal = [n for n, image in enumerate(images) if not image.kind]
    kinds = dict.fromkeys(image.kind for image in images if image.kind)
    edges = sorted({image.edge for image in images if image.edge is not None})
    prefixes = dict.fromkeys(kind.partition(": ")[0] for kind in kinds if ": " in kind)
    for prefix in prefixes:
        chosen = [n for n, image in enumerate(images) if image.kind.startswith(f"{prefix}: ")]
        found[prefix] = normal + chosen
    if len(kinds) > 1:
        for kind in kinds:
            found[kind] = normal + [n for n, image in enumerate(images) if image.kind == kind]
    if len(edges) > 1:
        for edge in edges:
            chosen = [n for n, image in enumerate(images) if image.edge == edge]
            found[f"edge {edge:g} px"] = normal + chosen
    return found


def _row(values: Metrics, **about: Any) -> dict[str, Any]:
    for name, estimate in values.items():
        about |= estimate.as_dict(name)
    return about


def _metrics(
    label: str, chosen: Sequence[int], scores: EvaluationScores, bootstraps: int, seed: int
) -> RunMetrics:
    """Return the metrics of a training run for the images with the indices ``chosen``.

    The image metrics are the AUROC and the average precision. The pixel metrics are the average
    precision and the IoU. Also return a dict with the number of images and Otsu's threshold.
    """
    values: Metrics = {}
    about: dict[str, Any] = {}
    images = scores.images
    if labeled := [n for n in chosen if images[n].label is not None]:
        labels = np.array([images[n].label for n in labeled])
        about |= {"images": len(labeled), "anomalous": int(labels.sum())}
        groups = [images[n].index for n in labeled]
        found = scores.scores[label][labeled]
        values |= metrics.image_metrics(labels, found, groups, bootstraps, seed)
    masked = [n for n in chosen if images[n].mask is not None]
    if masked and label in scores.maps:
        counts = count_pixels(scores, label, masked)
        values["pixel_ap"] = counts.average_precision(bootstraps, seed)
        values["iou"], about["otsu"] = counts.iou_at_otsu(bootstraps, seed)
        about.setdefault("images", len(masked))
    return values, about


def count_pixels(scores: EvaluationScores, label: str, chosen: Sequence[int]) -> PixelCounts:
    """Compute histograms of the pixel scores of a model for the selected images."""
    maps = scores.maps[label]
    each = max(1, MAX_SAMPLE // len(chosen))
    random = np.random.default_rng(0)
    sample = [random.choice(maps[n].ravel(), min(each, maps[n].size), False) for n in chosen]
    counts = PixelCounts.with_quantile_bins(np.concatenate(sample))
    for n in chosen:
        image = scores.images[n]
        assert image.mask is not None
        counts.add(maps[n], image.mask, image.index)
    return counts


def precision_recall(scores: EvaluationScores, label: str, chosen: Sequence[int]) -> Curve:
    """Return the recall and the precision for the pixels of the selected images.

    Each value belongs to one threshold, in descending order of the thresholds.
    """
    counts = count_pixels(scores, label, chosen)
    inside = np.sum([*counts.inside.values()], axis=0)[::-1].cumsum()
    outside = np.sum([*counts.outside.values()], axis=0)[::-1].cumsum()
    return inside / max(inside[-1], 1), inside / np.maximum(inside + outside, 1)


def _differences(
    means: dict[tuple[str, str], Metrics], kinds: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the metric differences between all pairs of models, with paired bootstrap samples."""
    rows = []
    groups = list(dict.fromkeys(group for group, _ in means))
    for number, one in enumerate(groups):
        for other in groups[number + 1 :]:
            for kind in kinds:
                a, b = means[one, kind], means[other, kind]
                values = {
                    name: Estimate(a[name].value - b[name].value, a[name].samples - b[name].samples)
                    for name in a
                    if name in b
                }
                rows.append(_row(values, model=one, than=other, kind=kind))
    return rows
