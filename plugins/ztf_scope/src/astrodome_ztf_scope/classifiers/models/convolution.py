"""The convolution branch of the network for predictions on CPUs, without Keras.

The four separable convolutions of 3 x 3 pixels on images of 26 x 26 pixels are so small that
general implementations spend most of the time on moving data. Here, one image at a time is
processed in the CPU cache. Each channel is a flat array, and the rows keep the width of the input
of a layer: a shift of the window is then a shift of the flat array, and the last columns of each
row, in which a window would wrap around, are computed but not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]

WIDTHS = (16, 16, 32, 32)
"""Output channels of the four convolutions. The pooling is after the second one."""
SHAPES = tuple(
    shape
    for before, after in zip((1, *WIDTHS), WIDTHS, strict=False)
    for shape in ((before, 9), (before, after), (after,))
)
"""Shapes of the depthwise kernel, the pointwise kernel and the bias of each convolution."""
SIDE = 26
"""Pixels of an image along each axis; then 24, 22, 11 (after the pooling), 9 and 7."""

compiled = njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"}
)


@compiled
def _depthwise(x, kernel, width, out):  # type: ignore[no-untyped-def]
    """Convolve each channel of ``x`` (C, >= L + 2 width + 2) with its kernel to ``out`` (C, L)."""
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
def _relu(x, bias):  # type: ignore[no-untyped-def]
    """Add the bias of each channel and apply the activation, in place."""
    for c in range(x.shape[0]):
        row, b = x[c], bias[c]
        for p in range(len(row)):
            row[p] = max(row[p] + b, np.float32(0))


@compiled
def _max_pool(x, out):  # type: ignore[no-untyped-def]
    """Write the maximum of each block of 2 x 2 pixels of 22 x 22 to ``out`` (C, 121)."""
    for c in range(out.shape[0]):
        row, to = x[c], out[c]
        for i in range(11):
            for j in range(11):
                p = 52 * i + 2 * j
                to[11 * i + j] = max(max(row[p], row[p + 1]), max(row[p + 26], row[p + 27]))


@compiled
def _forward(images, weights, out):  # type: ignore[no-untyped-def]
    """Write the output of the branch for flat images (N, 676) to ``out`` (N, 32).

    The length of a flat channel is (h - 1) x width of the input + w: 622, 568, 97 and 73.
    """
    d1, p1, b1, d2, p2, b2, d3, p3, b3, d4, p4, b4 = weights
    s1, y1 = np.empty((1, 622), np.float32), np.empty((16, 622), np.float32)
    s2, y2 = np.empty((16, 568), np.float32), np.empty((16, 568), np.float32)
    s3, y3 = np.empty((16, 97), np.float32), np.empty((32, 97), np.float32)
    s4, y4 = np.empty((32, 73), np.float32), np.empty((32, 73), np.float32)
    pooled = np.empty((16, 121), np.float32)
    mean = np.zeros(73, np.float32)
    for i in range(7):
        mean[11 * i : 11 * i + 7] = np.float32(1 / 49)
    for n in range(len(images)):
        _depthwise(images[n : n + 1], d1, SIDE, s1)
        np.dot(p1.T, s1, y1)
        _relu(y1, b1)
        _depthwise(y1, d2, SIDE, s2)
        np.dot(p2.T, s2, y2)
        _relu(y2, b2)
        _max_pool(y2, pooled)
        _depthwise(pooled, d3, 11, s3)
        np.dot(p3.T, s3, y3)
        _relu(y3, b3)
        _depthwise(y3, d4, 11, s4)
        np.dot(p4.T, s4, y4)
        _relu(y4, b4)
        np.dot(y4, mean, out[n])


def forward(images: Array, weights: Sequence[Array]) -> Array:
    """Return the output (N, 32) of the branch for dmdt images (N, 26, 26).

    ``weights`` have the shapes of Keras, (3, 3, C, 1), (1, 1, C, D) and (D,), in the order of
    :data:`SHAPES`.
    """
    flat = np.ascontiguousarray(images, np.float32).reshape(len(images), SIDE * SIDE)
    arranged = tuple(
        np.ascontiguousarray(np.moveaxis(w, 2, 0) if np.ndim(w) == 4 and k % 3 == 0 else w).reshape(
            shape
        )
        for k, (w, shape) in enumerate(zip(weights, SHAPES, strict=True))
    )
    out = np.empty((len(flat), WIDTHS[-1]), np.float32)
    _forward(flat, arranged, out)
    return out
