"""Evaluate models on images with known anomalies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from astrodome import InvalidInputError, compute, models
from astrodome.runs import provenance
from pydantic import BaseModel, NonNegativeInt, PositiveInt

from .. import config as configuration
from ..config import AsItems
from ..datasets.loading import TEST, open_images
from ..model_options import TASK, check_options
from ..protocols import ImageDataset
from ..scoring.scorer import (
    check_image_size,
    describe_weights,
    find_model,
    load_model,
    pixel_mode,
)
from ..training import DISTRIBUTIONS
from . import metrics
from .compare import Comparison, EvaluatedModel, EvaluationScores, compare, compute_scores
from .ground_truth import GroundTruth, labels_from_file, labels_from_flux
from .keyword_labels import KeywordLabels
from .synthetic import SyntheticAnomalies


class EvaluationOptions(BaseModel):
    """Options of an evaluation, with the same meanings as the options of ``sdo sood evaluate``."""

    against: Literal["synthetic", "labels", "flux", "events", "quality"] = "synthetic"
    kinds: Annotated[list[str], AsItems] = []
    seeds: Annotated[list[NonNegativeInt], AsItems] = [0]
    wavelength: int = 0
    protocol: Literal[1, 2] = 2
    labels: Path | None = None
    goes_class: str = "M1.0"
    event_types: Annotated[list[str], AsItems] = ["AR", "FL"]
    bootstraps: PositiveInt = 1000
    flux_source: str = ""
    events_source: str = ""


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Result of an evaluation.

    Attributes
    ----------
    comparison : Comparison
        Metrics for each training run and for each model, and differences between models.
    scores : EvaluationScores
        Image scores and pixel score maps for all images.
    truth : GroundTruth
        Images with their labels and masks.
    about : dict
        Description of the models, the images and the ground truth.
    outcome : astrodome.compute.Outcome
        Number of evaluated images, and the images that could not be read.
    warnings : list of str
        Warnings about the images and about the ground truth.
    """

    comparison: Comparison
    scores: EvaluationScores
    truth: GroundTruth
    about: dict[str, Any]
    outcome: compute.Outcome
    warnings: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        models, count = ", ".join(self.scores.scores), len(self.scores.images)
        return f"<Evaluation of {models} with {count} images ({self.about['reference']})>"

    @property
    def table(self) -> pd.DataFrame:
        """Metrics and confidence intervals, with one row per model and type of anomaly."""
        return pd.DataFrame(self.comparison.models)

    @property
    def image_scores(self) -> pd.DataFrame:
        """Scores, name, type of anomaly, label and edge width in pixels, one row per image."""
        images = self.scores.images
        columns = {
            "image": [image.name for image in images],
            "kind": [image.kind for image in images],
            "label": [image.label for image in images],
            "edge": [image.edge for image in images],
        }
        return pd.DataFrame({**columns, **self.scores.scores})

    def document(self) -> dict[str, Any]:
        """Return all results as a JSON-serializable dict."""
        return {
            "about": self.about,
            "models": self.comparison.models,
            "runs": self.comparison.runs,
            "differences": self.comparison.differences,
        }


def evaluate_models(
    names: Sequence[str],
    overrides: Mapping[str, Any],
    options: EvaluationOptions,
    file: Path | None = None,
    images: ImageDataset | None = None,
    truth: GroundTruth | None = None,
) -> Evaluation:
    """Score images with each model, and compare the scores with the ground truth.

    ``names`` are run folders, weights files or names of models without weights, optionally with
    the prefix ``LABEL=``. The results of training runs of the same model, or with the same label,
    are averaged. The configuration file ``file`` and the values in ``overrides``, keyed by dotted
    configuration key, override the configuration of a training run. By default, ``images`` are the
    test images that the configuration specifies. ``truth`` replaces the ground truth that the
    options specify.
    """
    if not names:
        raise InvalidInputError(
            "No models specified.",
            "Specify run folders, weights files, or names of models without weights, for example "
            "'threshold'.",
        )
    config = configuration.load(file, overrides)
    chosen = [find_model(name.rpartition("=")[2])[0] for name in names]
    check_options(chosen, config.model.options)
    devices = {f"devices.{key}": value for key, value in config.plain()["devices"].items()}
    evaluated, sizes = load_models(names, file, {**devices, **overrides})
    size = next(iter(sizes.values()), config.model.target_size)
    section = config.model.model_copy(update={"target_size": size})
    if images is None:
        images = open_images(config.model_copy(update={"model": section}), TEST)
    for label, trained_size in sizes.items():
        check_image_size(images, label, trained_size)
    truth = _ground_truth(images, options) if truth is None else truth
    scores = compute_scores(evaluated, truth)
    about = {
        **truth.about(),
        "data_dir": images.location,
        "target_size": size,
        "bootstraps": options.bootstraps,
        "interval": metrics.CONFIDENCE,
        "models": [describe_model(each) for each in evaluated],
        **provenance(DISTRIBUTIONS, TASK, [each.group for each in evaluated]),
    }
    outcome = compute.Outcome(done=len(images), failed=images.failed)
    comparison = compare(scores, options.bootstraps)
    warnings = [*images.warnings, *truth.warnings()]
    return Evaluation(comparison, scores, truth, about, outcome, warnings)


def load_models(
    names: Sequence[str], file: Path | None, overrides: dict[str, Any]
) -> tuple[list[EvaluatedModel], dict[str, int]]:
    """Load models for an evaluation, and return them in the given order.

    The arguments are the same as those of :func:`evaluate_models`. Also return the image size of
    each network, keyed by model label.
    Models without weights use the image size of the networks, so they are loaded last.
    """
    found: list[tuple[str, str, str, Path | None]] = []
    for name in names:
        label, equals, place = name.rpartition("=")
        model, weights = find_model(place if equals else name)
        found.append((label, label or model, model, weights))
    sizes: dict[str, int] = {}
    loaded: dict[str, EvaluatedModel] = {}
    for label, group, model, weights in sorted(found, key=lambda each: each[3] is None):
        given = dict(overrides)
        if weights:
            given["model.load_path"] = str(weights)
        elif sizes:
            given.setdefault("model.target_size", next(iter(sizes.values())))
        config = configuration.load(file, given, from_run=True, model=model, several_models=True)
        place = weights.name if weights else model
        candidates = (label, place, f"{group} {place}", *(f"{group} {n}" for n in range(2, 999)))
        label = next(each for each in candidates if each and each not in loaded)
        mode = pixel_mode(models.get(TASK, model), model, config.predict.score_mode)
        backend, output = load_model(model, config), config.predict.sample_score
        loaded[label] = EvaluatedModel(
            label, group, backend, mode, output, weights, config.data.batch_size
        )
        if weights:
            sizes[label] = config.model.target_size
    order = {group: number for number, (_, group, _, _) in enumerate(found)}
    return sorted(loaded.values(), key=lambda each: order[each.group]), sizes


def _ground_truth(images: ImageDataset, options: EvaluationOptions) -> GroundTruth:
    if options.against == "synthetic":
        return SyntheticAnomalies(
            images, options.seeds, options.kinds, options.wavelength, options.protocol
        )
    if options.against == "flux":
        return labels_from_flux(images, options.goes_class, options.flux_source)
    if options.against == "labels":
        if options.labels is None:
            raise InvalidInputError(
                "No label file specified.",
                "Set labels to the path of a CSV or Parquet file with the columns path and label.",
            )
        return labels_from_file(images, options.labels)
    if options.against == "quality":
        return KeywordLabels(
            images,
            options.goes_class,
            options.event_types,
            options.flux_source,
            options.events_source,
        )
    from .events import EventRegions

    return EventRegions(images, options.event_types, options.events_source)


def describe_model(model: EvaluatedModel) -> dict[str, Any]:
    """Return a JSON-serializable description of a loaded model."""
    return {
        "label": model.label,
        "model": model.group,
        "score_mode": model.mode,
        "sample_score": model.output,
        **describe_weights(model.weights),
    }
