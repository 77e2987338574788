"""Convert SDO ML frames to network input, and compute the geometry of the frames."""

from __future__ import annotations

from datetime import datetime

import torch
from astrodome_solar.channels import Channel
from astrodome_solar.geometry import ImageGeometry
from astrodome_solar.metadata import FRAME
from torch import Tensor
from torch.nn import functional

DISK_RADIUS = 976 / 0.6 / 4096
"""Radius of the solar disk in SDO ML frames, as a fraction of the frame width.

It corresponds to 976 arcsec at 0.6 arcsec/px. The disk has this radius in all frames."""


def scale(intensity: Tensor, channel: Channel) -> Tensor:
    """Scale intensities in place to [-1, 1].

    Intensities are clipped to the range of the channel. AIA intensities are scaled
    logarithmically, HMI intensities linearly.
    """
    intensity.clamp_(channel.low, channel.high)
    if channel.logarithmic:
        intensity.log10_()
    low, high = channel.limits
    return intensity.sub_(low).mul_(2 / (high - low)).sub_(1)


def disk_mask(side: int, factor: float = 1.0) -> Tensor:
    """Return a mask with shape (side, side) for an SDO ML frame.

    The mask is True for pixels within ``factor`` solar radii of the frame center.
    """
    offset = torch.arange(side, dtype=torch.float32) - side // 2
    return offset[:, None] ** 2 + offset**2 <= (DISK_RADIUS * side * factor) ** 2


def prepare(frames: Tensor, channel: Channel, size: int, mask: Tensor | None = None) -> Tensor:
    """Convert intensities with shape (N, H, W) to network input with shape (N, size, size).

    Row 0 of a frame is the southernmost row, and row 0 of the result is the northernmost row.
    Pixels outside the mask, which has the shape (H, W), are set to 0. Frames are resized with
    antialiasing before they are scaled.
    """
    if mask is not None:
        frames = frames * mask
    return scale(resize(frames, size), channel).flip(-2)


def resize(frames: Tensor, size: int) -> Tensor:
    """Return frames with shape (N, H, W) as a new tensor with shape (N, size, size)."""
    if frames.shape[-2:] == (size, size):
        return frames.clone()
    shape = (size, size)
    return functional.interpolate(frames[:, None], shape, mode="bilinear", antialias=True)[:, 0]


def frame_geometry(size: int, time: datetime) -> ImageGeometry:
    """Return the geometry of an SDO ML frame with ``size`` × ``size`` pixels at a given time."""
    from sunpy.coordinates.sun import angular_radius

    radius = DISK_RADIUS * FRAME
    row = {"X0": FRAME / 2, "Y0": FRAME / 2, "R_SUN": radius}
    row["CDELT"] = float(angular_radius(time).to_value("arcsec")) / radius
    return ImageGeometry.from_metadata(row, size, size, time)
