"""Search attributes of GSU's image service, ``a.gsu`` once :mod:`.fido` is imported."""

from sunpy.net.attr import SimpleAttr

__all__ = ["Size"]


class Size(SimpleAttr):  # type: ignore[misc]
    """Pixels a side of an image: ``2k`` (2048), ``512`` or ``256``."""
