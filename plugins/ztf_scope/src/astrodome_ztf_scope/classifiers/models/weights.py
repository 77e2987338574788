"""Read the weights of a neural network from Keras or SCoPe model files, without using Keras."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astrodome import AstrodomeError, errors

from .convolution import SHAPES, WIDTHS, Array

DENSE = (256, 32)
"""Number of units in each layer of the dense branch, which processes the features."""
JOIN = (16, 1)
"""Number of units in each layer after the concatenation of the branches."""
CHECKPOINT = re.compile(r"layer_with_weights-(\d+)/(\w+)/\.ATTRIBUTES/VARIABLE_VALUE")
ORDER = ("depthwise_kernel", "pointwise_kernel", "kernel", "bias")


@dataclass(frozen=True)
class NetworkWeights:
    """Network weights, with the same array shapes and order as in Keras.

    The tuple for a disabled branch is empty.

    Attributes
    ----------
    dense : tuple of numpy.ndarray
        Kernel with shape (F, 256), its bias, kernel with shape (256, 32), and its bias.
    convolution : tuple of numpy.ndarray
        Depthwise kernel with shape (3, 3, C, 1), pointwise kernel with shape (1, 1, C, D), and bias
        with shape (D,), for each of the four convolutions.
    join : tuple of numpy.ndarray
        Kernel with shape (32 or 64, 16), its bias, kernel with shape (16, 1), and its bias. In the
        input of these layers, the outputs of the dense branch precede the outputs of the
        convolution branch.
    """

    dense: tuple[Array, ...]
    convolution: tuple[Array, ...]
    join: tuple[Array, ...]

    @classmethod
    def from_layers(cls, layers: Iterable[Sequence[Any]]) -> NetworkWeights:
        """Create the weights from the arrays for each layer, in layer order.

        Raises ValueError if the arrays do not match the network architecture.
        """
        dense: list[Array] = []
        convolution: list[Array] = []
        for layer in layers:
            arrays = [np.asarray(array, np.float32) for array in layer]
            (convolution if arrays and arrays[0].ndim == 4 else dense).extend(arrays)
        weights = cls(tuple(dense[:-4]), tuple(convolution), tuple(dense[-4:]))
        if [array.shape for array in weights.arrays] != weights._expected_shapes():
            raise ValueError("the shapes of the weights do not match the SCoPe network")
        return weights

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All weight arrays."""
        return (*self.dense, *self.convolution, *self.join)

    @property
    def features(self) -> int:
        """Number of features, or 0 if the dense branch is disabled."""
        return len(self.dense[0]) if self.dense else 0

    @property
    def parameters(self) -> int:
        """Total number of parameters."""
        return sum(array.size for array in self.arrays)

    def _expected_shapes(self) -> list[tuple[int, ...]]:
        shapes: list[tuple[int, ...]] = []
        if self.dense:
            shapes += _chain(self.features, DENSE)
        if self.convolution:
            for k in range(0, len(SHAPES), 3):
                shapes += [(3, 3, SHAPES[k][0], 1), (1, 1, *SHAPES[k + 1]), SHAPES[k + 2]]
        both = DENSE[-1] * bool(self.dense) + WIDTHS[-1] * bool(self.convolution)
        return shapes + _chain(both, JOIN)


def _chain(inputs: int, units: Sequence[int]) -> list[tuple[int, ...]]:
    befores = (inputs, *units)
    return [
        shape
        for before, after in zip(befores, units, strict=False)
        for shape in ((before, after), (after,))
    ]


def read(path: Path) -> NetworkWeights:
    """Read the weights from a Keras file (``.keras``, ``.h5``) or a TensorFlow checkpoint.

    A checkpoint is specified by its prefix or its ``.index`` file. Raises AstrodomeError if the
    file does not exist, or if it contains a network with a different architecture.
    """
    try:
        if path.suffix == ".keras" and path.is_file():
            layers = _keras(path)
        elif path.suffix in {".h5", ".hdf5"} and path.is_file():
            layers = _h5(path)
        elif path.suffix == ".index" and path.is_file():
            layers = _checkpoint(path.with_suffix(""))
        elif Path(f"{path}.index").is_file():
            layers = _checkpoint(path)
        elif path.exists():
            raise ValueError("unsupported file extension")
        else:
            raise errors.not_found(path, "Train a model first.", kind="Model")
        return NetworkWeights.from_layers(layers)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise AstrodomeError(
            f"{path} cannot be read as a DNN model: {error}.",
            "Expected a Keras file (.keras, .h5) or a TensorFlow checkpoint (.index) with the "
            "weights of the SCoPe network. Copy the file again, or train the model.",
        ) from error


def _keras(path: Path) -> list[list[Array]]:
    """Return the arrays for each layer, sorted by layer number (dense, dense_1, …, dense_10)."""
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as stored:
        found: list[list[Array]] = []
        with h5py.File(io.BytesIO(stored.read()), "r") as file:
            layers = file["layers"]
            for name in sorted(layers, key=_numbered):
                variables = layers[name].get("vars", {})
                if variables and re.match(r"dense|separable_conv2d", name):
                    found.append([variables[key][()] for key in sorted(variables, key=int)])
        return found


def _numbered(name: str) -> tuple[str, int]:
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if stem and number.isdigit() else (name, 0)


def _h5(path: Path) -> list[list[Array]]:
    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        names = [(name, group[name].attrs["weight_names"]) for name in group.attrs["layer_names"]]
        return [[group[name][key][()] for key in keys] for name, keys in names if len(keys)]


def _checkpoint(prefix: Path) -> list[list[Array]]:
    try:
        import tensorflow as tf
    except ImportError:
        raise AstrodomeError(
            f"{prefix} is a TensorFlow checkpoint, but TensorFlow is not installed.",
            "pip install 'astrodome-ztf-scope[dnn]'",
        ) from None
    try:
        stored = tf.train.load_checkpoint(str(prefix))
        layers: dict[int, dict[str, Array]] = {}
        for key in stored.get_variable_to_shape_map():
            if match := CHECKPOINT.fullmatch(key):
                layers.setdefault(int(match[1]), {})[match[2]] = stored.get_tensor(key)
    except tf.errors.OpError as error:
        raise ValueError(error.message) from error
    return [
        [layers[number][name] for name in ORDER if name in layers[number]]
        for number in sorted(layers)
    ]
