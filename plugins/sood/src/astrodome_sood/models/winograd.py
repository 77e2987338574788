"""A transposed convolution that doubles its maps, with half of the multiplications.

Each output sees 2 x 2 of the 4 x 4 taps, so the layer is four convolutions of 2 x 2 taps, one
for each parity of row and column. Three neighbouring outputs of two taps take four products
instead of six (Winograd's F(3, 2), Lavin & Gray 2016, CVPR, 4013), in rows and in columns; all
parities share the transformed input. Rounding is no larger than that of the direct sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

OUT, POINTS = 3, 4
"""Outputs that a tile gives along an axis, and products that they take."""
TAPS = ((3, 1), (2, 0))
"""The taps along an axis that outputs at even and at odd places see, as their inputs follow."""
OF_TAPS = ((1.0, 0.0), (0.5, 0.5), (0.5, -0.5), (0.0, 1.0))


def kernel(weight: Tensor) -> Tensor:
    """The weight of a ``ConvTranspose2d(C, F, 4, 2, 1)``, transformed: (16, C, 4 F)."""
    taps = torch.tensor(TAPS)
    seen = weight.detach().double()[:, :, taps][..., taps]  # C, F, parity, tap, parity, tap
    to = torch.tensor(OF_TAPS, dtype=torch.float64)
    products = torch.einsum("it,jv,cfatbv->ijcabf", to, to, seen)
    return products.reshape(POINTS**2, weight.shape[0], -1).to(weight.dtype).contiguous()


def transposed(x: Tensor, transformed: Tensor) -> Tensor:
    """The layer of a :func:`kernel`: from (N, C, n, n) to (N, F, 2n, 2n), channels last."""
    size, tiles = x.shape[2], -(-(x.shape[2] + 1) // OUT)
    factors = _of_inputs(x, tiles)
    products = torch.bmm(factors.view(POINTS**2, -1, x.shape[1]), transformed)
    features = transformed.shape[2] // 4
    shape = (POINTS, POINTS, len(x), tiles, tiles, 2, 2, features)
    return _interleaved(_outputs(products.view(shape)), size)


def _of_inputs(x: Tensor, tiles: int) -> Tensor:
    """The factors of all products that come from the maps, (4, 4, N, tiles, tiles, C)."""
    end = OUT * tiles - x.shape[2]
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, 1, end, 1, end))
    step = OUT * (tiles - 1) + 1
    rows = x.new_empty(POINTS, len(x), tiles, padded.shape[2], x.shape[1])
    factors = x.new_empty(POINTS, POINTS, len(x), tiles, tiles, x.shape[1])
    _differences([padded[:, i : i + step : OUT] for i in range(POINTS)], rows)
    for row, into in zip(rows, factors, strict=True):
        _differences([row[:, :, j : j + step : OUT] for j in range(POINTS)], into)
    return factors


def _differences(x: Sequence[Tensor], into: Tensor) -> None:
    torch.sub(x[0], x[2], out=into[0])
    torch.add(x[1], x[2], out=into[1])
    torch.sub(x[2], x[1], out=into[2])
    torch.sub(x[3], x[1], out=into[3])


def _outputs(products: Tensor) -> Tensor:
    """Sums of products: (N, rows, columns, 2, 2, F), those of all parities at each place."""
    _, _, count, tiles, _, *last = products.shape
    rows = products.new_empty(OUT, *products.shape[1:])
    found = products.new_empty(count, tiles, OUT, tiles, OUT, *last)
    _sums(products, rows)
    for i, row in enumerate(rows):
        _sums(row, [found[:, :, i, :, j] for j in range(OUT)])
    return found.view(count, OUT * tiles, OUT * tiles, *last)


def _sums(m: Tensor, into: Sequence[Tensor] | Tensor) -> None:
    torch.add(m[0], torch.add(m[1], m[2]), out=into[0])
    torch.sub(m[1], m[2], out=into[1])
    torch.add(m[3], torch.add(m[1], m[2]), out=into[2])


def _interleaved(found: Tensor, size: int) -> Tensor:
    """Each parity at its places: outputs at odd ones begin an input later."""
    count, *_, features = found.shape
    maps = found.new_empty(count, size, 2, size, 2, features)
    for a in (0, 1):
        for b in (0, 1):
            maps[:, :, a, :, b] = found[:, a : a + size, b : b + size, a, b]
    return maps.view(count, 2 * size, 2 * size, features).permute(0, 3, 1, 2)
