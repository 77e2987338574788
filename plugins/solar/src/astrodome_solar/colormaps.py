"""Colormaps for images of AIA and HMI."""

from __future__ import annotations

import matplotlib as mpl
import sunpy.visualization.colormaps  # noqa: F401  (registers the colormaps)
from matplotlib.colors import Colormap


def colormap(wavelength: int | None, quantity: str = "") -> Colormap:
    """Return sunpy's colormap for a channel of AIA or HMI.

    Parameters
    ----------
    wavelength : int or None
        Wavelength in angstrom.
    quantity : str
        Observable of HMI, for example ``magnetogram``.

    Returns
    -------
    matplotlib.colors.Colormap
        The colormap; ``gray`` for channels without a colormap.

    Examples
    --------
    >>> colormap(171).name
    'sdoaia171'
    """
    name = "hmimag" if quantity == "magnetogram" else f"sdoaia{wavelength}"
    return mpl.colormaps[name if name in mpl.colormaps else "gray"]
