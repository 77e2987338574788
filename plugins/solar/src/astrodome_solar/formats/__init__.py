"""File formats of solar images."""
