"""Schema for the section ``training``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """Base class for sections of the configuration. Unknown keys are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _nonzero_is_true(value: Any) -> Any:
    """Convert a number to bool, because SCoPe's parameter search writes ``amsgrad`` as a number."""
    return value != 0 if isinstance(value, int | float) else value


Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Steps = tuple[int, int, int]
"""Start, stop (exclusive) and step of a range."""


class ClassConfig(Section):
    """Training parameters for the binary classifier of one class, with SCoPe's default values.

    ``label`` is a column in the data set, and ``features`` is the name of a feature set. Rows with
    a label above ``threshold`` are positive examples. ``balance`` is the maximum ratio between the
    number of training rows in the majority class and in the minority class, or None for no limit.
    """

    label: str
    features: str
    threshold: float = Field(default=0.7, ge=0, lt=1)
    balance: float | None = Field(default=None, gt=0)
    weight_per_class: bool = False
    scale_features: Literal["min_max", "median_std"] | None = "min_max"
    test_size: Fraction = 0.1
    val_size: Fraction = 0.1
    random_state: int = Field(default=42, ge=0)
    batch_size: Count = 64
    shuffle_buffer_size: Count = 512
    epochs: Count = 100
    float_convert_types: tuple[int, int] | None = (64, 32)
    lr: float = Field(default=3e-4, gt=0)
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    epsilon: float = Field(default=1e-7, gt=0)
    decay: float = Field(default=0.0, ge=0)
    amsgrad: Annotated[bool, BeforeValidator(_nonzero_is_true)] = True
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    monitor: str = "val_loss"
    patience: Count = 20
    callbacks: tuple[str, ...] = ("reduce_lr_on_plateau", "early_stopping")
    run_eagerly: bool = False
    pre_trained_model: str | None = None
    save: bool = False
    plot: bool = False
    weights_only: bool = False


class DnnSettings(Section):
    """Section ``training.dnn``: network architecture, which is the same for all classes."""

    dense_branch: bool = True
    conv_branch: bool = True
    loss: str = "binary_crossentropy"
    optimizer: Literal["adam", "sgd"] = "adam"


class SearchGrid(Section):
    """Parameter grid for the XGBoost parameter search.

    The values of ``subsample`` and ``colsample_bytree`` are in units of 0.1.
    """

    max_depth: Steps = (3, 8, 2)
    min_child_weight: Steps = (1, 6, 2)
    subsample: Steps = (6, 11, 2)
    colsample_bytree: Steps = (6, 11, 2)


class BoostingParameters(Section):
    """XGBoost training parameters that are not in the parameter grid.

    ``eta`` lists the learning rates for the parameter search. Without a search, the first one is
    used.
    """

    eta: tuple[float, ...] = (0.3, 0.2, 0.1, 0.05)
    seed: int = 42
    nfold: int = Field(default=5, ge=2)
    metrics: tuple[str, ...] = ("auc",)
    objective: str = "binary:logistic"
    eval_metric: str = "auc"
    early_stopping_rounds: Count = 10
    num_boost_round: Count = 999


class XgboostSettings(Section):
    """Section ``training.xgboost``: XGBoost settings, which are the same for all classes."""

    gridsearch_params_start_stop_step: SearchGrid = SearchGrid()
    other_training_params: BoostingParameters = BoostingParameters()
    plot_params: dict[str, Any] = Field(default_factory=dict)


class TrainingSettings(Section):
    """Section ``training``: data set, classes by tag, and parameters shared by all classes."""

    dataset: str | None = None
    classes: dict[str, ClassConfig]
    dnn: DnnSettings = DnnSettings()
    xgboost: XgboostSettings = XgboostSettings()
