"""Open the image data set that a configuration specifies."""

from __future__ import annotations

from pathlib import Path

from astrodome import AstrodomeError

from ..config import Config, DataSection
from ..protocols import ImageDataset
from .folder import FolderImages

TRAIN, TEST = "train", "test"


def open_images(config: Config, part: str = TRAIN) -> ImageDataset:
    """Open the training or test images; invalid images are skipped and listed in ``failed``.

    A folder of image files contains both. Raises AstrodomeError if no images are found.
    """
    data, size = config.data, config.model.target_size
    if data.data_dir is None:
        raise AstrodomeError(
            "No folder of images given.", "Use --data-dir or data.data_dir.", exit_code=2
        )
    if data.dataset == "SDOMLDatasetV2":
        return _open_store(data, size, part)
    folder = Path(data.data_dir).expanduser()
    if data.dataset == "SDOMLDatasetV1":
        from . import sdoml_v1

        names = channel_names(data)
        if len(names) != 1:
            raise AstrodomeError(
                f"Expected one channel for {data.dataset}, got {len(names)}.",
                "Set data.channel to one channel.",
                exit_code=2,
            )
        return sdoml_v1.read(folder, part, names[0], size, data.num_data_loader_workers)
    return FolderImages.read(folder, size, data.num_data_loader_workers)


def channel_names(data: DataSection) -> list[str]:
    """Return the names of the configured SDO ML channels."""
    names = data.channel
    if data.dataset == "SDOMLDatasetV2" and data.sdo_ml_v2.channel:
        names = data.sdo_ml_v2.channel
    return [names] if isinstance(names, str) else list(names or ())


def _open_store(data: DataSection, size: int, part: str) -> ImageDataset:
    from .sdoml_v2.frames import find_frames
    from .sdoml_v2.images import FramePreparation, StoreImages
    from .sdoml_v2.selection import FrameFilter, parse_time
    from .sdoml_v2.store import FrameStore

    location, section = str(data.data_dir), data.sdo_ml_v2
    if "://" not in location:
        is_gcs = section.storage_driver == "gcs"
        location = f"gs://{location}" if is_gcs else str(Path(location).expanduser().absolute())
    training = part == TRAIN
    filters = FrameFilter(
        years=tuple(map(str, (section.train_year if training else section.test_year) or ())),
        start=parse_time(section.train_start_date if training else section.test_start_date),
        end=parse_time(section.train_end_date if training else section.test_end_date, end=True),
        freq=section.freq,
        obs_times=tuple(section.obs_times or ()),
        irradiance=section.irradiance,
        flux_source=section.flux_source,
        goes_cache_dir=section.goes_cache_dir,
        bad_frames=section.bad_frames,
    )
    names = channel_names(data)
    if not names:
        raise AstrodomeError(
            "No channel given.", "Set data.sdo_ml_v2.channel, for example 171A.", exit_code=2
        )
    preparation = FramePreparation(
        size,
        section.mask_limb_radius_scale_factor if section.mask_limb else None,
        section.train_val_split_ratio,
        section.train_val_split_temporal_chunk_size,
        section.sampling_strategy == "chunk",
        data.num_data_loader_workers,
    )
    images = StoreImages(find_frames(FrameStore(location), names, filters), preparation, location)
    return images.without_invalid_frames() if section.check_frames else images
