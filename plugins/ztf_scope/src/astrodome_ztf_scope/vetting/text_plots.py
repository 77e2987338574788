"""Plot light curves with characters, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..features.folding import FoldedLightCurve

WIDTH, HEIGHT = 64, 12
"""Default size of a plot, in characters."""
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bits of the dots in a Unicode Braille pattern, which has four rows and two columns."""
BRAILLE = 0x2800


def folded(
    curves: Sequence[FoldedLightCurve], width: int = WIDTH, height: int = HEIGHT
) -> list[str]:
    """Return the lines of a plot with two cycles of folded light curves.

    The brightest magnitudes are at the top. If there are several light curves, their median
    magnitudes are subtracted.
    """
    curves = [curve for curve in curves if len(curve.mag)]
    if not curves:
        return []
    phase = np.concatenate([curve.phase for curve in curves])
    mag = np.concatenate([curve.mag - np.median(curve.mag) for curve in curves])
    low, high = np.quantile(mag, [0.005, 0.995])
    x = np.concatenate([phase, phase + 1]) / 2
    y = np.clip((np.tile(mag, 2) - low) / ((high - low) or 1.0), 0, 1)
    column = np.minimum((x * 2 * width).astype(int), 2 * width - 1)
    row = np.round(y * (4 * height - 1)).astype(int)
    cells = np.zeros((height, width), np.int64)
    np.bitwise_or.at(cells, (row // 4, column // 2), DOTS[row % 4, column % 2])
    return ["".join(chr(BRAILLE + cell) for cell in line) for line in cells.tolist()]
