"""Real images of the Sun that packages contain."""

from services.sample_images import aia171, aia193, heliov, hmi

__all__ = ["aia171", "aia193", "heliov", "hmi"]
