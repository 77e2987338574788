"""Open data sets, and build SDO ML v2 stores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..datasets import loading
from .arguments import Keys, StrPath, configure, to_text

if TYPE_CHECKING:
    from ..protocols import ImageDataset


def open_images(location: StrPath, *, config: Keys = None, **options: Any) -> ImageDataset:
    """Open a folder of images or an SDO ML data set.

    Parameters
    ----------
    location : str or path
        Folder with JPEG or PNG images (subfolders are included), or the folder or URL of an SDO ML
        data set.
    config : mapping, optional
        Configuration values, keyed by dotted configuration key, for example
        ``{"data.sdo_ml_v2.train_year": 2012}``.
    **options
        ``target_size`` is the width and height of the images in pixels (default: 256). For SDO ML
        data, ``dataset`` is ``SDOMLDatasetV1`` or ``SDOMLDatasetV2``, and ``channel`` is the name
        of the channel.

    Returns
    -------
    ImageDataset
        Sequence of images. Each image is a float32 array with shape (C, H, W) and values in
        [-1, 1]. The attribute ``failed`` contains a tuple (name, error message) for each invalid
        image.

    Raises
    ------
    AstrodomeError
        If the location contains no valid images.

    Examples
    --------
    >>> images = open_images("patches", target_size=32)
    >>> len(images), images[0].shape, images.describe(0)["wavelength"]
    (48, (1, 32, 32), 193)
    """
    return loading.open_images(configure(config, {**options, "data_dir": to_text(location)}))


def build_dataset(
    sources: Sequence[StrPath] | StrPath, out: StrPath, *, size: int = 512, **options: Any
) -> pd.DataFrame:
    """Build an SDO ML v2 store from FITS files and images.

    Parameters
    ----------
    sources : path or sequence of paths
        FITS files, JPEG 2000 files, images with names such as ``2012-03-07T000200__171.jpeg``, or
        folders that contain such files.
    out : str or path
        Folder in which the store is created.
    size : int
        Width and height of the frames in pixels.
    **options
        Parameters of :func:`astrodome_solar.read_image`. ``date``, ``exposure`` (in seconds) and
        ``wavelength`` (in angstroms) are used for files that do not contain these values.
        ``plane`` is the index of the image to read from files with several images.

    Returns
    -------
    pandas.DataFrame
        One row per year and channel, with the number of frames, the first and last time (UTC),
        and the cadence and longest gap in seconds. ``attrs["failed"]`` contains a tuple (name,
        error message) for each file that could not be used.

    Raises
    ------
    AstrodomeError
        If ``out`` already exists or no file can be used.

    Examples
    --------
    >>> build_dataset("disks", "store.zarr", size=64)[["channel", "frames"]]
      channel  frames
    0    193A       2
    """
    from ..datasets.sdoml_v2.build import StoreLayout, build
    from ..datasets.sdoml_v2.store import FrameStore

    paths = [sources] if isinstance(sources, str | os.PathLike) else sources
    target = Path(out).expanduser()
    outcome = build(
        [Path(each).expanduser() for each in paths], target, StoreLayout(size), **options
    )
    table = pd.DataFrame(FrameStore(str(target)).inventory())
    table.attrs["failed"] = outcome.failed
    return table
