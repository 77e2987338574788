"""Two-branch neural network, which requires Keras for training but not for prediction."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError, InvalidInputError, compute, files
from astrodome.runs import Run

from ..preprocessing.examples import LabelledExamples
from . import inference, weights
from .convolution import SIDE, Array
from .weights import NetworkWeights

if TYPE_CHECKING:
    import keras

WEIGHTS = "model.keras"
METRICS = {
    "accuracy": "BinaryAccuracy",
    "precision": "Precision",
    "recall": "Recall",
    "auc": "AUC",
}
"""Keras class for each metric in ``metrics.csv`` except the loss. Larger values are better."""


class DnnClassifier:
    """Two-branch neural network that uses features and dmdt images."""

    def __init__(self) -> None:
        self.weights: NetworkWeights | None = None
        self.threads = 1

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        """Return whether the convolution branch is enabled."""
        return bool(config["dnn"]["conv_branch"])

    def train(
        self,
        train: LabelledExamples,
        validation: LabelledExamples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Train the network, and write the results to the run folder.

        The weights are written to ``model.keras``, and the metrics per epoch to ``metrics.csv``.
        The best metrics and the library versions are added to ``run.json``.

        Training is reproducible for a given random state. Raises AstrodomeError if Keras is not
        installed, an option is invalid, or the weights diverge.
        """
        from . import network

        entry = config["class"]
        network.seed(entry["random_state"])
        branches = {"dense": config["dnn"]["dense_branch"], "images": config["dnn"]["conv_branch"]}
        model = network.network(train.features.shape[1], **branches)
        if entry.get("pre_trained_model"):
            network.set_weights(model, _read(Path(entry["pre_trained_model"]), config))
        compile_(model, config)
        history = model.fit(
            inputs(train, config),
            train.target,
            sample_weight=train.weight,
            validation_data=(inputs(validation, config), validation.target),
            batch_size=entry["batch_size"],
            epochs=entry["epochs"],
            callbacks=callbacks(entry, run.path),
            verbose=0,
        ).history
        self.weights, self.threads = network.get_weights(model), _threads(config)
        if not all(np.isfinite(array).all() for array in self.weights.arrays):
            raise AstrodomeError(
                f"The training of the network for the class '{config['tag']}' diverged: the "
                "weights are not finite.",
                "Reduce the learning rate (lr).",
            )
        # Save a new network, because the trained one includes the optimizer state.
        bare = network.network(train.features.shape[1], **branches)
        network.set_weights(bare, self.weights)
        with tempfile.TemporaryDirectory() as scratch:  # Keras requires the extension .keras.
            bare.save(Path(scratch) / WEIGHTS)
            files.write_bytes(run.path / WEIGHTS, (Path(scratch) / WEIGHTS).read_bytes())
        best = int(np.argmin(history["val_loss"]))
        run.note(
            dnn={
                "parameters": self.weights.parameters,
                "epochs": len(history["loss"]),
                "best_epoch": best,
                **{f"best_{name}": history[name][best] for name in ("val_loss", "val_auc")},
                **network.versions(),
            }
        )

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Load the weights from a run folder, a Keras file or a SCoPe model file.

        Keras is not required. Raises AstrodomeError if the file does not exist, or if its features
        or branches differ from the configuration.
        """
        self.weights, self.threads = _read(path, config), _threads(config)

    def predict(self, features: Array, dmdt: Array | None = None) -> Array:
        """Return probabilities with shape (N,).

        ``features`` has the shape (N, F), and ``dmdt`` has the shape (N, 26, 26).
        """
        if self.weights is None:
            raise AstrodomeError(
                "The network has not been trained or loaded.", "Call train or load first."
            )
        _check(self.weights, features, dmdt)
        return inference.predict(self.weights, features, dmdt, self.threads)


def inputs(examples: LabelledExamples, config: Mapping[str, Any]) -> list[Array]:
    """Return the Keras input arrays for the enabled branches."""
    found: list[Array] = [examples.features] if config["dnn"]["dense_branch"] else []
    if config["dnn"]["conv_branch"]:
        if examples.dmdt is None:
            raise AstrodomeError(
                "The data set has no dmdt images, which the convolution branch requires.",
                "Add the column dmdt to the data set, or disable the branch (conv_branch: false).",
            )
        found.append(examples.dmdt[..., None])
    return found


def compile_(model: keras.Model, config: Mapping[str, Any]) -> None:
    """Compile the network with the configured loss, metrics and optimizer."""
    import keras

    try:
        model.compile(
            optimizer=optimizer(config),
            loss=config["dnn"]["loss"],
            metrics=[getattr(keras.metrics, kind)(name=name) for name, kind in METRICS.items()],
            run_eagerly=config["class"]["run_eagerly"],
            jit_compile=False,
        )
    except ValueError as error:
        raise AstrodomeError(
            f"Invalid network configuration in training.dnn: {error}",
            "Check the loss function and the optimizer.",
        ) from error


def optimizer(config: Mapping[str, Any]) -> keras.Optimizer:
    """Return the configured optimizer. ``decay`` has the same meaning as in Keras 2."""
    import keras

    entry = config["class"]
    rate: Any = entry["lr"]
    if entry["decay"]:
        rate = keras.optimizers.schedules.InverseTimeDecay(rate, 1, entry["decay"])
    if config["dnn"]["optimizer"] == "sgd":
        return keras.optimizers.SGD(rate, momentum=entry["momentum"], nesterov=True)
    return keras.optimizers.Adam(
        rate,
        beta_1=entry["beta_1"],
        beta_2=entry["beta_2"],
        epsilon=entry["epsilon"],
        amsgrad=entry["amsgrad"],
    )


def callbacks(entry: Mapping[str, Any], folder: Path) -> list[keras.callbacks.Callback]:
    """Return the callbacks for training, including one that writes ``metrics.csv``.

    The learning rate is reduced after half of the patience, so that the reduction can take effect
    before early stopping. It is not reduced if ``decay`` is set.
    """
    import keras

    monitor, patience = entry["monitor"], entry["patience"]
    mode = "max" if monitor.removeprefix("val_") in METRICS else "min"
    available: dict[str, Callable[[], keras.callbacks.Callback]] = {
        "reduce_lr_on_plateau": lambda: keras.callbacks.ReduceLROnPlateau(
            monitor, factor=0.1, patience=max(1, patience // 2), mode=mode
        ),
        "early_stopping": lambda: keras.callbacks.EarlyStopping(
            monitor, patience=patience, mode=mode, restore_best_weights=True
        ),
        "tensorboard": lambda: keras.callbacks.TensorBoard(str(folder / "tensorboard")),
    }
    found = [keras.callbacks.CSVLogger(str(folder / "metrics.csv"))]
    for name in entry["callbacks"]:
        if name not in available:
            raise InvalidInputError(
                f"Unknown callback '{name}': expected one of {', '.join(available)}."
            )
        if name != "reduce_lr_on_plateau" or not entry["decay"]:
            found.append(available[name]())
    return found


def _threads(config: Mapping[str, Any]) -> int:
    return config.get("threads") or compute.cores()


def _read(path: Path, config: Mapping[str, Any]) -> NetworkWeights:
    """Read the weights from a run folder or file, and validate them against the configuration."""
    file = path / WEIGHTS if path.is_dir() else path
    found = weights.read(file)
    if found.features != len(config["features"]) and found.dense:
        raise AstrodomeError(
            f"{file} was trained with {found.features} features, but the feature set in the "
            f"configuration has {len(config['features'])}.",
            "Use the feature set with which the model was trained.",
        )
    for name, branch in (("dense_branch", found.dense), ("conv_branch", found.convolution)):
        enabled = str(bool(branch)).lower()
        if bool(branch) != bool(config["dnn"][name]):
            raise AstrodomeError(
                f"{file} was trained with {name}: {enabled}, which differs from the configuration.",
                f"Set training.dnn.{name} to {enabled}.",
            )
    return found


def _check(one: NetworkWeights, features: Array, dmdt: Array | None) -> None:
    if one.dense and features.shape[1:] != (one.features,):
        raise AstrodomeError(
            f"Invalid number of features: expected {one.features} per source, got "
            f"{features.shape[1]}."
        )
    if one.convolution and (dmdt is None or dmdt.shape != (len(features), SIDE, SIDE)):
        raise AstrodomeError(
            f"Invalid shape of dmdt images: expected ({len(features)}, {SIDE}, {SIDE}), got "
            f"{None if dmdt is None else dmdt.shape}."
        )
