"""Draw the plots of a source on the vetting page."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

import numpy as np

from ..features.dmdt import dmdt_image
from ..features.folding import fold
from ..features.inspection import InspectedLightCurve, main_light_curve
from . import light_curve_plots as plots

_lock = threading.Lock()
"""Lock for the settings of matplotlib, which all threads of the server share."""


def draw(curves: Sequence[InspectedLightCurve], period: float | None) -> dict[str, str]:
    """Return plots as data URLs, with the keys ``unfolded``, ``folded`` and ``dmdt``.

    ``period`` is in days. Without light curves, the result is empty.
    """
    if not curves:
        return {}
    main, time = main_light_curve(curves), period or np.nan
    image = dmdt_image(*main.epochs[:2])
    with _lock:
        return {
            "unfolded": plots.image(partial(plots.unfolded, curves=curves), 9, 2.8),
            "folded": plots.image(
                partial(plots.folded, curves=fold(curves, time), period=time), 6.2, 3.2
            ),
            "dmdt": plots.image(partial(plots.dmdt_image, image=image, band=main.band), 2.6, 2.5),
        }
