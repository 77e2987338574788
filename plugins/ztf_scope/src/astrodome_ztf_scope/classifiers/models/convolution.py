"""Convolution branch of the neural network, for prediction on CPUs without using Keras.

The network has four separable 3 x 3 convolutions on images with 26 x 26 pixels. For such small
images, general-purpose implementations spend most of the time on copying data. This module
therefore processes one image at a time in the CPU cache. Each channel is stored as a flat array
whose row width equals the width of the layer input. Shifting the window is then equivalent to
shifting the flat array. In the last columns of each row, the window would extend into the next row.
These values are computed but not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]

WIDTHS = (16, 16, 32, 32)
"""Number of output channels for each convolution. Max pooling follows the second convolution."""
SHAPES = tuple(
    shape
    for before, after in zip((1, *WIDTHS), WIDTHS, strict=False)
    for shape in ((before, 9), (before, after), (after,))
)
"""Shapes of the depthwise kernel, the pointwise kernel and the bias of each convolution."""
SIDE = 26
"""Input image width in pixels; the layer outputs are 24, 22, 11 (pooled), 9 and 7 pixels wide."""

compiled = njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"}
)


@compiled
def _depthwise(x, kernel, width, out):  # type: ignore[no-untyped-def]
    """Convolve each channel in ``x`` with its kernel, and write the result to ``out``.

    ``out`` has the shape (C, L), and ``x`` has the shape (C, M) with M >= L + 2 width + 2.
    """
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
    """Add the bias to each channel and apply the ReLU activation, in place."""
    for c in range(x.shape[0]):
        row, b = x[c], bias[c]
        for p in range(len(row)):
            row[p] = max(row[p] + b, np.float32(0))


@compiled
def _max_pool(x, out):  # type: ignore[no-untyped-def]
    """Apply 2 x 2 max pooling to 22 x 22 pixels, and write the result to ``out``.

    ``x`` has the row width 26, and ``out`` has the shape (C, 121).
    """
    for c in range(out.shape[0]):
        row, to = x[c], out[c]
        for i in range(11):
            for j in range(11):
                p = 52 * i + 2 * j
                to[11 * i + j] = max(max(row[p], row[p + 1]), max(row[p + 26], row[p + 27]))


@compiled
def _forward(images, weights, out):  # type: ignore[no-untyped-def]
    """Compute the output of the convolution branch for flattened images with shape (N, 676).

    The result is written to ``out`` with shape (N, 32). If an output channel has h x w pixels, the
    length of its flat array is (h - 1) x (input width) + w. For the four convolutions, the lengths
    are 622, 568, 97 and 73.
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
    """Return the output of the convolution branch, with shape (N, 32).

    ``images`` contains dmdt images with shape (N, 26, 26). ``weights`` contains three arrays with
    the Keras shapes (3, 3, C, 1), (1, 1, C, D) and (D,) for each convolution.
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
