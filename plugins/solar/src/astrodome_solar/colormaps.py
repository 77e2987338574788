"""Colormaps for AIA and HMI images."""

from __future__ import annotations

import matplotlib as mpl
import sunpy.visualization.colormaps  # noqa: F401  (registers the colormaps)
from matplotlib.colors import Colormap


def colormap(wavelength: int | None, quantity: str = "") -> Colormap:
    """Return the sunpy colormap for an AIA or HMI channel.

    Parameters
    ----------
    wavelength : int or None
        Wavelength in angstrom.
    quantity : str
        HMI observable, for example ``magnetogram``.

    Returns
    -------
    matplotlib.colors.Colormap
        The colormap, or ``gray`` for channels without a colormap in sunpy.

    Examples
    --------
    >>> colormap(171).name
    'sdoaia171'
    """
    name = "hmimag" if quantity == "magnetogram" else f"sdoaia{wavelength}"
    return mpl.colormaps[name if name in mpl.colormaps else "gray"]
