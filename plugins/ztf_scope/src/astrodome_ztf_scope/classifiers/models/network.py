"""The two-branch network in Keras: features and dmdt of a source to the probability of a class.

After van Roestel et al. 2021 (AJ 161, 267) as SCoPe trains it. :func:`network` is made of
Keras' own layers alone, so whoever has Keras can load what is saved. On a processor
:func:`quick` trains the same weights with :mod:`.convolution` in place of the convolutions.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import numpy as np
from astrodome import AstrodomeError

from . import convolution
from .convolution import RATE, WIDTHS
from .weights import DENSE, JOIN, NetworkWeights

JOIN_RATE = 0.4
INSTALL = "pip install 'astrodome-ztf-scope[dnn]'"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "KERAS_BACKEND" not in os.environ and not find_spec("tensorflow"):
    # Keras takes TensorFlow unless told otherwise, and does not look for what there is.
    for name in ("torch", "jax"):
        if find_spec(name):
            os.environ.setdefault("KERAS_BACKEND", name)

try:
    import keras
except ImportError as error:
    raise AstrodomeError(
        "The DNN is trained by Keras, and that or the backend of KERAS_BACKEND is not installed.",
        INSTALL,
    ) from error
layers, ops = keras.layers, keras.ops


def network(features: int, *, dense: bool = True, images: bool = True) -> keras.Model:
    """Of inputs (N, ``features``) and (N, 26, 26, 1), or of one of them, to scores (N, 1).

    Raises AstrodomeError when both branches are off.
    """
    return _assembled(features, dense, images, _convolutions)


def quick(
    features: int, *, dense: bool = True, images: bool = True, threads: int = 1
) -> keras.Model:
    """The same network for training on a processor; see :func:`compiled`."""
    return _assembled(features, dense, images, lambda x: Branch(threads)(x))


def seed(state: int) -> None:
    """Let all that Keras draws from now on follow from this number."""
    keras.utils.set_random_seed(state)


def about() -> dict[str, str]:
    """Version and backend of Keras."""
    return {"keras": keras.__version__, "backend": keras.backend.backend()}


def compiled() -> bool:
    """Whether the kernels of :mod:`.convolution` serve here: on a processor, with a gradient."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return not tf.config.get_visible_devices("GPU")
    if keras.backend.backend() == "torch":
        import torch

        return not torch.cuda.is_available()
    return False


def weights(model: keras.Model) -> NetworkWeights:
    """What the network has learned."""
    groups = []
    for layer in model.layers:
        if isinstance(layer, Branch):
            arrays = layer.get_weights()
            groups += [arrays[k : k + 3] for k in range(0, len(arrays), 3)]
        elif layer.weights:
            groups.append(layer.get_weights())
    return NetworkWeights.of(group for group in groups if group)


def give(model: keras.Model, learned: NetworkWeights) -> None:
    """Let the network have learned this."""
    pairs = iter((*learned.dense, *learned.join))
    triples = iter(learned.convolution)
    for layer in model.layers:
        if isinstance(layer, layers.Dense):
            layer.set_weights([next(pairs), next(pairs)])
        elif isinstance(layer, layers.SeparableConv2D):
            layer.set_weights([next(triples) for _ in range(3)])
        elif isinstance(layer, Branch):
            layer.set_weights(list(triples))


def _assembled(features: int, dense: bool, images: bool, convolve: Any) -> keras.Model:
    if not dense and not images:
        raise AstrodomeError("One of the two branches of the network has to be on.", exit_code=2)
    inputs, branches = [], []
    if dense:
        inputs.append(layers.Input((features,), name="features"))
        x = layers.Dense(DENSE[0], activation="relu")(inputs[-1])
        x = layers.Dropout(0.25)(x)
        branches.append(layers.Dense(DENSE[1], activation="relu")(x))
    if images:
        inputs.append(layers.Input((convolution.SIDE, convolution.SIDE, 1), name="dmdt"))
        branches.append(convolve(inputs[-1]))
    x = layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
    x = layers.Dropout(JOIN_RATE)(x)
    x = layers.Dense(JOIN[0], activation="relu")(x)
    score = layers.Dense(JOIN[1], activation="sigmoid", name="score")(x)
    return keras.Model(inputs, score, name="scope_net")


def _convolutions(x: Any) -> Any:
    for number, width in enumerate(WIDTHS):
        x = layers.SeparableConv2D(width, 3, activation="relu")(x)
        if number == 1:
            x = layers.Dropout(RATE)(x)
            x = layers.MaxPooling2D()(x)
    x = layers.Dropout(RATE)(x)
    return layers.GlobalAveragePooling2D()(x)


class Branch(keras.layers.Layer):  # type: ignore[misc]
    """The layers of ``_convolutions`` in one, with the same weights in the same order."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.threads = threads
        self.rate = RATE
        self.seeds = keras.random.SeedGenerator()

    def build(self, input_shape: Any) -> None:
        for before, after in zip((1, *WIDTHS), WIDTHS, strict=False):
            self.add_weight((3, 3, before, 1), "glorot_uniform")
            self.add_weight((1, 1, before, after), "glorot_uniform")
            self.add_weight((after,), "zeros")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, int]:
        return (input_shape[0], WIDTHS[-1])

    def call(self, x: Any, training: bool = False) -> Any:
        run = _in_torch if keras.backend.backend() == "torch" else _in_tensorflow
        given = [ops.convert_to_tensor(weight) for weight in self.trainable_weights]
        return run(x, self.seeds.next(), self.rate if training else 0.0, self.threads, given)


def _number(seed: Any) -> int:
    high, low = (int(part) for part in np.asarray(seed))
    return (high * 0x9E3779B1 + low * 0x85EBCA77) & 0xFFFFFFFF


def _in_tensorflow(x: Any, seed: Any, rate: float, threads: int, given: list[Any]) -> Any:
    import tensorflow as tf

    def forward(x: Any, seed: Any, *arrays: Any) -> Any:
        return convolution.forward(x, arrays, _number(seed), rate, threads)

    def backward(x: Any, seed: Any, slope: Any, *arrays: Any) -> Any:
        return convolution.backward(x, arrays, slope, _number(seed), rate, threads)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(x: Any, seed: Any, *tensors: Any) -> Any:
        out = tf.numpy_function(forward, [x, seed, *tensors], tf.float32, stateful=False)
        out.set_shape((x.shape[0], WIDTHS[-1]))

        def gradient(slope: Any) -> Any:
            found = tf.numpy_function(
                backward, [x, seed, slope, *tensors], [tf.float32] * len(tensors), stateful=False
            )
            for one, tensor in zip(found, tensors, strict=True):
                one.set_shape(tensor.shape)
            return None, None, *found

        return out, gradient

    return run(x, seed, *map(tf.identity, given))  # run takes no variables


def _in_torch(x: Any, seed: Any, rate: float, threads: int, given: list[Any]) -> Any:
    import torch

    if x.device.type == "meta":  # Keras asks for the shape alone
        return torch.empty((len(x), WIDTHS[-1]), device="meta")
    number = _number(seed.detach().cpu().numpy())

    class Run(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Any, *tensors: Any) -> Any:
            context.save_for_backward(x, *tensors)
            arrays = [tensor.detach().numpy() for tensor in tensors]
            return torch.from_numpy(
                convolution.forward(x.detach().numpy(), arrays, number, rate, threads)
            )

        @staticmethod
        def backward(context: Any, slope: Any) -> Any:
            x, *tensors = (tensor.detach().numpy() for tensor in context.saved_tensors)
            found = convolution.backward(x, tensors, slope.numpy(), number, rate, threads)
            return None, *(torch.from_numpy(np.ascontiguousarray(one)) for one in found)

    return Run.apply(x, *given)  # type: ignore[no-untyped-call]
