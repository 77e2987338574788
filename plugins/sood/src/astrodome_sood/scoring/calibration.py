"""Convert anomaly scores to false-alarm probabilities.

The false-alarm probability of a score is the probability that a clean image has at least this
score. It is estimated from the scores of clean images, by default the validation images of a run:
as a conformal p-value for usual scores, and with a generalized Pareto distribution for the largest
10 % and for larger scores (Hosking & Wallis 1987, Technometrics 29, 339). The scores are saved in
the file ``calibration.json`` in the run folder, and can be replaced with those of other images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astrodome import AstrodomeError, InvalidInputError, errors, files
from numpy.typing import NDArray

from .. import config as configuration
from .. import progress
from ..config import Config
from ..datasets.loading import TEST, TRAIN, open_images
from ..protocols import ImageDataset, ImageSet
from ..training import TrainingResult, train_run
from .scorer import describe_weights, find_model, load_model, pixel_mode, score_images

CALIBRATION = "calibration.json"
TAIL_SHARE = 0.1
"""Fraction of the largest scores to which the generalized Pareto distribution is fitted."""
MIN_EXCESSES = 10
"""Number of scores to which the distribution is fitted, if a tenth of the scores are fewer."""
MIN_TAIL = 20
"""Number of scores that are required to estimate the shape of the distribution."""
MAX_SHAPE = 0.5
"""Largest shape parameter. The smallest one is 0, so that the tail has no upper limit."""
MIN_PROBABILITY = 1e-12
MAX_IMAGES = 2_000
"""Maximum number of clean images that are scored."""
SAMPLED_PIXELS = 200_000
"""Approximate number of pixel scores that are sampled from all images."""
LEVELS = 1001
"""Number of quantiles of the pixel scores that are saved."""
RATES = (0.01, 0.05)
"""False-alarm rates that are measured when a run is calibrated."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ScoreDistribution:
    """Distribution of the scores of clean images, or of their pixels.

    ``scores`` is in ascending order. ``threshold`` is the smallest score of the tail, ``share`` is
    the probability of larger scores, and ``shape`` and ``scale`` are the parameters of the
    generalized Pareto distribution.
    """

    scores: list[float]
    threshold: float
    share: float
    shape: float
    scale: float

    @classmethod
    def fit(cls, scores: Floats, levels: int = 0) -> ScoreDistribution:
        """Estimate the distribution from the scores of clean images.

        If ``levels`` is not 0, only this number of quantiles is saved.
        """
        ordered = np.sort(np.asarray(scores, np.float64).ravel())
        count = len(ordered)
        tail = min(count, max(MIN_EXCESSES, round(TAIL_SHARE * count)))
        threshold = float(ordered[max(0, count - tail - 1)])
        smallest = max(1e-6 * float(np.abs(ordered).max()), 1e-12)
        shape, scale = _pareto(ordered[count - tail :] - threshold, smallest)
        if levels and levels < count:
            ordered = np.quantile(ordered, np.linspace(0, 1, levels))
        share = (tail + 1) / (count + 1)
        return cls(ordered.tolist(), threshold, share, shape, scale)

    def probability(self, scores: Floats) -> NDArray[np.float64]:
        """Return the false-alarm probability of each score."""
        values = np.asarray(scores, np.float64)
        larger = len(self.scores) - np.searchsorted(self.scores, values, side="left")
        body = (larger + 1) / (len(self.scores) + 1)
        excess = np.maximum(values - self.threshold, 0) / self.scale
        if self.shape:
            tail = self.share * (1 + self.shape * excess) ** (-1 / self.shape)
        else:
            tail = self.share * np.exp(-excess)
        found = np.where(values > self.threshold, tail, np.maximum(body, self.share))
        return np.maximum(found, MIN_PROBABILITY)

    def critical_score(self, rate: float) -> float:
        """Return the score above which clean images have a probability of ``rate``."""
        if rate >= self.share:
            return float(np.quantile(self.scores, 1 - rate))
        ratio = rate / self.share
        if self.shape:
            return float(self.threshold + self.scale / self.shape * (ratio**-self.shape - 1))
        return float(self.threshold - self.scale * np.log(ratio))


def _pareto(excess: Floats, smallest: float) -> tuple[float, float]:
    """Return shape and scale of a generalized Pareto distribution from weighted moments.

    The scale is at least ``smallest``.
    """
    count, mean = len(excess), float(excess.mean())
    if count < MIN_TAIL:
        return 0.0, max(mean, smallest)
    weights = (count - np.arange(count) - 0.65) / count
    moment = float((weights * np.sort(excess)).mean())
    if mean <= 2 * moment or moment <= 0:
        return 0.0, max(mean, smallest)
    shape = min(max(2 - mean / (mean - 2 * moment), 0.0), MAX_SHAPE)
    return shape, max(mean * (1 - shape), smallest)


@dataclass(frozen=True)
class ScoreCalibration:
    """Distributions of the scores of clean images for one model and one type of score.

    ``about`` describes the weights, the types of scores and the images.
    """

    images: ScoreDistribution
    pixels: ScoreDistribution
    about: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the calibration to a run folder."""
        files.write_text(folder / CALIBRATION, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> ScoreCalibration | None:
        """Read the calibration in a run folder. Return None if the file does not exist.

        Raises AstrodomeError if the file is damaged.
        """
        path = folder / CALIBRATION
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text("utf-8"))
            images, pixels = (ScoreDistribution(**found[name]) for name in ("images", "pixels"))
            return cls(images, pixels, found["about"])
        except (ValueError, KeyError, TypeError) as error:
            raise AstrodomeError(
                f"{path} is not a valid calibration: {type(error).__name__}.",
                "Run the command 'sdo sood calibrate' to write it again.",
            ) from error


def calibration_of(config: Config, mode: str) -> ScoreCalibration | None:
    """Return the calibration for the weights and the types of scores in a configuration.

    Return None if no false-alarm rate is configured and no matching calibration exists. Raises
    AstrodomeError if a false-alarm rate is configured and no matching calibration exists.
    """
    weights, rate = config.model.load_path, config.predict.false_alarm_rate
    hint = "Run 'sdo sood calibrate RUN' with the same options first."
    if weights is None:
        if rate:
            raise InvalidInputError(
                "A false-alarm rate requires a run folder with a calibration.",
                "Models without weights cannot be calibrated.",
            )
        return None
    folder = weights if weights.is_dir() else weights.parent
    found = ScoreCalibration.load(folder)
    if found is None:
        if rate:
            raise errors.not_found(folder / CALIBRATION, hint, kind="Calibration")
        return None
    wanted = _identity(config, mode)
    different = [key for key in wanted if found.about.get(key) != wanted[key]]
    if different and rate:
        raise AstrodomeError(
            f"The calibration in {folder} has another {different[0]}: "
            f"{found.about.get(different[0])} instead of {wanted[different[0]]}.",
            hint,
        )
    return None if different else found


def _identity(config: Config, mode: str) -> dict[str, Any]:
    return {
        "score_mode": mode,
        "sample_score": config.predict.sample_score,
        "weights_digest": describe_weights(config.model.load_path)["weights_digest"],
    }


@dataclass(frozen=True)
class CalibrationResult:
    """Result of :func:`calibrate`.

    ``path`` is the path of the calibration file, and ``count`` is the number of clean images.
    ``rates`` contains the measured false-alarm rates; see :func:`measured_rates`. ``failed`` and
    ``warnings`` are those of the image data set.
    """

    path: Path
    count: int
    rates: list[dict[str, float | None]]
    failed: list[tuple[str, str]]
    warnings: list[str]


def calibrate(
    run: Path,
    overrides: Mapping[str, Any],
    images: ImageDataset | None = None,
    file: Path | None = None,
) -> CalibrationResult:
    """Calibrate the scores of a run with clean images, and save the calibration.

    ``overrides`` contains configuration values, keyed by dotted configuration key, and ``file`` is
    a configuration file. If they do not specify images, the validation images of the run are used.
    """
    model, weights = find_model(str(run))
    if weights is None:
        raise InvalidInputError(
            f"The model {model} cannot be calibrated.", "Specify a run folder or a weights file."
        )
    given = {**overrides, "model.load_path": str(weights)}
    config = configuration.load(file, given, from_run=True, model=model)
    if images is None:
        images = open_images(config, TEST if "data.data_dir" in overrides else TRAIN)
        if "data.data_dir" not in overrides:
            images = _validation_images(images, config)
    backend = load_model(model, config)
    mode = pixel_mode(backend, model, config.predict.score_mode)
    scores, pixels = _clean_scores(backend, images, config, mode)
    folder = weights if weights.is_dir() else weights.parent
    previous = ScoreCalibration.load(folder)
    identity = _identity(config, mode)
    if previous and not identity.items() <= previous.about.items():
        previous = None
    about = {"model": model, **identity, "clean_images": len(scores), "data_dir": images.location}
    found = ScoreCalibration(
        ScoreDistribution.fit(scores), ScoreDistribution.fit(pixels, LEVELS), about
    )
    found.save(folder)
    rates = measured_rates(scores, previous.images if previous else None)
    return CalibrationResult(
        folder / CALIBRATION, len(scores), rates, images.failed, images.warnings
    )


def _validation_images(images: ImageDataset, config: Config) -> ImageDataset:
    return images.split(config.data.validation_share, config.seed)[1]


def _clean_scores(
    backend: Any, images: ImageSet, config: Config, mode: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the image scores, and a random sample of the pixel scores.

    If there are more than ``MAX_IMAGES`` images, a random sample of them is used.
    """
    scores, pixels = [], []
    random, size = np.random.default_rng(0), config.data.batch_size
    chosen = np.sort(random.permutation(len(images))[:MAX_IMAGES]).tolist()
    per_image = max(1, SAMPLED_PIXELS // len(chosen))
    with progress.task("Calibrating", len(chosen), resumes=False) as task:
        for start in range(0, len(chosen), size):
            batch = images.batch(chosen[start : start + size])
            scores.append(score_images(backend, batch, mode, config.predict.sample_score))
            for each in score_images(backend, batch, mode, "pixels").reshape(len(batch), -1):
                pixels.append(random.choice(each, min(per_image, len(each)), replace=False))
            task.advance(len(batch))
    return np.concatenate(scores), np.concatenate(pixels)


def measured_rates(
    scores: NDArray[np.float32], previous: ScoreDistribution | None, rates: Sequence[float] = RATES
) -> list[dict[str, float | None]]:
    """Return the fraction of images that exceed each nominal false-alarm rate.

    ``after`` is measured by cross-validation: each half of the images is calibrated with the other
    half. Rates that cannot be measured are None.
    """
    order = np.random.default_rng(0).permutation(len(scores))
    halves = scores[order[::2]], scores[order[1::2]]
    before = previous.probability(scores) if previous else None
    after = None
    if len(scores) > 1:
        pairs = (halves, halves[::-1])
        after = np.concatenate([ScoreDistribution.fit(a).probability(b) for a, b in pairs])
    return [
        {"false_alarm_rate": rate, "before": _share(before, rate), "after": _share(after, rate)}
        for rate in rates
    ]


def _share(probabilities: NDArray[np.float64] | None, rate: float) -> float | None:
    return None if probabilities is None else float((probabilities <= rate).mean())


def train_and_calibrate(model: str, images: ImageDataset, config: Config) -> TrainingResult:
    """Train a model, and calibrate its scores with the validation images."""
    result = train_run(model, images, config)
    path = result.run.path
    if result.is_primary and (result.trained or not (path / CALIBRATION).exists()):
        calibrate(path, {"devices.gpus": config.devices.gpus}, _validation_images(images, config))
    return result
