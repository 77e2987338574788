"""Solar soft X-ray flux measured by the XRS instruments of the GOES satellites.

A :class:`Store` is a folder with samples of the 0.5-4 angstrom (``xrsa``) and 1-8 angstrom
(``xrsb``) flux. :func:`download` and :func:`import_files` add data to the store. :func:`flux_at`
and :func:`samples_at` return the samples nearest to given times, and :func:`samples` and
:func:`timeseries` return all samples in a time range. :func:`flares` finds flares, :func:`plot`
plots the flux and the flares, and :func:`coverage` reports gaps in the data.

A sample is *good* if its flux is positive and no quality flag is set.
"""

import lazy_loader as lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
