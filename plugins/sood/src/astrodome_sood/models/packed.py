"""A network made ready to be run many times: on a processor, oneDNN keeps its weights in the
order in which it reads them, and applies the activation while a result is still at hand.

The arithmetic is that of the network, so that scores are the same to within rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import winograd
from .network import Autoencoder, FromVector, ToVector

USUAL_BATCH = 8
"""Images at a time that the weights are laid out for; any other number works too."""
STEP: Any = [[1, 1], [2, 2], [1, 1], 1]
"""Padding, stride, dilation and groups of every convolution of these networks."""
UP: Any = [[1, 1], [0, 0], [2, 2], [1, 1], 1]
"""The same of a transposed one, with its output padding."""
LARGE = 1 << 17
"""Maps in times maps out from which multiplications are what a transposed convolution costs."""
Layer = Callable[[Tensor], Tensor]


class Packed:
    """Encoder and decoder of a network for scoring without gradients.

    ``encode`` gives all that the encoder says, (N, codes); ``decode`` takes (N, z_dim).
    """

    def __init__(self, net: Autoencoder) -> None:
        self.net = net
        weight = next(net.parameters())
        if _can_pack(weight):
            shape: tuple[int, ...] = (USUAL_BATCH, net.channels, net.size, net.size)
            self._down, shape = _layers(net.encoder, shape)
            self._up, _ = _layers(net.decoder, (USUAL_BATCH, net.z_dim))
        else:
            self._down, self._up = [net.encoder], [net.decoder]

    @torch.inference_mode()
    def encode(self, x: Tensor) -> Tensor:
        return _through(self._down, x)

    @torch.inference_mode()
    def decode(self, z: Tensor) -> Tensor:
        return _through(self._up, z)


def _through(layers: list[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _can_pack(weight: Tensor) -> bool:
    names = ["_convolution_pointwise", "_convolution_transpose_pointwise", "_linear_pointwise"]
    names += ["_reorder_convolution_weight", "_reorder_convolution_transpose_weight"]
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and all(hasattr(torch.ops.mkldnn, name) for name in [*names, "_reorder_linear_weight"])
    )


def _layers(part: nn.Sequential, shape: tuple[int, ...]) -> tuple[list[Layer], tuple[int, ...]]:
    """The layers of an encoder or decoder, and the shape of what comes out."""
    made: list[Layer] = []
    modules = list(part)
    while modules:
        module = modules.pop(0)
        activated = bool(modules) and isinstance(modules[0], nn.LeakyReLU)
        slope = modules.pop(0).negative_slope if activated else None
        make = next(make for kind, make in _PACKED.items() if isinstance(module, kind))
        layer, shape = make(module, shape, slope)
        made.append(layer)
    return made, shape


def _after(slope: Any) -> tuple[str, list[float], str]:
    """What oneDNN does to a result before it writes it."""
    return ("none", [], "") if slope is None else ("leaky_relu", [slope], "")


def _to_vector(module: ToVector, shape: tuple[int, ...], slope: Any) -> tuple[Layer, Any]:
    # by rows, columns, features: the order in which the maps lie in memory
    flat = module.weight.detach().permute(0, 2, 3, 1).flatten(1).contiguous()
    weight = torch.ops.mkldnn._reorder_linear_weight(flat, shape[0])
    after = _after(slope)

    def layer(x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1).flatten(1)
        return torch.ops.mkldnn._linear_pointwise(rows, weight, None, *after)  # type: ignore[no-any-return]

    return layer, (shape[0], module.out_channels)


def _from_vector(module: FromVector, shape: tuple[int, ...], slope: Any) -> tuple[Layer, Any]:
    _, features, side, _ = module.weight.shape
    flat = module.weight.detach().permute(2, 3, 1, 0).flatten(0, 2).contiguous()
    weight = torch.ops.mkldnn._reorder_linear_weight(flat, shape[0])
    after = _after(slope)

    def layer(z: Tensor) -> Tensor:
        maps = torch.ops.mkldnn._linear_pointwise(z.contiguous(), weight, None, *after)
        return maps.view(-1, side, side, features).permute(0, 3, 1, 2)  # type: ignore[no-any-return]

    return layer, (shape[0], features, side, side)


def _up(module: nn.ConvTranspose2d, shape: tuple[int, ...], slope: Any) -> tuple[Layer, Any]:
    if module.in_channels * module.out_channels >= LARGE:
        return _large_up(module, shape, slope)
    kernel = module.weight.detach()
    weight = torch.ops.mkldnn._reorder_convolution_transpose_weight(kernel, *UP, list(shape))
    after = _after(slope)

    def layer(x: Tensor) -> Tensor:
        return torch.ops.mkldnn._convolution_transpose_pointwise(x, weight, None, *UP, *after)  # type: ignore[no-any-return]

    return layer, (shape[0], module.out_channels, 2 * shape[2], 2 * shape[3])


def _large_up(module: nn.ConvTranspose2d, shape: tuple[int, ...], slope: Any) -> tuple[Layer, Any]:
    weight = winograd.kernel(module.weight)

    def layer(x: Tensor) -> Tensor:
        maps = winograd.transposed(x, weight)
        return maps if slope is None else functional.leaky_relu_(maps, slope)

    return layer, (shape[0], module.out_channels, 2 * shape[2], 2 * shape[3])


def _down(module: nn.Conv2d, shape: tuple[int, ...], slope: Any) -> tuple[Layer, Any]:
    kernel = module.weight.detach()
    weight = torch.ops.mkldnn._reorder_convolution_weight(kernel, *STEP, list(shape))
    after = _after(slope)

    def layer(x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, None, *STEP, *after)  # type: ignore[no-any-return]

    return layer, (shape[0], module.out_channels, shape[2] // 2, shape[3] // 2)


_PACKED: dict[type, Callable[..., tuple[Layer, Any]]] = {
    ToVector: _to_vector,
    FromVector: _from_vector,
    nn.ConvTranspose2d: _up,
    nn.Conv2d: _down,
}
"""How each kind of layer is made ready; the special ones before what they derive from."""
