"""The images that a configuration names, whichever data set they lie in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from astrodome import AstrodomeError

from ..protocols import ImageSet
from .folder import FolderImages

if TYPE_CHECKING:
    from ..config import Config, DataSection

TRAIN, TEST = "train", "test"


class Images(ImageSet, Protocol):
    """An image set that can be split and told from another one.

    ``failed`` holds (name, reason) of what could not be read.
    """

    failed: list[tuple[str, str]]

    def split(self, share: float, seed: int) -> tuple[ImageSet, ImageSet]: ...

    def digest(self) -> str: ...


def location(config: Config) -> str:
    """The folder or address of a configuration's data set; folders as absolute paths."""
    where = config.data.data_dir
    if where is None:
        raise AstrodomeError(
            "No folder of images is given.", "Use --data-dir, or data.data_dir.", exit_code=2
        )
    driver = config.data.sdo_ml_v2.storage_driver
    if config.data.dataset == "SDOMLDatasetV2" and driver == "gcs" and "://" not in where:
        return f"gs://{where}"
    return where if "://" in where else str(Path(where).absolute())


def open_images(config: Config, part: str = TRAIN) -> Images:
    """The images for training or for testing; the bad ones are left out and named.

    A folder of images is the same for both. Raises AstrodomeError when there are none.
    """
    where, data = location(config), config.data
    size, threads = config.model.target_size, data.num_data_loader_workers
    if data.dataset == "SDOMLDatasetV1":
        from . import sdoml_v1

        return sdoml_v1.read(Path(str(data.data_dir)), part, _one_channel(data), size, threads)
    if data.dataset == "SDOMLDatasetV2":
        return _from_store(where, data, size, part)
    return FolderImages.read(Path(str(data.data_dir)), size, threads)


def _one_channel(data: DataSection) -> str:
    names = _channels(data)
    if len(names) != 1:
        raise AstrodomeError(
            f"{data.dataset} is read one channel at a time, not {len(names)}.",
            "Set data.channel to one.",
            exit_code=2,
        )
    return names[0]


def _channels(data: DataSection) -> list[str]:
    wanted: Any = data.channel
    if data.dataset == "SDOMLDatasetV2" and data.sdo_ml_v2.channel:
        wanted = data.sdo_ml_v2.channel
    return [wanted] if isinstance(wanted, str) else list(wanted or ())


def _from_store(where: str, data: DataSection, size: int, part: str) -> Images:
    from .sdoml_v2 import archive, frames, images, selection

    own = data.sdo_ml_v2
    training = part == TRAIN
    wanted = selection.Wanted(
        years=tuple(map(str, (own.train_year if training else own.test_year) or ())),
        start=selection.time(own.train_start_date if training else own.test_start_date),
        end=selection.time(own.train_end_date if training else own.test_end_date, end=True),
        freq=own.freq,
        obs_times=tuple(own.obs_times or ()),
        irradiance=own.irradiance,
        flux_source=own.flux_source,
        goes_cache_dir=own.goes_cache_dir,
        bad_frames=own.bad_frames,
    )
    names = _channels(data)
    if not names:
        raise AstrodomeError(
            "No channel is given.", "Set data.sdo_ml_v2.channel, such as 171A.", exit_code=2
        )
    look = images.Look(
        size,
        own.mask_limb_radius_scale_factor if own.mask_limb else None,
        own.train_val_split_ratio,
        own.train_val_split_temporal_chunk_size,
        own.sampling_strategy == "chunk",
    )
    found = images.StoreImages(frames.find(archive.Archive(where), names, wanted), look)
    return found.checked() if own.check_frames else found
