"""The configuration of a run: its schema, and the layers it is put together from.

The keys are those of sdo-cli's YAML files, whose ``{value: …, desc: …}`` leaves are
read as they are. A ``defaults.yaml`` beside the run's file fills what that leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from astrodome import AstrodomeError, settings
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

COMMAND_LINE = "command line"
FROM_A_RUN = ("model", "data", "train", "seed", "devices")
"""What a prediction takes over from the run that made its weights."""
OF_A_MODEL: dict[str, dict[str, Any]] = {
    "ae": {"model": {"target_size": 128}, "train": {"n_epochs": 20}}
}
"""Where sdo-cli's options of one model have other defaults than its configuration files."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _as_list(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else [value]


def _as_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


Years = Annotated[list[int] | None, BeforeValidator(_as_list)]
Moment = Annotated[str | None, BeforeValidator(_as_time)]
Where = Annotated[str | None, BeforeValidator(_as_text)]


class ModelSection(Section):
    target_size: PositiveInt = Field(default=256, description="Side of the images, px.")
    z_dim: PositiveInt = Field(default=128, description="Dimensions of the latent space.")
    fmap_sizes: list[PositiveInt] = Field(
        default=[16, 64, 256, 1024], min_length=1, description="Feature maps of each encoder layer."
    )
    ce_factor: float = Field(
        default=0.5, ge=0, le=1, description="Share of the context encoder's loss."
    )
    load_path: Path | None = Field(
        default=None, description="Run folder or weights to predict with."
    )
    options: dict[str, Any] = Field(default={}, description="What only some other model knows.")


class SdoMlV2Section(Section):
    storage_driver: Literal["fs", "gcs"] = "fs"
    channel: str | list[str] | None = None
    train_year: Years = None
    test_year: Years = None
    train_start_date: Moment = None
    train_end_date: Moment = None
    test_start_date: Moment = None
    test_end_date: Moment = None
    irradiance: PositiveFloat | None = Field(default=None, description="Largest 1-8 Å flux, W/m².")
    flux_source: str = Field(
        default="", description="Source of the flux; empty: the setting sources.flux."
    )
    goes_cache_dir: Path | None = None
    freq: str | None = None
    train_val_split_ratio: float = Field(default=0.7, gt=0, lt=1)
    train_val_split_temporal_chunk_size: str = "14d"
    sampling_strategy: Literal["chunk", "default"] = "chunk"
    mask_limb: bool = False
    mask_limb_radius_scale_factor: PositiveFloat = 1.0
    reduce_memory: bool = False
    obs_times: list[str] | None = None
    bad_frames: Path | None = Field(
        default=None, description="YAML file of further frames that are no good, by channel."
    )
    check_frames: bool = Field(
        default=True, description="Find frames that cannot be used before the work begins."
    )


class DataSection(Section):
    dataset: Literal["CuratedImageParameterDataset", "SDOMLDatasetV1", "SDOMLDatasetV2"] = (
        "CuratedImageParameterDataset"
    )
    data_dir: Where = Field(
        default=None, description="Folder of images, or where the SDO ML store lies."
    )
    batch_size: PositiveInt = 16
    validation_share: float = Field(
        default=0.2, gt=0, lt=1, description="Part kept for validation."
    )
    channel: str | list[str] | None = Field(default="171A", description="Channel of SDO ML data.")
    num_data_loader_workers: int = Field(
        default=0, ge=0, description="Threads that read; 0: one a core."
    )
    prefetch_factor: PositiveInt | None = 4
    pin_memory: bool = False
    sdo_ml_v2: SdoMlV2Section = SdoMlV2Section()


class PredictSection(Section):
    mode: Literal["sample", "pixel"] = Field(
        default="sample", description="Score images or their pixels."
    )
    pred_dir: Path | None = Field(default=None, description="Folder for the predictions.")
    score_mode: str = Field(default="combi", description="Kind of pixel score.")
    sample_score: Literal["own", "map"] = Field(
        default="own", description="Score of an image: the model's own, or the mean of its map."
    )
    scale: Literal["run", "image"] = Field(
        default="run", description="One scale for all maps, or each."
    )
    save_src_img: bool = Field(default=False, description="Save the scored image beside its map.")


class TrainSection(Section):
    n_epochs: PositiveInt = 10
    lr: PositiveFloat = Field(default=1e-4, description="Learning rate of Adam.")
    use_geco: bool = Field(default=False, description="Steer the reconstruction term by its error.")
    beta: float = Field(default=0.01, ge=0, description="Weight of the Kullback-Leibler term.")
    print_every_iter: PositiveInt = Field(
        default=100, description="Steps between two reported losses."
    )
    early_stopping: bool = True
    patience: PositiveInt = Field(
        default=10, description="Epochs without a better validation loss."
    )
    fast_dev_run: NonNegativeInt = Field(
        default=0,
        description="To try out: one epoch of so many batches; true is one, false all of them.",
    )
    profile: bool = Field(default=False, description="Write Lightning's profile to the run folder.")
    logger: Annotated[list[Literal["tensorboard", "wandb"]], BeforeValidator(_as_list)] = Field(
        default=[], description="Loggers beside metrics.csv."
    )
    wandb_run_id: str | None = Field(
        default=None, description="Run of Weights & Biases to go on with; turns that logger on."
    )


class DevicesSection(Section):
    gpus: int | list[int] | None = Field(
        default=None, description="GPUs to use; 0: none; -1: all; null: one if there is one."
    )
    processes: PositiveInt = Field(default=1, description="Processes that train without GPUs.")
    nodes: PositiveInt = Field(default=1, description="Machines that train together.")
    strategy: str = Field(default="auto", description="Lightning's strategy, such as ddp.")
    precision: Annotated[Literal["auto", "32", "bf16", "16"], BeforeValidator(str)] = Field(
        default="auto",
        description="Bits of the arithmetic; auto trains in bf16 where that is faster.",
    )


class Config(Section):
    """Everything that decides a run of a ``sood`` model."""

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    predict: PredictSection = PredictSection()
    train: TrainSection = TrainSection()
    devices: DevicesSection = DevicesSection()
    log_dir: Path | None = Field(default=None, description="The run folder.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    debug: bool = False

    def plain(self) -> dict[str, Any]:
        """As nested mappings of YAML's own types."""
        return self.model_dump(mode="json")


def load(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    over_run: bool = False,
    model: str = "",
) -> Config:
    """The configuration of a command: ``defaults.yaml`` beside ``file`` < ``file`` < ``overrides``.

    ``overrides`` go by dotted key (``"model.z_dim"``). Below them all lie the defaults of
    ``model``, and with ``over_run`` the configuration of the run in ``model.load_path`` (or
    the shape of the network, where there are only weights). Raises AstrodomeError that
    names the file, the key and what was expected.
    """
    own = OF_A_MODEL.get(model, {})
    merged: dict[str, Any] = {}
    for path in _files(file):
        layer = settings.read_yaml(path)
        settings.validate(Config, layer, str(path))
        merged = _merged(merged, layer)
    given: dict[str, Any] = {}
    for key, value in (overrides or {}).items():
        given = _merged(given, _nested(key, value))
    try:
        settings.validate(Config, given, COMMAND_LINE)
    except AstrodomeError as error:
        raise AstrodomeError(error.message, error.hint, exit_code=2) from error
    merged = _merged(merged, given)
    config = settings.validate(Config, _merged(own, merged), COMMAND_LINE)
    weights = config.model.load_path
    if over_run and weights is not None:
        saved = (weights if weights.is_dir() else weights.parent) / "config.yaml"
        if saved.is_file():
            below = _of_a_run(settings.read_yaml(saved))
        else:
            below = _of_weights(weights)
        config = settings.validate(Config, _merged(_merged(own, below), merged), str(saved))
    return config


def _files(file: Path | None) -> list[Path]:
    if file is None:
        return []
    defaults = file.parent / "defaults.yaml"
    return [defaults, file] if defaults.is_file() and defaults != file else [file]


def assignments(texts: list[str]) -> dict[str, Any]:
    """``["model.z_dim=64"]`` as overrides; values are read as YAML."""
    import yaml

    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise AstrodomeError(
                f"--set takes KEY=VALUE, not '{text}'.",
                "For example: --set model.z_dim=64",
                exit_code=2,
            )
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise AstrodomeError(
                f"--set {key}: '{value}' is not a YAML value.", exit_code=2
            ) from error
    return found


def _of_a_run(saved: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: saved[key] for key in FROM_A_RUN if key in saved}
    if isinstance(model := kept.get("model"), Mapping):
        kept["model"] = {key: value for key, value in model.items() if key != "load_path"}
    return kept


def _of_weights(weights: Path) -> dict[str, Any]:
    """The shape of a network whose weights came without a configuration."""
    from .models import weights as files

    path = files.locate(weights)
    if path.suffix not in (*files.OLDER, Path(files.WEIGHTS).suffix) or not path.is_file():
        return {}
    about, _ = files.read(path)
    return {"model": {key: about[key] for key in files.SHAPE.values() if key in about}}


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return dict(value)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return result
