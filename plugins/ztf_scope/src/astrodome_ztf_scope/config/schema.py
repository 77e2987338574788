"""Schema for the section ``training``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ScopeSection(BaseModel):
    """Base class for configuration sections. Unknown keys are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _nonzero_is_true(value: Any) -> Any:
    """Convert a number to bool, because SCoPe's parameter search writes ``amsgrad`` as a number."""
    return value != 0 if isinstance(value, int | float) else value


Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Steps = tuple[int, int, int]
"""Start, stop (exclusive) and step of a range."""


class ClassConfig(ScopeSection):
    """Training parameters for the classifier for one class, with the default values of SCoPe."""

    label: str
    """Column in the data set that contains the probability of the class."""
    features: str
    """Name of the feature set."""
    threshold: float = Field(default=0.7, ge=0, lt=1)
    """Rows with a label above this value are positive examples."""
    balance: float | None = Field(default=None, gt=0)
    """Maximum number of training rows with the majority label, as a multiple of the number of
    training rows with the minority label; null means no limit."""
    weight_per_class: bool = False
    """Whether positive and negative examples have the same total weight."""
    scale_features: Literal["min_max", "median_std"] | None = "min_max"
    """Scaling method for the features; null means that the features are not scaled."""
    test_size: Fraction = 0.1
    """Fraction of the rows that are used as the test set."""
    val_size: Fraction = 0.1
    """Fraction of the rows outside the test set that are used as the validation set."""
    random_state: int = Field(default=42, ge=0)
    """Seed for all random numbers."""
    batch_size: Count = 64
    """Number of rows per training batch."""
    shuffle_buffer_size: Count = 512
    """Accepted for compatibility, but has no effect: all rows are shuffled."""
    epochs: Count = 100
    """Maximum number of training epochs."""
    float_convert_types: tuple[int, int] | None = (64, 32)
    """Accepted for compatibility, but has no effect: training always uses 32-bit floats."""
    lr: float = Field(default=3e-4, gt=0)
    """Learning rate."""
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay rate for the first moment in Adam."""
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay rate for the second moment in Adam."""
    epsilon: float = Field(default=1e-7, gt=0)
    """Constant for numerical stability in Adam."""
    decay: float = Field(default=0.0, ge=0)
    """Decay rate d of the learning rate: after n training steps, it is lr / (1 + d * n)."""
    amsgrad: Annotated[bool, BeforeValidator(_nonzero_is_true)] = True
    """Whether to use the AMSGrad variant of Adam."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum for the optimizer sgd."""
    monitor: str = "val_loss"
    """Metric that the callbacks monitor, for example val_loss."""
    patience: Count = 20
    """Number of epochs without improvement before training stops."""
    callbacks: tuple[str, ...] = ("reduce_lr_on_plateau", "early_stopping")
    """Keras callbacks: reduce_lr_on_plateau, early_stopping or tensorboard."""
    run_eagerly: bool = False
    """Whether to run the network eagerly, without compiling a graph."""
    pre_trained_model: str | None = None
    """Run folder or model file from which the initial weights are loaded."""
    save: bool = False
    """Whether to save the runs. If the key is missing, the runs are saved."""
    plot: bool = False
    """Whether to write plots for each saved run. If the key is missing, plots are written."""
    weights_only: bool = False
    """Accepted for compatibility, but has no effect: the optimizer state is never loaded."""


class DnnSettings(ScopeSection):
    """Section ``training.dnn``: settings for the network, which are the same for all classes."""

    dense_branch: bool = True
    conv_branch: bool = True
    loss: str = "binary_crossentropy"
    optimizer: Literal["adam", "sgd"] = "adam"


class SearchGrid(ScopeSection):
    """Parameter grid for the XGBoost parameter search.

    The values of ``subsample`` and ``colsample_bytree`` are in units of 0.1.
    """

    max_depth: Steps = (3, 8, 2)
    min_child_weight: Steps = (1, 6, 2)
    subsample: Steps = (6, 11, 2)
    colsample_bytree: Steps = (6, 11, 2)


class BoostingParameters(ScopeSection):
    """XGBoost training parameters that are not in the parameter grid.

    ``eta`` lists the learning rates for the parameter search. If no search is performed, the first
    learning rate is used.
    """

    eta: tuple[float, ...] = (0.3, 0.2, 0.1, 0.05)
    seed: int = 42
    nfold: int = Field(default=5, ge=2)
    metrics: tuple[str, ...] = ("auc",)
    objective: str = "binary:logistic"
    eval_metric: str = "auc"
    early_stopping_rounds: Count = 10
    num_boost_round: Count = 999


class XgboostSettings(ScopeSection):
    """Section ``training.xgboost``: XGBoost settings, which are the same for all classes."""

    gridsearch_params_start_stop_step: SearchGrid = SearchGrid()
    other_training_params: BoostingParameters = BoostingParameters()
    plot_params: dict[str, Any] = Field(default_factory=dict)


class TrainingSettings(ScopeSection):
    """Section ``training``: data set, classes by tag, and parameters shared by all classes."""

    dataset: str | None = None
    classes: dict[str, ClassConfig]
    dnn: DnnSettings = DnnSettings()
    xgboost: XgboostSettings = XgboostSettings()
