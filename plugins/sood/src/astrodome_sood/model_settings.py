"""Options of the built-in models. This module does not import the libraries of the models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from .config import AsItems, ConfigSection


class StatisticsSettings(ConfigSection):
    """Options of the model ``statistics``."""

    layout: Literal["auto", "patches", "disks"] = "auto"
    """Layout of the images: patches of the solar disk, or full disks, whose statistics are compared
    separately for each cell of the disk. 'auto' detects the layout."""


class SegmentationSettings(ConfigSection):
    """Options of the model ``segmentation``."""

    epoch_images: PositiveInt = 1280
    """Number of images in a training epoch."""
    leave_out: Annotated[list[str], AsItems] = Field([])
    """Family of generated defects that is not used for training, for example smoothed."""


class DetectSettings(StatisticsSettings, SegmentationSettings):
    """Options of the model ``detect``."""


class AutoencoderSettings(ConfigSection):
    """Options of the models ``ce_vae`` and ``ae``. They have none besides the configuration."""


class ThresholdSettings(ConfigSection):
    """Options of the model ``threshold``."""

    score: Literal["map", "mean"] = "map"
    """Image score: 'map' is the mean of the pixel scores, and 'mean' is the mean intensity of the
    image, as in sdo-cli."""
