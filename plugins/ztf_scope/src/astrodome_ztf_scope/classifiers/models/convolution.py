"""The convolution branch on processors: one image at a time, in its nearest cache.

Four separable convolutions of 3 x 3 on an image of 26 x 26 are so small that general kernels
spend their time on moving data. Here an image stays flat, a row of a layer keeps the width of
the layer's input, and its last columns, in which a window would wrap round, are computed but
never used. A shift of the window is then one of the flat array, and a whole layer is nine
multiplications of long rows, and one product of small matrices.

NetworkWeights are in the order of :data:`SHAPES`. Dropout draws from a hash of seed, image and
position, so that the gradient recomputes what the forward pass dropped instead of storing it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .threads import chunks, share

Array = NDArray[np.float32]

WIDTHS = (16, 16, 32, 32)
"""Channels of the four convolutions; two of them stand before the pooling and two after."""
RATE = 0.25
"""Of the outputs of a pair that dropout sets to zero."""
SHAPES = tuple(
    shape
    for before, after in zip((1, *WIDTHS), WIDTHS, strict=False)
    for shape in ((before, 9), (before, after), (after,))
)
"""Depthwise, pointwise and bias of each convolution."""

SIDE = 26
"""Pixels of an image along each axis; then 24 and 22, pooled to 11, then 9 and 7."""
CHUNK = 16
"""Images of one partial sum of gradients: fixed, so that sums do not depend on the threads."""

compiled = njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"}
)


@compiled
def _depthwise(x, kernel, width, out):  # type: ignore[no-untyped-def]
    """Rows of ``out`` (C, L): each row of ``x`` (C, >= L + 2 width + 2) under its own window."""
    for c in range(out.shape[0]):
        row, to = x[c], out[c]
        a, b, d = kernel[c, 0], kernel[c, 1], kernel[c, 2]
        e, f, g = kernel[c, 3], kernel[c, 4], kernel[c, 5]
        h, i, j = kernel[c, 6], kernel[c, 7], kernel[c, 8]
        for p in range(len(to)):
            q, r = p + width, p + 2 * width
            to[p] = (
                a * row[p] + b * row[p + 1] + d * row[p + 2]
                + e * row[q] + f * row[q + 1] + g * row[q + 2]
                + h * row[r] + i * row[r + 1] + j * row[r + 2]
            )  # fmt: skip


@compiled
def _kernel_gradient(x, width, slope, to_kernel):  # type: ignore[no-untyped-def]
    """Add to the windows' gradient (C, 9) for the gradient of what they gave."""
    for c in range(slope.shape[0]):
        row, g, to = x[c], slope[c], to_kernel[c]
        a = b = d = e = f = h = i = j = k = np.float32(0)
        for p in range(len(g)):
            q, r, s = p + width, p + 2 * width, g[p]
            a += row[p] * s
            b += row[p + 1] * s
            d += row[p + 2] * s
            e += row[q] * s
            f += row[q + 1] * s
            h += row[q + 2] * s
            i += row[r] * s
            j += row[r + 1] * s
            k += row[r + 2] * s
        to += np.array([a, b, d, e, f, h, i, j, k])


@compiled
def _input_gradient(slope, kernel, width, spare, to_x):  # type: ignore[no-untyped-def]
    """The gradient of the input: windows turned round, over ``spare``, which is 0 at both ends."""
    first = 2 * width + 2
    for c in range(slope.shape[0]):
        spare[c, first : first + slope.shape[1]] = slope[c]
    _depthwise(spare, kernel[:, ::-1], width, to_x)


@compiled
def _activate(x, bias):  # type: ignore[no-untyped-def]
    for c in range(x.shape[0]):
        row, b = x[c], bias[c]
        for p in range(len(row)):
            row[p] = max(row[p] + b, np.float32(0))


@compiled
def _gate(slope, y, to_bias):  # type: ignore[no-untyped-def]
    """Through the activation, whose output was ``y``, to its bias."""
    for c in range(slope.shape[0]):
        g, row = slope[c], y[c]
        total = np.float32(0)
        for p in range(len(g)):
            g[p] = g[p] if row[p] > 0 else np.float32(0)
            total += g[p]
        to_bias[c] += total


@compiled
def _drop(x, seed, rate):  # type: ignore[no-untyped-def]
    """Dropout in place; the same of the same seed."""
    keep, limit = np.float32(1 / (1 - rate)), np.uint32(rate * 4294967296.0)
    for c in range(x.shape[0]):
        row = x[c]
        first = np.uint32(seed + np.uint32(c * 2654435761 & 0xFFFFFFFF))
        for p in range(len(row)):
            h = np.uint32(first + np.uint32(p))
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(16))) * np.uint32(0x7FEB352D))
            h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(15))) * np.uint32(0x846CA68B))
            h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
            row[p] = row[p] * keep if h >= limit else np.float32(0)


@compiled
def _pool(x, out, spare):  # type: ignore[no-untyped-def]
    for c in range(out.shape[0]):
        row, to = x[c], out[c]
        for i in range(11):
            for j in range(22):
                spare[j] = max(row[52 * i + j], row[52 * i + 26 + j])
            for j in range(11):
                to[11 * i + j] = max(spare[2 * j], spare[2 * j + 1])


@compiled
def _unpool(slope, x, pooled, out, spare):  # type: ignore[no-untyped-def]
    """To the place that was the maximum, or to the first of those that were."""
    for c in range(slope.shape[0]):
        row, to = x[c], out[c]
        for i in range(11):
            for j in range(11):
                p = 52 * i + 2 * j
                left = max(row[p], row[p + 26]) == pooled[c, 11 * i + j]
                g = slope[c, 11 * i + j]
                spare[2 * j] = g if left else np.float32(0)
                spare[2 * j + 1] = np.float32(0) if left else g
            for j in range(22):
                p = 52 * i + j
                above = row[p] >= row[p + 26]
                to[p] = spare[j] if above else np.float32(0)
                to[p + 26] = np.float32(0) if above else spare[j]


@compiled
def _scratch():  # type: ignore[no-untyped-def]
    """Per layer what the windows and the activations give, and the pooled image.

    A flat row ends with the last place that a window fits, (h - 1) x width of the input + w:
    622, 568, 97 and 73.
    """
    return (
        np.empty((1, 622), np.float32), np.empty((16, 622), np.float32),
        np.empty((16, 568), np.float32), np.empty((16, 568), np.float32),
        np.empty((16, 97), np.float32), np.empty((32, 97), np.float32),
        np.empty((32, 73), np.float32), np.empty((32, 73), np.float32),
        np.empty((16, 121), np.float32), np.empty(22, np.float32),
    )  # fmt: skip


@compiled
def _mean():  # type: ignore[no-untyped-def]
    """Weights of the last layer's places in the average."""
    weights = np.zeros(73, np.float32)
    for i in range(7):
        weights[11 * i : 11 * i + 7] = np.float32(1 / 49)
    return weights


@compiled
def _image(x, weights, seed, rate, scratch):  # type: ignore[no-untyped-def]
    """All layers of one flat image, into ``scratch``."""
    d1, p1, b1, d2, p2, b2, d3, p3, b3, d4, p4, b4 = weights
    s1, y1, s2, y2, s3, y3, s4, y4, pooled, spare = scratch
    _depthwise(x, d1, 26, s1)
    for c in range(16):
        row, weight, bias = y1[c], p1[0, c], b1[c]
        for p in range(622):
            row[p] = max(weight * s1[0, p] + bias, np.float32(0))
    _depthwise(y1, d2, 26, s2)
    np.dot(p2.T, s2, y2)
    _activate(y2, b2)
    if rate > 0:
        _drop(y2, seed, rate)
    _pool(y2, pooled, spare)
    _depthwise(pooled, d3, 11, s3)
    np.dot(p3.T, s3, y3)
    _activate(y3, b3)
    _depthwise(y3, d4, 11, s4)
    np.dot(p4.T, s4, y4)
    _activate(y4, b4)
    if rate > 0:
        _drop(y4, np.uint32(seed ^ np.uint32(0x5BD1E995)), rate)


@compiled
def _seed(seed, n):  # type: ignore[no-untyped-def]
    return np.uint32(np.uint32(seed) ^ np.uint32((n + 1) * 0x9E3779B9 & 0xFFFFFFFF))


@compiled
def _forward(images, weights, seed, rate, first, out):  # type: ignore[no-untyped-def]
    scratch, mean = _scratch(), _mean()
    for n in range(len(images)):
        _image(images[n : n + 1], weights, _seed(seed, first + n), rate, scratch)
        np.dot(scratch[7], mean, out[n])


@compiled
def _backward(images, weights, seed, rate, first, slope, out):  # type: ignore[no-untyped-def]
    """Add the gradients of these images to ``out``, which has the shapes of the weights."""
    _, p1, _, d2, p2, _, d3, p3, _, d4, p4, _ = weights
    kd1, kp1, kb1, kd2, kp2, kb2, kd3, kp3, kb3, kd4, kp4, kb4 = out
    scratch, mean = _scratch(), _mean()
    s1, y1, s2, y2, s3, y3, s4, y4, pooled, row = scratch
    g1, g2, g3, g4 = np.empty_like(y1), np.zeros_like(y2), np.empty_like(y3), np.empty_like(y4)
    t1, t2, t3, t4 = np.empty_like(s1), np.empty_like(s2), np.empty_like(s3), np.empty_like(s4)
    to_pooled = np.empty_like(pooled)
    wide2 = np.zeros((16, 568 + 2 * 54), np.float32)
    wide3, wide4 = np.zeros((16, 97 + 2 * 24), np.float32), np.zeros((32, 73 + 2 * 24), np.float32)
    keep = np.float32(1 / (1 - rate))
    for n in range(len(images)):
        x = images[n : n + 1]
        _image(x, weights, _seed(seed, first + n), rate, scratch)
        for c in range(32):
            for p in range(73):
                g4[c, p] = slope[n, c] * keep * mean[p]
        _gate(g4, y4, kb4)
        kp4 += np.dot(s4, g4.T)
        np.dot(p4, g4, t4)
        _kernel_gradient(y3, 11, t4, kd4)
        _input_gradient(t4, d4, 11, wide4, g3)
        _gate(g3, y3, kb3)
        kp3 += np.dot(s3, g3.T)
        np.dot(p3, g3, t3)
        _kernel_gradient(pooled, 11, t3, kd3)
        _input_gradient(t3, d3, 11, wide3, to_pooled)
        to_pooled *= keep
        _unpool(to_pooled, y2, pooled, g2, row)
        _gate(g2, y2, kb2)
        kp2 += np.dot(s2, g2.T)
        np.dot(p2, g2, t2)
        _kernel_gradient(y1, 26, t2, kd2)
        _input_gradient(t2, d2, 26, wide2, g1)
        _gate(g1, y1, kb1)
        kp1 += np.dot(s1, g1.T)
        np.dot(p1, g1, t1)
        _kernel_gradient(x, 26, t1, kd1)


def _flat(images: Array) -> Array:
    return np.ascontiguousarray(images, np.float32).reshape(len(images), SIDE * SIDE)


def _weights(weights: Sequence[Array]) -> tuple[Array, ...]:
    """As the kernels want them; Keras has (3, 3, C, 1) and (1, 1, C, D)."""
    return tuple(
        np.ascontiguousarray(
            np.moveaxis(np.asarray(w, np.float32), 2, 0) if np.ndim(w) == 4 and k % 3 == 0 else w,
            np.float32,
        ).reshape(shape)
        for k, (w, shape) in enumerate(zip(weights, SHAPES, strict=True))
    )


def forward(
    images: Array, weights: Sequence[Array], seed: int = 0, rate: float = 0, threads: int = 1
) -> Array:
    """What the branch makes (N, 32) of dmdt images (N, 26, 26); without dropout, unless asked."""
    flat, arranged = _flat(images), _weights(weights)
    out = np.empty((len(flat), WIDTHS[-1]), np.float32)

    def part(rows: slice) -> None:
        _forward(flat[rows], arranged, np.uint32(seed), np.float32(rate), rows.start, out[rows])

    share(part, list(chunks(len(flat), CHUNK if rate else 8 * CHUNK)), threads)
    return out


def backward(
    images: Array,
    weights: Sequence[Array],
    slope: Array,
    seed: int = 0,
    rate: float = 0,
    threads: int = 1,
) -> list[Array]:
    """Gradients of the weights, in Keras' shapes, for the gradient (N, 32) of the output."""
    flat, arranged = _flat(images), _weights(weights)
    slope = np.ascontiguousarray(slope, np.float32)
    rows = list(chunks(len(flat), CHUNK))
    sums = [np.zeros((len(rows), *shape), np.float32) for shape in SHAPES]

    def part(k: int) -> None:
        own, here = tuple(total[k] for total in sums), rows[k]
        _backward(
            flat[here], arranged, np.uint32(seed), np.float32(rate), here.start, slope[here], own
        )

    share(part, range(len(rows)), threads)
    return [
        (np.moveaxis(total.reshape(-1, 3, 3, 1), 0, 2) if k % 3 == 0 else total).reshape(w.shape)
        for k, (total, w) in enumerate(
            zip((total.sum(0, dtype=np.float32) for total in sums), weights, strict=True)
        )
    ]
