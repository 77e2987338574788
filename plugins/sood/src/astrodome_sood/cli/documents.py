"""Types of the JSON documents that the commands of ``sdo sood`` print."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from astrodome.outputs import Failure, More


class TrainingDocument(TypedDict):
    """A run folder, and the most important values of the training."""

    run: str
    model: str
    parameters: NotRequired[int]
    train_images: NotRequired[int]
    validation_images: NotRequired[int]
    epochs: NotRequired[int]
    stopped_early: NotRequired[bool]
    best_epoch: NotRequired[int | None]
    best_val_loss: NotRequired[float | None]
    seconds: NotRequired[float]


class _ImageRow(TypedDict):
    path: str
    t_obs: str | None
    wavelength: int | None
    part: str | None


class ScoredImageRow(_ImageRow):
    """An image with its score. The explanation is set for some models only.

    ``map`` is the file name of the map, or None if ``predict`` has not written it.
    """

    rank: int
    score: float | None
    map: str | None
    false_alarm_probability: NotRequired[float | None]
    anomalous: NotRequired[bool | None]
    explanation: NotRequired[str | None]
    statistic: NotRequired[str | None]
    deviation: NotRequired[float | None]
    center_row: NotRequired[float | None]
    center_column: NotRequired[float | None]


class PixelScoresRow(_ImageRow):
    """An image with a map of pixel scores, and statistics of these scores."""

    row: int
    map: str
    mean: float | None
    min: float | None
    max: float | None
    p99_9: float | None
    anomalous_share: NotRequired[float | None]


PredictionsDocument = list[ScoredImageRow] | list[PixelScoresRow]


class ReconstructedImageRow(_ImageRow):
    """An image with its reconstruction errors."""

    pixel_pred_path: str
    ssim: float | None
    mse: float | None
    mae: float | None


class GeneratedImagesDocument(TypedDict):
    """The folder and the names of generated images."""

    folder: str
    images: list[str]


class FalseAlarmRow(TypedDict):
    """The rate of false alarms before and after a calibration."""

    false_alarm_rate: float
    before: float | None
    after: float | None


class StoreChannelRow(TypedDict):
    """The frames of one channel in one year. The cadence and the gap are in seconds."""

    year: str
    channel: str
    frames: int | None
    first: str | None
    last: str | None
    cadence: float | None
    longest_gap: int | None
    side: int | None
    chunk: int | None
    problem: str


class _Metrics(TypedDict):
    model: str
    kind: str


# The other keys are metrics with the limits of their confidence intervals.
MetricsRow = Annotated[_Metrics, More(str | float | None)]


class MetricsDocument(TypedDict):
    """Metrics averaged by model, of each run, and differences between models."""

    models: list[MetricsRow]
    runs: list[MetricsRow]
    differences: list[dict[str, Any]]


class EvaluationDocument(MetricsDocument):
    """Metrics of models on the same images. ``about`` describes the images and the models."""

    about: dict[str, Any]


class _BenchmarkSummary(TypedDict):
    model: str


# The other keys are metrics with the limits of their confidence intervals.
BenchmarkSummaryRow = Annotated[_BenchmarkSummary, More(str | float | None)]


class BenchmarkDocument(TypedDict):
    """Results of the benchmark SolarOOD. ``parts`` is keyed by the part of the benchmark."""

    about: dict[str, Any]
    summary: list[BenchmarkSummaryRow]
    parts: dict[str, MetricsDocument]
    false_alarms: list[dict[str, Any]]
    sanity: list[dict[str, Any]]
    leave_out: Any
    failed: list[Failure]
    timings: Any
    seconds: float


class OnnxDocument(TypedDict):
    """A written ONNX file, with its inputs and outputs."""

    file: str
    model: str
    input: str
    input_shape: str
    input_type: str
    input_values: str
    preparation: str
    outputs: list[str]
    largest_relative_difference: float
