"""Keras implementation of the two-branch network for features and dmdt images.

The output is the probability of a class. The architecture is the same as in SCoPe (van Roestel et
al. 2021, AJ 161, 267). The network contains only standard Keras layers, so that Keras can load
saved models.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from astrodome import AstrodomeError, InvalidInputError

from .convolution import SIDE, WIDTHS
from .weights import DENSE, JOIN, NetworkWeights

DROPOUT, JOIN_DROPOUT = 0.25, 0.4
INSTALL = "pip install 'astrodome-ztf-scope[dnn]'"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "KERAS_BACKEND" not in os.environ and not find_spec("tensorflow"):
    # Keras selects TensorFlow by default, even if TensorFlow is not installed.
    for name in ("torch", "jax"):
        if find_spec(name):
            os.environ.setdefault("KERAS_BACKEND", name)

try:
    import keras
except ImportError as error:
    raise AstrodomeError(
        "The algorithm dnn requires Keras and a Keras backend (TensorFlow, PyTorch or JAX), but at "
        "least one of them is not installed.",
        INSTALL,
    ) from error
layers = keras.layers


def network(features: int, *, dense: bool = True, images: bool = True) -> keras.Model:
    """Build the network, whose output has the shape (N, 1).

    The inputs have the shapes (N, ``features``) for the dense branch and (N, 26, 26, 1) for the
    convolution branch. A disabled branch has no input.
    Raises AstrodomeError if both branches are disabled.
    """
    if not dense and not images:
        raise InvalidInputError(
            "At least one branch of the network must be enabled, but dense_branch and conv_branch "
            "are both false.",
            "Set dense_branch or conv_branch to true.",
        )
    inputs, branches = [], []
    if dense:
        inputs.append(layers.Input((features,), name="features"))
        x = layers.Dense(DENSE[0], activation="relu")(inputs[-1])
        x = layers.Dropout(DROPOUT)(x)
        branches.append(layers.Dense(DENSE[1], activation="relu")(x))
    if images:
        inputs.append(layers.Input((SIDE, SIDE, 1), name="dmdt"))
        branches.append(_convolutions(inputs[-1]))
    x = layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
    x = layers.Dropout(JOIN_DROPOUT)(x)
    x = layers.Dense(JOIN[0], activation="relu")(x)
    score = layers.Dense(JOIN[1], activation="sigmoid", name="score")(x)
    return keras.Model(inputs, score, name="scope_net")


def _convolutions(x: Any) -> Any:
    for number, width in enumerate(WIDTHS):
        x = layers.SeparableConv2D(width, 3, activation="relu")(x)
        if number == 1:
            x = layers.Dropout(DROPOUT)(x)
            x = layers.MaxPooling2D()(x)
    x = layers.Dropout(DROPOUT)(x)
    return layers.GlobalAveragePooling2D()(x)


def seed(state: int) -> None:
    """Set the seed for the random numbers in Keras, its backend, NumPy and Python."""
    keras.utils.set_random_seed(state)


def versions() -> dict[str, str]:
    """Return the Keras version and the name of the Keras backend."""
    return {"keras": keras.__version__, "backend": keras.backend.backend()}


def get_weights(model: keras.Model) -> NetworkWeights:
    """Return the weights of a Keras network."""
    return NetworkWeights.from_layers(layer.get_weights() for layer in model.layers)


def set_weights(model: keras.Model, weights: NetworkWeights) -> None:
    """Set the weights of a Keras network."""
    dense = iter((*weights.dense, *weights.join))
    convolution = iter(weights.convolution)
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            layer.set_weights([next(dense), next(dense)])
        elif isinstance(layer, layers.SeparableConv2D):
            layer.set_weights([next(convolution) for _ in range(3)])
