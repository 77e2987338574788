"""SDO ML v1: a file for each frame, ``.npz`` with the array ``x`` in DN/s (HMI: gauss).

Names are ``AIA20100615_0800_0171.npz``, ``HMI20100615_0800_bx.npz``; ``train/`` and ``test/``
keep what is for training and what is for testing.
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
from astrodome import AstrodomeError
from numpy.typing import NDArray

from . import channels
from .folder import FolderImages, Kind

KEY = "x"
NAME = re.compile(r"(?:AIA|HMI)(?P<time>\d{8}_\d{4})_(?P<channel>\w+)")


def read(folder: Path, part: str, channel: str, size: int, threads: int = 0) -> FolderImages:
    """The frames of a channel in the folder ``part`` of ``folder``, or in ``folder`` itself.

    Raises AstrodomeError when there are none, or none can be read.
    """
    wanted = channels.find(channel)
    own = folder / part
    kind = Kind(
        find=partial(find, channel=wanted),
        decode=partial(decode, channel=wanted),
        describe=describe,
        levels=np.uint16,
    )
    return FolderImages.read(own if own.is_dir() else folder, size, threads, kind)


def find(folder: Path, channel: channels.Channel) -> list[Path]:
    """The files of a channel at any depth, in the order of time.

    Raises AstrodomeError when the folder is not there or holds none.
    """
    if not folder.is_dir():
        raise AstrodomeError(f"There is no folder {folder}.", "Check the path of the data set.")
    all_files = [path for path in folder.rglob("*.npz") if not path.name.startswith(".")]
    found = sorted(
        (path for path in all_files if _channel(path) == channel), key=lambda path: path.name
    )
    if not found:
        raise AstrodomeError(
            f"{folder} holds no frame of {channel.name}, and {len(all_files)} other .npz files.",
            "SDO ML v1 has files such as AIA20100615_0800_0171.npz.",
        )
    return found


def decode(path: Path, size: int, channel: channels.Channel) -> NDArray[np.uint16]:
    """One frame, scaled and resized, as 16 bits for [-1, 1]; ValueError when it is no frame."""
    try:
        with np.load(path, allow_pickle=False) as file:
            frame = np.asarray(file[KEY], dtype=np.float32)
    except (KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"it holds no array '{KEY}' that can be read ({error})") from error
    if frame.ndim != 2 or not frame.size:
        raise ValueError(f"its array '{KEY}' has the shape {frame.shape}, not (height, width)")
    if not np.isfinite(frame).all():
        raise ValueError("it has pixels without a value")
    seen = channels.prepared(torch.from_numpy(frame)[None], channel, size)[0].numpy()
    levels: NDArray[np.uint16] = np.rint((seen + 1) * (65535 / 2)).astype(np.uint16)
    return levels


def describe(path: Path) -> Mapping[str, Any]:
    """What a file's name says, as of any image: path, t_obs (UTC), wavelength, part."""
    match, channel = NAME.fullmatch(path.stem), _channel(path)
    time = datetime.strptime(match["time"], "%Y%m%d_%H%M") if match else None
    return {
        "path": str(path.absolute()),
        "t_obs": time and time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "wavelength": channel and channel.wavelength,
        "part": channel.name if channel and channel.is_hmi else None,
    }


def _channel(path: Path) -> channels.Channel | None:
    match = NAME.fullmatch(path.stem)
    try:
        return channels.find(match["channel"]) if match else None
    except AstrodomeError:
        return None
