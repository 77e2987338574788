"""Backend ``dnn`` of the task ``scope``: trained by Keras, scored without it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astrodome import AstrodomeError, compute, files
from astrodome.runs import Run

from ..protocol import Examples
from . import scoring, weights
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
"""Columns of ``metrics.csv`` beside the loss, as Keras names them; of all, larger is better."""


class DnnClassifier:
    """Two-branch network for features and dmdt images."""

    def __init__(self) -> None:
        self.weights: NetworkWeights | None = None
        self.threads = 1

    @staticmethod
    def uses_dmdt(config: Mapping[str, Any]) -> bool:
        return bool(config["dnn"]["conv_branch"])

    def train(
        self,
        train: Examples,
        validation: Examples,
        run: Run,
        config: Mapping[str, Any],
    ) -> None:
        """Learn, and leave ``model.keras``, ``metrics.csv`` and, in ``run.json``, how it went.

        The same random state gives the same weights. Raises AstrodomeError when Keras is not
        installed, an option is unknown to it, or the loss becomes infinite.
        """
        from . import network

        entry, threads = config["class"], _threads(config)
        network.seed(entry["random_state"])
        shape = {"dense": config["dnn"]["dense_branch"], "images": config["dnn"]["conv_branch"]}
        saved = network.network(train.features.shape[1], **shape)
        model = saved
        if network.compiled():
            model = network.quick(train.features.shape[1], **shape, threads=threads)
        start = network.weights(saved)
        if entry.get("pre_trained_model"):
            start = _found(Path(entry["pre_trained_model"]), config)
        network.give(model, start)
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
        self.weights, self.threads = network.weights(model), threads
        if not all(np.isfinite(array).all() for array in _arrays(self.weights)):
            raise AstrodomeError(
                f"The network of '{config['tag']}' diverged.", "Lower the learning rate: --lr."
            )
        network.give(saved, self.weights)
        with tempfile.TemporaryDirectory() as scratch:  # Keras requires the extension .keras.
            saved.save(Path(scratch) / WEIGHTS)
            files.write_bytes(run.path / WEIGHTS, (Path(scratch) / WEIGHTS).read_bytes())
        best = int(np.argmin(history["val_loss"]))
        run.note(
            dnn={
                "parameters": self.weights.parameters,
                "epochs": len(history["loss"]),
                "best_epoch": best,
                **{f"best_{name}": history[name][best] for name in ("val_loss", "val_auc")},
                **network.about(),
            }
        )

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Take the weights of a run folder or file, one of SCoPe's too; Keras is not needed.

        Raises AstrodomeError when there are none, or they are of other features or branches.
        """
        self.weights, self.threads = _found(path, config), _threads(config)

    def predict(self, features: Array, dmdt: Array | None = None) -> Array:
        """Probabilities (N,) of features (N, F) and dmdt (N, 26, 26)."""
        return DnnClassifier.together([self])([features], dmdt)[:, 0]

    @classmethod
    def together(
        cls, classifiers: Sequence[DnnClassifier]
    ) -> Callable[[Sequence[Array], Array | None], Array]:
        """A function that scores (N, C) all classes in one pass over the images.

        It takes the features (N, F) of each classifier, and the dmdt (N, 26, 26) of all.
        """
        networks = [one.weights for one in classifiers if one.weights is not None]
        if len(networks) < len(classifiers):
            raise AstrodomeError("The network is not there yet.", "Train or load a model first.")
        threads = max((one.threads for one in classifiers), default=1)

        def score(features: Sequence[Array], dmdt: Array | None = None) -> Array:
            for one, given in zip(networks, features, strict=True):
                _check(one, given, dmdt)
            return scoring.score(networks, features, dmdt, threads)

        return score


def inputs(examples: Examples, config: Mapping[str, Any]) -> list[Array]:
    """What the branches that are on look at."""
    given: list[Array] = [examples.features] if config["dnn"]["dense_branch"] else []
    if config["dnn"]["conv_branch"]:
        if examples.dmdt is None:
            raise AstrodomeError(
                "The convolutions look at dmdt images, and there are none.",
                "Train on features alone: --conv-branch=false",
            )
        given.append(examples.dmdt[..., None])
    return given


def compile_(model: keras.Model, config: Mapping[str, Any]) -> None:
    """Give the network its loss, its metrics, and the optimizer that the class asks for."""
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
        raise AstrodomeError(f"Keras does not know what was asked for: {error}") from error


def optimizer(config: Mapping[str, Any]) -> keras.Optimizer:
    """Adam or SGD with what the class says; ``decay`` lowers the rate as Keras 2 did."""
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
    """Those that the class names, and the table of epochs.

    The rate is lowered after half of the patience, so that it has a chance before the stop;
    not where ``decay`` lowers it already.
    """
    import keras

    monitor, patience = entry["monitor"], entry["patience"]
    mode = "max" if monitor.removeprefix("val_") in METRICS else "min"
    made: list[keras.callbacks.Callback] = [keras.callbacks.CSVLogger(str(folder / "metrics.csv"))]
    for name in entry["callbacks"]:
        if name == "reduce_lr_on_plateau":
            if not entry["decay"]:
                made.append(
                    keras.callbacks.ReduceLROnPlateau(
                        monitor, factor=0.1, patience=max(1, patience // 2), mode=mode
                    )
                )
        elif name == "early_stopping":
            made.append(
                keras.callbacks.EarlyStopping(
                    monitor, patience=patience, mode=mode, restore_best_weights=True
                )
            )
        elif name == "tensorboard":
            made.append(keras.callbacks.TensorBoard(str(folder / "tensorboard")))
        else:
            raise AstrodomeError(
                f"There is no callback '{name}'.",
                "Known: reduce_lr_on_plateau, early_stopping, tensorboard.",
                exit_code=2,
            )
    return made


def _threads(config: Mapping[str, Any]) -> int:
    return config.get("threads") or compute.cores()


def _arrays(found: NetworkWeights) -> tuple[Array, ...]:
    return (*found.dense, *found.convolution, *found.join)


def _found(path: Path, config: Mapping[str, Any]) -> NetworkWeights:
    """Weights that fit the configuration."""
    file = path / WEIGHTS if path.is_dir() else path
    found = weights.read(file)
    if found.features != len(config["features"]) and found.dense:
        raise AstrodomeError(
            f"{file} was trained with {found.features} features, "
            f"and the configuration has {len(config['features'])}.",
            "Use the feature set that the model was trained with.",
        )
    for name, there in (("dense_branch", found.dense), ("conv_branch", found.convolution)):
        if bool(there) != bool(config["dnn"][name]):
            raise AstrodomeError(
                f"{file} was trained with {name} {'on' if there else 'off'}.",
                f"Set training.dnn.{name} to {str(bool(there)).lower()}.",
            )
    return found


def _check(one: NetworkWeights, features: Array, dmdt: Array | None) -> None:
    if one.dense and features.shape[1:] != (one.features,):
        raise AstrodomeError(
            f"The model was trained with {one.features} features, and there are "
            f"{features.shape[1]}."
        )
    if one.convolution and (dmdt is None or dmdt.shape != (len(features), SIDE, SIDE)):
        raise AstrodomeError(
            f"The model looks at dmdt images of {SIDE} x {SIDE}, one a source, and there are "
            f"{'none' if dmdt is None else 'some of shape ' + str(dmdt.shape)}."
        )
