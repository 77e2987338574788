"""Read SDO ML v1 data, which has one ``.npz`` file per frame.

Each file contains the array ``x``, in DN/s for AIA and in gauss for HMI. Files have names such as
``AIA20100615_0800_0171.npz`` and ``HMI20100615_0800_bx.npz``. The folders ``train`` and ``test``
contain the training data and the test data.
"""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome import AstrodomeError, errors
from astrodome_solar.channels import Channel, find_channel
from astrodome_solar.geometry import ImageGeometry
from numpy.typing import NDArray

from . import scaling
from .folder import FolderImages

KEY = "x"
NAME = re.compile(r"(?:AIA|HMI)(?P<time>\d{8}_\d{4})_(?P<channel>\w+)")


class SdoMlV1Images(FolderImages):
    """Sequence of the SDO ML v1 frames for one channel.

    The frames are read from the subfolder ``part`` (``train`` or ``test``) of ``folder``. If this
    subfolder does not exist, they are read from ``folder`` itself.

    Raises AstrodomeError if no frames are found, or if none of them can be read.
    """

    dtype = np.uint16

    def __init__(self, folder: Path, part: str, channel: str, size: int, threads: int = 0) -> None:
        self.channel = find_channel(channel)
        subfolder = folder / part
        super().__init__(subfolder if subfolder.is_dir() else folder, size, threads)

    def find(self, folder: Path) -> list[Path]:
        """Return the paths of the channel's files in a folder and its subfolders, sorted by time.

        Raises AstrodomeError if the folder does not exist or contains no files for the channel.
        """
        if not folder.is_dir():
            raise errors.not_found(folder, "Check the path of the data set.", kind="Folder")
        paths = [path for path in folder.rglob("*.npz") if not path.name.startswith(".")]
        found = [path for path in paths if _parse_name(path)[1] == self.channel]
        if not found:
            raise AstrodomeError(
                f"No frames found for the channel {self.channel.name} in {folder}, which contains "
                f"{len(paths)} other .npz files.",
                "Expected file names such as AIA20100615_0800_0171.npz.",
            )
        return sorted(found, key=lambda path: path.name)

    def decode(self, path: Path, size: int) -> NDArray[np.uint16]:
        """Read a frame, resize it, and convert the scaled intensities to 16-bit integers.

        The range [-1, 1] of scaled intensities is mapped to the range of 16-bit integers. Raises
        ValueError if the frame is invalid.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                frame = np.asarray(file[KEY], dtype=np.float32)
        except (KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"Cannot read the array '{KEY}': {error}.") from error
        if frame.ndim != 2 or not frame.size:
            raise ValueError(
                f"Invalid shape {frame.shape} of the array '{KEY}': expected (height, width)."
            )
        if not np.isfinite(frame).all():
            raise ValueError("The frame contains NaN or infinite pixels.")
        scaled = scaling.prepare(torch.from_numpy(frame)[None], self.channel, size)[0].numpy()
        levels: NDArray[np.uint16] = np.rint((scaled + 1) * (65535 / 2)).astype(np.uint16)
        return levels

    def describe_file(self, path: Path) -> dict[str, Any]:
        """Parse a file name, and return ``path``, ``t_obs`` (UTC), ``wavelength`` and ``part``."""
        time, _ = _parse_name(path)
        return {
            "path": str(path.absolute()),
            "t_obs": f"{time.isoformat()}Z",
            "wavelength": self.channel.wavelength,
            "part": self.channel.name if self.channel.is_hmi else None,
        }

    def file_geometry(self, path: Path, size: int) -> ImageGeometry:
        """Return the geometry of a frame with ``size`` × ``size`` pixels."""
        return scaling.frame_geometry(size, _parse_name(path)[0])


def _parse_name(path: Path) -> tuple[datetime, Channel | None]:
    """Return the time and the channel in a file name. For invalid names, the channel is None."""
    match = NAME.fullmatch(path.stem)
    try:
        time = datetime.strptime(match["time"], "%Y%m%d_%H%M") if match else datetime.min
        return time, find_channel(match["channel"]) if match else None
    except (AstrodomeError, ValueError):
        return datetime.min, None
