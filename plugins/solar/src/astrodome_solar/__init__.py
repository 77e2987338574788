"""Read solar images with their metadata, and convert coordinates, times and intensities.

Read an image with :func:`read_image`, and the metadata table of a folder with
:func:`read_metadata`. :class:`ImageGeometry` converts between helioprojective coordinates and
pixels. :func:`rotate_positions` applies the differential rotation of the Sun.
"""

import lazy_loader as lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
