"""Several models on the same images, side by side.

A reference yields cases: images with a label, with the pixels that should score high, or both.
Every model scores every case; what comes out are rows of figures with intervals, the scores
themselves, and curves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from astrodome import console, models
from numpy.typing import NDArray

from .. import config as configuration
from ..scoring.prediction import check_weights, pixel_mode
from ..scoring.shards import score_images, score_maps
from ..training import TASK
from . import metrics
from .metrics import Estimate, Pixels

ALL = "all"
SAMPLE = 2_000_000
"""Pixels that the bins of a model's scores are taken from."""


@dataclass(frozen=True)
class Case:
    """An image to score: ``image`` (C, H, W); ``label`` 1 for anomalous, None for unknown;
    ``mask`` (H, W), None where no pixels are known; ``kind`` of the anomaly; ``group``, the
    number of the real image that it comes from; ``wavelength`` in angstrom."""

    group: int
    name: str
    kind: str
    image: NDArray[np.float32]
    label: int | None = None
    mask: NDArray[np.bool_] | None = None
    wavelength: int | None = None


class Reference(Protocol):
    """What models are held against."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Case]: ...

    def about(self) -> dict[str, Any]:
        """What it is, for the record."""
        ...


@dataclass
class Contender:
    """A model with its weights: ``group`` is what several trainings of one have in common, ``of``
    the score of an image: the model's ``own``, or the mean of its ``map``."""

    label: str
    group: str
    backend: Any
    mode: str
    of: str
    weights: Path | None
    batch: int


@dataclass
class Scored:
    """The cases without their images, each contender's scores and maps, and its group."""

    cases: list[Case]
    scores: dict[str, NDArray[np.float64]]
    maps: dict[str, NDArray[np.float32]]
    groups: dict[str, str]


@dataclass
class Comparison:
    """Rows of figures, by contender and kind and by group of contenders; and what they are from."""

    rows: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    scored: Scored
    about: dict[str, Any] = field(default_factory=dict)


def contender(
    model: str, weights: Path | None, label: str, overrides: dict[str, Any], size: int | None
) -> tuple[Contender, configuration.Config]:
    """A model ready to score, with the configuration that its weights were made with."""
    given = dict(overrides)
    if weights:
        given["model.load_path"] = str(weights)
    elif size:
        given.setdefault("model.target_size", size)
    config = configuration.load(None, given, over_run=True, model=model)
    backend = models.get(TASK, model)
    mode = pixel_mode(backend, model, config.predict.score_mode)
    check_weights(model, weights)
    backend.load(weights, config.plain())
    of = config.predict.sample_score
    made = Contender(label, model, backend, mode, of, weights, config.data.batch_size)
    return made, config


def score(contenders: Sequence[Contender], reference: Reference, scratch: Path) -> Scored:
    """Every case scored by every contender; maps go to files in ``scratch``."""
    cases: list[Case] = []
    scores: dict[str, list[NDArray[np.float32]]] = {each.label: [] for each in contenders}
    maps: dict[str, NDArray[np.float32]] = {}
    total = len(reference)
    with console.progress("Scoring", total, "images", resumes=False) as progress:
        for chunk in _chunks(reference, max(each.batch for each in contenders)):
            images = np.stack([case.image for case in chunk])
            masks = any(case.mask is not None for case in chunk)
            for each in contenders:
                scores[each.label].append(score_images(each.backend, images, each.mode, each.of))
                if masks:
                    found = score_maps(each.backend, images, each.mode)
                    if each.label not in maps:
                        with tempfile.NamedTemporaryFile(dir=scratch) as file:
                            shape = (total, *found.shape[1:])
                            maps[each.label] = np.memmap(file, np.float32, "w+", shape=shape)
                    maps[each.label][len(cases) : len(cases) + len(chunk)] = found
            cases += [_without_image(case) for case in chunk]
            progress.advance(len(chunk))
    joined = {label: np.concatenate(parts).astype(np.float64) for label, parts in scores.items()}
    whole = {label: each[: len(cases)] for label, each in maps.items()}
    return Scored(cases, joined, whole, {each.label: each.group for each in contenders})


def _chunks(reference: Reference, size: int) -> Iterator[list[Case]]:
    chunk: list[Case] = []
    for case in reference:
        chunk.append(case)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _without_image(case: Case) -> Case:
    return Case(case.group, case.name, case.kind, case.image[:0], case.label, case.mask)


def compare(
    contenders: Sequence[Contender], scored: Scored, bootstraps: int, seed: int = 0
) -> Comparison:
    """Figures of each contender for each kind of anomaly and for all, with intervals."""
    kinds = list(dict.fromkeys(case.kind for case in scored.cases if case.kind))
    chosen = [ALL, *(kinds if len(kinds) > 1 else [])]
    found: dict[tuple[str, str], dict[str, Estimate]] = {}
    rows = []
    for each in contenders:
        for kind in chosen:
            figures, about = _figures(each.label, kind, scored, bootstraps, seed)
            found[each.label, kind] = figures
            rows.append(_row({"model": each.label, "kind": kind}, figures) | about)
    groups, means = _of_groups(contenders, chosen, found, seed)
    return Comparison(rows, groups, _differences(means, chosen), scored)


def _row(about: dict[str, Any], figures: dict[str, Estimate]) -> dict[str, Any]:
    row = dict(about)
    for name, estimate in figures.items():
        row |= estimate.as_dict(name)
    return row


def _figures(
    label: str, kind: str, scored: Scored, bootstraps: int, seed: int
) -> tuple[dict[str, Estimate], dict[str, Any]]:
    """AUROC and average precision of images, average precision and IoU of pixels."""
    figures: dict[str, Estimate] = {}
    about: dict[str, Any] = {}
    places = [n for n, case in enumerate(scored.cases) if kind == ALL or case.kind in ("", kind)]
    labelled = [n for n in places if scored.cases[n].label is not None]
    if labelled:
        labels = np.array([scored.cases[n].label for n in labelled])
        groups = _numbered([scored.cases[n].group for n in labelled])
        values = scored.scores[label][labelled]
        about |= {"images": len(labelled), "anomalous": int(labels.sum())}
        figures |= metrics.estimates(labels, values, groups, bootstraps, seed)
    masked = [n for n in places if scored.cases[n].mask is not None]
    if masked and label in scored.maps:
        pixels = counted(scored, label, masked)
        figures["pixel_ap"] = pixels.average_precision(bootstraps, seed)
        figures["iou"], about["otsu"] = pixels.iou_at_otsu(bootstraps, seed)
        about.setdefault("images", len(masked))
    return figures, about


def counted(scored: Scored, label: str, places: Sequence[int]) -> Pixels:
    """The pixels of these cases by a contender's scores."""
    maps = scored.maps[label]
    each = max(1, SAMPLE // len(places))
    random = np.random.default_rng(0)
    sample = [random.choice(maps[n].ravel(), min(each, maps[n].size), False) for n in places]
    pixels = Pixels.between(np.concatenate(sample))
    groups = _numbered([scored.cases[n].group for n in places])
    for n, group in zip(places, groups, strict=True):
        mask = scored.cases[n].mask
        assert mask is not None
        pixels.add(maps[n], mask, int(group))
    return pixels


def _numbered(groups: Sequence[int]) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = np.unique(np.asarray(groups), return_inverse=True)[1]
    return numbers


def _of_groups(
    contenders: Sequence[Contender],
    kinds: Sequence[str],
    found: dict[tuple[str, str], dict[str, Estimate]],
    seed: int,
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], dict[str, Estimate]]]:
    """The mean over the trainings of each model."""
    rows, means = [], {}
    for group in dict.fromkeys(each.group for each in contenders):
        labels = [each.label for each in contenders if each.group == group]
        for kind in kinds:
            names = found[labels[0], kind]
            figures = {
                name: metrics.together([found[label, kind][name] for label in labels], seed)
                for name in names
            }
            means[group, kind] = figures
            rows.append(_row({"model": group, "kind": kind, "runs": len(labels)}, figures))
    return rows, means


def _differences(
    means: dict[tuple[str, str], dict[str, Estimate]], kinds: Sequence[str]
) -> list[dict[str, Any]]:
    """By how much each model is better than each later one, on the same bootstraps."""
    rows = []
    groups = list(dict.fromkeys(group for group, _ in means))
    for number, one in enumerate(groups):
        for other in groups[number + 1 :]:
            for kind in kinds:
                a, b = means[one, kind], means[other, kind]
                figures = {
                    name: Estimate(a[name].value - b[name].value, a[name].drawn - b[name].drawn)
                    for name in a
                    if name in b
                }
                rows.append(_row({"model": one, "than": other, "kind": kind}, figures))
    return rows
