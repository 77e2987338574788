"""Create TensorFlow checkpoints like those that SCoPe saved in 2022."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write(model: Any, prefix: Path) -> None:
    """The weights of a Keras model as a checkpoint has them: by the order of the layers."""
    import tensorflow as tf

    prefix.parent.mkdir(parents=True, exist_ok=True)
    holder = tf.Module()
    for number, layer in enumerate(layer for layer in model.layers if layer.weights):
        inner = tf.Module()
        dense = type(layer).__name__ == "Dense"
        names = ("kernel", "bias") if dense else ("depthwise_kernel", "pointwise_kernel", "bias")
        for name, value in zip(names, layer.get_weights(), strict=True):
            setattr(inner, name, tf.Variable(value))
        setattr(holder, f"layer_with_weights-{number}", inner)
    parts = {name: value for name, value in vars(holder).items() if name.startswith("layer_")}
    tf.train.Checkpoint(**parts).write(str(prefix))
