"""Read SDO ML v1 data, which has one ``.npz`` file per frame.

Each file contains the array ``x``, in DN/s for AIA and in gauss for HMI. Files have names such as
``AIA20100615_0800_0171.npz`` and ``HMI20100615_0800_bx.npz``. The folders ``train`` and ``test``
contain the training data and the test data.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, errors
from astrodome_solar.channels import Channel, find_channel
from numpy.typing import NDArray

from . import scaling
from .folder import FileFormat, FolderImages

KEY = "x"
NAME = re.compile(r"(?:AIA|HMI)(?P<time>\d{8}_\d{4})_(?P<channel>\w+)")


def read(folder: Path, part: str, channel: str, size: int, threads: int = 0) -> FolderImages:
    """Read the frames of a channel from the subfolder ``part``, or from ``folder`` itself.

    Raises AstrodomeError if no frames are found, or if none of them can be read.
    """
    found = find_channel(channel)
    file_format = FileFormat(
        find=partial(find, channel=found),
        decode=partial(decode, channel=found),
        describe=describe,
        geometry=lambda path, size: scaling.frame_geometry(size, _parse_name(path)[0]),
        dtype=np.uint16,
    )
    subfolder = folder / part
    return FolderImages.read(
        subfolder if subfolder.is_dir() else folder, size, threads, file_format
    )


def find(folder: Path, channel: Channel) -> list[Path]:
    """Return the paths of a channel's files in a folder and its subfolders, sorted by time.

    Raises AstrodomeError if the folder does not exist or contains no files of the channel.
    """
    if not folder.is_dir():
        raise errors.not_found(folder, "Check the path of the data set.", kind="Folder")
    paths = [path for path in folder.rglob("*.npz") if not path.name.startswith(".")]
    found = sorted((p for p in paths if _parse_name(p)[1] == channel), key=lambda p: p.name)
    if not found:
        raise AstrodomeError(
            f"No frames of {channel.name} found in {folder} ({len(paths)} other .npz files).",
            "Expected names of SDO ML v1, for example AIA20100615_0800_0171.npz.",
        )
    return found


def decode(path: Path, size: int, channel: Channel) -> NDArray[np.uint16]:
    """Read a frame, resize it, and convert the scaled intensities to 16-bit integers.

    The range [-1, 1] of scaled intensities is mapped to the range of 16-bit integers. Raise
    ValueError if the frame is invalid.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            frame = np.asarray(file[KEY], dtype=np.float32)
    except (KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"Cannot read the array '{KEY}': {error}.") from error
    if frame.ndim != 2 or not frame.size:
        raise ValueError(f"The array '{KEY}' has the shape {frame.shape}, not (height, width).")
    if not np.isfinite(frame).all():
        raise ValueError("It has pixels without a value.")
    scaled = scaling.prepare(torch.from_numpy(frame)[None], channel, size)[0].numpy()
    levels: NDArray[np.uint16] = np.rint((scaled + 1) * (65535 / 2)).astype(np.uint16)
    return levels


def describe(path: Path) -> Mapping[str, Any]:
    """Parse a file name, and return ``path``, ``t_obs`` (UTC), ``wavelength`` and ``part``."""
    time, channel = _parse_name(path)
    return {
        "path": str(path.absolute()),
        "t_obs": f"{time.isoformat()}Z",
        "wavelength": channel and channel.wavelength,
        "part": channel.name if channel and channel.is_hmi else None,
    }


def _parse_name(path: Path) -> tuple[datetime, Channel | None]:
    """Return the time and the channel in a file name, or None as the channel if it is invalid."""
    match = NAME.fullmatch(path.stem)
    try:
        time = datetime.strptime(match["time"], "%Y%m%d_%H%M") if match else datetime.min
        return time, find_channel(match["channel"]) if match else None
    except (AstrodomeError, ValueError):
        return datetime.min, None
