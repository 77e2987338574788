"""Images of the Sun and what is known about them: formats, geometry, times, channels."""

__version__ = "0.1.0"
