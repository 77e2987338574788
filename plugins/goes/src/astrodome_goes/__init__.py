"""Solar soft X-ray flux measured by the XRS instruments of the GOES satellites.

A :class:`Store` is a folder with samples of the 0.5-4 angstrom (``xrsa``) and 1-8 angstrom
(``xrsb``) flux. :func:`download` and :func:`import_files` add data to it, :func:`flux_at` and
:func:`samples_at` look up times, :func:`samples` and :func:`timeseries` return a time range,
:func:`flares` finds flares, :func:`plot` draws them, and :func:`coverage` shows the gaps.
"""

import lazy_loader as lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
