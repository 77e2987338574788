"""Search attributes of the GSU client, available as ``a.gsu``."""

from sunpy.net.attr import SimpleAttr

__all__ = ["Size"]


class Size(SimpleAttr):  # type: ignore[misc]
    """Image width and height in pixels: ``2k`` (2048), ``512`` or ``256``."""
