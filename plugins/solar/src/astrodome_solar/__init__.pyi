from .channels import CHANNELS as CHANNELS
from .channels import Channel as Channel
from .channels import find_channel as find_channel
from .colormaps import colormap as colormap
from .filenames import ImageName as ImageName
from .filenames import file_name as file_name
from .filenames import parse_file_name as parse_file_name
from .flare_classes import flare_class as flare_class
from .flare_classes import flux_of_class as flux_of_class
from .formats.reading import read_image as read_image
from .formats.solar_image import SolarImage as SolarImage
from .geometry import ImageGeometry as ImageGeometry
from .geometry import rotate_positions as rotate_positions
from .metadata import read_metadata as read_metadata
from .protocols import EventSource as EventSource
from .protocols import FetchedImage as FetchedImage
from .protocols import FluxSource as FluxSource
from .protocols import ImageSource as ImageSource
from .protocols import SourceInfo as SourceInfo
from .protocols import source_info as source_info
from .times import parse_range as parse_range
from .times import parse_time as parse_time
from .times import to_datetime64 as to_datetime64

__version__: str
__all__ = [
    "CHANNELS",
    "Channel",
    "EventSource",
    "FetchedImage",
    "FluxSource",
    "ImageGeometry",
    "ImageName",
    "ImageSource",
    "SolarImage",
    "SourceInfo",
    "__version__",
    "colormap",
    "file_name",
    "find_channel",
    "flare_class",
    "flux_of_class",
    "parse_file_name",
    "parse_range",
    "parse_time",
    "read_image",
    "read_metadata",
    "rotate_positions",
    "source_info",
    "to_datetime64",
]
