"""Configuration schema of a run, and functions that load and merge configurations.

The keys are the same as in sdo-cli configuration files. A value in a file can also be written as
``{value: …, desc: …}``. Keys that a file does not contain are read from ``defaults.yaml`` in the
same folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal

from astrodome import InvalidInputError, settings
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from .model_options import complete_options
from .nested import get_key, merge, nest

OPTIONS = ""
"""Origin of configuration values that are not read from a file."""
RUN_SECTIONS = ("model", "data", "train", "seed", "devices")
"""Sections of the training configuration that are also used for predictions."""
_SEGMENTATION: dict[str, Any] = {
    "model": {"fmap_sizes": [16, 32, 64]},
    "data": {"batch_size": 32},
    "train": {"n_epochs": 90, "lr": 3e-3, "early_stopping": False},
}
MODEL_DEFAULTS: dict[str, dict[str, Any]] = {
    "ae": {"model": {"target_size": 128}, "train": {"n_epochs": 20}},  # As in sdo-cli
    "segmentation": _SEGMENTATION,
    "detect": _SEGMENTATION,
}
"""Model-specific default values."""
NO_EFFECT = ("data.prefetch_factor", "data.sdo_ml_v2.reduce_memory", "debug")
"""sdo-cli configuration keys that are accepted but have no effect."""


class ConfigSection(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def _as_list(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else [value]


def _as_items(value: Any) -> Any:
    """Split a string such as ``"16,64"``, or the strings in a list, at commas and spaces."""
    if isinstance(value, list | tuple):
        return [item for text in value for item in str(text).replace(",", " ").split()]
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _as_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


AsItems = BeforeValidator(_as_items)
Years = Annotated[list[int] | None, BeforeValidator(_as_list)]
TimeText = Annotated[str | None, BeforeValidator(_as_time)]
Location = Annotated[str | None, BeforeValidator(_as_text)]
Share = Annotated[float, Field(gt=0, lt=1)]
Loggers = Annotated[list[Literal["tensorboard", "wandb"]], BeforeValidator(_as_list)]
Precision = Annotated[Literal["auto", "32", "bf16", "16"], BeforeValidator(str)]


class ModelSection(ConfigSection):
    target_size: PositiveInt = 256
    """Width and height of the resized images, in pixels. Smaller images are enlarged."""
    z_dim: PositiveInt = 128
    """Dimension of the latent space."""
    fmap_sizes: Annotated[list[PositiveInt], AsItems] = Field([16, 64, 256, 1024], min_length=1)
    """Number of feature maps in each encoder layer."""
    ce_factor: float = Field(0.5, ge=0, le=1)
    """Weight of the context encoder loss, from 0 to 1."""
    load_path: Path | None = None
    """Run folder or weights file."""
    options: dict[str, Any] = {}
    """Options of the model; see the settings section sood_MODEL."""


class SdoMlV2Section(ConfigSection):
    storage_driver: Literal["fs", "gcs"] = "fs"
    """Type of storage: local file system (fs) or Google Cloud Storage (gcs)."""
    channel: str | list[str] | None = None
    """Name of the SDO ML channel, or a list of names. It takes precedence over data.channel."""
    train_year: Years = None
    """Year or list of years from which training frames are selected. null selects all years."""
    test_year: Years = None
    """Year or list of years from which test frames are selected. null selects all years."""
    train_start_date: TimeText = None
    """Start time of the training frames (UTC, ISO 8601)."""
    train_end_date: TimeText = None
    """End time of the training frames (UTC, ISO 8601), inclusive."""
    test_start_date: TimeText = None
    """Start time of the test frames (UTC, ISO 8601)."""
    test_end_date: TimeText = None
    """End time of the test frames (UTC, ISO 8601), inclusive."""
    irradiance: PositiveFloat | None = None
    """Maximum GOES 1-8 Å flux at the time of a selected frame, in W/m²."""
    flux_source: str = ""
    """Name of the source for the GOES flux. If empty, the setting sources.flux is used."""
    goes_cache_dir: Path | None = None
    """Folder of the GOES store. null selects the default store."""
    freq: str | None = None
    """Time step between the selected frames, for example 6h. null selects all frames."""
    train_val_split_ratio: Share = 0.7
    """Fraction of the time intervals that is used for training instead of validation."""
    train_val_split_temporal_chunk_size: str = "14d"
    """Length of the time intervals that are assigned to training or validation."""
    sampling_strategy: Literal["chunk", "default"] = "chunk"
    """Shuffling method. 'chunk' shuffles groups of chunks, 'default' shuffles individual frames."""
    mask_limb: bool = False
    """Whether to set pixels outside the solar disk to 0."""
    mask_limb_radius_scale_factor: PositiveFloat = 1.0
    """Radius of the mask for mask_limb, in solar radii."""
    reduce_memory: bool = False
    """This key has no effect."""
    obs_times: list[str] | None = None
    """Observation times (UTC, ISO 8601) of the selected frames. null selects all frames."""
    bad_frames: Path | None = None
    """YAML file with the time intervals of bad frames, keyed by channel."""
    check_frames: bool = True
    """Whether to read all frames when the store is opened, in order to skip invalid frames."""


class DataSection(ConfigSection):
    dataset: Literal["CuratedImageParameterDataset", "SDOMLDatasetV1", "SDOMLDatasetV2"] = (
        "CuratedImageParameterDataset"
    )
    """Type of data set: a folder of image files, SDO ML v1, or SDO ML v2."""
    data_dir: Location = None
    """Folder with images, or folder or URL of an SDO ML data set."""
    batch_size: PositiveInt = 16
    """Number of images in a batch."""
    validation_share: Share = 0.2
    """Fraction of the images that is used for validation."""
    channel: str | list[str] | None = "171A"
    """Name of the SDO ML channel, or a list of names."""
    num_data_loader_workers: NonNegativeInt = 0
    """Number of threads that read images. 0 means one thread per CPU core."""
    prefetch_factor: PositiveInt | None = 4
    """This key has no effect."""
    pin_memory: bool = False
    """Whether to copy batches to page-locked memory. If a GPU is available, this is always done."""
    sdo_ml_v2: SdoMlV2Section = SdoMlV2Section()


class PredictSection(ConfigSection):
    mode: Literal["sample", "pixel"] = "sample"
    """Prediction mode. 'sample' computes one score for each image, 'pixel' one for each pixel."""
    pred_dir: Path | None = None
    """Folder for the predictions. null selects a subfolder of the run folder."""
    score_mode: str = "combi"
    """Type of pixel score, for models that have several types."""
    sample_score: Literal["own", "map", "top"] = "own"
    """Type of image score: the score that the model defines (own), the mean pixel score (map), or
    the mean of the largest 10 % of the pixel scores (top)."""
    false_alarm_rate: Share | None = None
    """Rate at which clean images are marked as anomalous. null marks no images."""
    scale: Literal["run", "image"] = "run"
    """Gray scale of the maps: one scale for all maps (run), or one scale for each map (image)."""
    save_src_img: bool = False
    """Whether to save each scored image in the same folder as its map."""


class TrainSection(ConfigSection):
    n_epochs: PositiveInt = 10
    """Total number of epochs."""
    lr: PositiveFloat = 1e-4
    """Learning rate for the Adam optimizer."""
    use_geco: bool = False
    """Whether to adapt the weight of the reconstruction error with the GECO algorithm."""
    beta: NonNegativeFloat = 0.01
    """Weight of the Kullback-Leibler divergence in the loss."""
    print_every_iter: PositiveInt = 100
    """Interval between two reports of the training loss, in training steps."""
    early_stopping: bool = True
    """Whether to stop the training when the validation loss no longer decreases."""
    patience: PositiveInt = 10
    """Number of epochs without a decrease in the validation loss after which training stops."""
    fast_dev_run: NonNegativeInt = 0
    """Maximum number of batches in a test run with one epoch. 0 disables the test run."""
    profile: bool = False
    """Whether to write a profile of the training to the run folder."""
    logger: Loggers = []
    """Loggers to use in addition to the file metrics.csv."""
    wandb_run_id: str | None = None
    """ID of the Weights & Biases run to resume. If set, the logger wandb is used."""


class DevicesSection(ConfigSection):
    gpus: int | list[int] | None = None
    """Number of GPUs, or list of GPU indices.

    0 selects the CPU, -1 selects all GPUs, and null selects one GPU if it is available.
    """
    processes: PositiveInt = 1
    """Number of training processes on the CPU."""
    nodes: PositiveInt = 1
    """Number of machines for distributed training."""
    strategy: str = "auto"
    """Lightning strategy for training on several devices, for example ddp."""
    precision: Precision = "auto"
    """Floating-point precision. With 'auto', training uses bf16 on hardware that supports it."""


class Config(ConfigSection):
    """Complete configuration of a model, its data and its training."""

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    predict: PredictSection = PredictSection()
    train: TrainSection = TrainSection()
    devices: DevicesSection = DevicesSection()
    log_dir: Path | None = None
    """Run folder."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed for all random numbers."""
    debug: bool = False
    """This key has no effect."""

    def plain(self) -> dict[str, Any]:
        """Return the configuration as nested dicts that contain only YAML types."""
        return self.model_dump(mode="json")

    def without_effect(self) -> list[str]:
        """Return the keys that were changed from their defaults but have no effect."""
        changed, default = self.plain(), Config().plain()
        return [key for key in NO_EFFECT if get_key(changed, key) != get_key(default, key)]


SHORT_NAMES = {
    name: f"{section}.{name}"
    for section, info in Config.model_fields.items()
    for name in getattr(info.annotation, "model_fields", ())
} | {
    "log_dir": "log_dir",
    "seed": "seed",
    "devices": "devices",
    "test_dir": "data.data_dir",
    "epochs": "train.n_epochs",
    "predict_mode": "predict.mode",
}
"""Mapping from the names of command options and Python keyword arguments to configuration keys.

Every key can be specified without the name of its section. The last entries are
additional names. If several names for the same key are passed, the last of them is used."""


def by_key(options: Mapping[str, Any]) -> dict[str, Any]:
    """Convert options with short names to configuration values, keyed by dotted key."""
    given = {key: options[name] for name, key in SHORT_NAMES.items() if name in options}
    if (devices := given.pop("devices", None)) is not None:
        given |= _devices(devices) if isinstance(devices, str) else {"devices.gpus": devices}
    return given


def _devices(text: str) -> dict[str, Any]:
    """Parse the value of the option ``devices``.

    The value is ``auto``, ``cpu``, ``cpu:N`` for N processes on the CPU, ``N`` for N GPUs, or
    ``N,M`` for a list of GPU indices.
    """
    kind, _, count = text.partition(":")
    try:
        if kind == "cpu":
            return {"devices.gpus": 0, "devices.processes": int(count or 1)}
        if text == "auto":
            return {"devices.gpus": None}
        numbers = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInputError(
            f"Invalid devices '{text}': expected auto, cpu, cpu:N, the number of GPUs, "
            "or a list of GPU indices.",
            "Examples: 2 (two GPUs), 0,2 (GPUs 0 and 2), cpu:4 (four processes on the CPU).",
        ) from error
    return {"devices.gpus": numbers if "," in text else numbers[0]}


def load(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    from_run: bool = False,
    model: str = "",
    several_models: bool = False,
) -> Config:
    """Merge the configuration values from all sources, and validate the result.

    Parameters
    ----------
    file
        YAML file. A ``defaults.yaml`` file in the same folder has lower priority.
    overrides
        Values with the highest priority, keyed by dotted configuration key, for example
        ``"model.z_dim"``.
    from_run
        If True, start from the configuration of the run at ``model.load_path``, which has lower
        priority than the file. If the run contains only weights, read the network shape from them.
    model
        Name of the model. Its default values have the lowest priority, and ``model.options``
        contains all its options.
    several_models
        Whether the file and the overrides are used for several models. Options that the model does
        not have are then ignored; see :func:`.model_options.check_options`.

    Raises
    ------
    AstrodomeError
        If a value is invalid. The message contains the file, the key and the expected type.
    """
    layers = [(str(path), settings.read_yaml(path)) for path in _with_defaults(file)]
    layers += [(OPTIONS, nest(key, value)) for key, value in (overrides or {}).items()]
    for origin, layer in layers:
        settings.validate(Config, layer, origin)
    defaults = MODEL_DEFAULTS.get(model, {})
    given: dict[str, Any] = reduce(merge, [layer for _, layer in layers], {})
    config = settings.validate(Config, merge(defaults, given), OPTIONS)
    weights = config.model.load_path
    if from_run and weights is not None:
        saved = (weights if weights.is_dir() else weights.parent) / "config.yaml"
        run = (
            _run_settings(settings.read_yaml(saved)) if saved.is_file() else _network_shape(weights)
        )
        config = settings.validate(Config, reduce(merge, [defaults, run, given]), str(saved))
        layers.insert(0, (str(saved), run))
    if model:
        config.model.options = complete_options(model, layers, several_models)
    return config


def _with_defaults(file: Path | None) -> list[Path]:
    if file is None:
        return []
    defaults = file.parent / "defaults.yaml"
    return [defaults, file] if defaults.is_file() and defaults != file else [file]


def _run_settings(saved: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: saved[key] for key in RUN_SECTIONS if key in saved}
    if isinstance(model := kept.get("model"), Mapping):
        kept["model"] = {key: value for key, value in model.items() if key != "load_path"}
    return kept


def _network_shape(path: Path) -> dict[str, Any]:
    """Return the network shape in a weights file as nested configuration values.

    Return an empty dict if the path is not a supported weights file.
    """
    from .models import weights

    path = weights.locate(path)
    extensions = (*weights.SDO_CLI_EXTENSIONS, Path(weights.WEIGHTS).suffix)
    if path.suffix not in extensions or not path.is_file():
        return {}
    metadata, _ = weights.read(path)
    return {"model": {key: metadata[key] for key in weights.SHAPE if key in metadata}}
