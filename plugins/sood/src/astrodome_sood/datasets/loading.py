"""Open the image data set that a configuration specifies."""

from __future__ import annotations

from pathlib import Path

from astrodome import InvalidInputError

from ..config import Config, DataSection
from ..protocols import ImageDataset
from .folder import FolderImages, enlargement

TRAIN, TEST = "train", "test"
SAME_FILTERS = {"freq", "obs_times", "irradiance", "flux_source", "goes_cache_dir", "bad_frames"}
"""Configuration keys with the same names as fields of :class:`.sdoml_v2.selection.FrameFilter`."""


def open_images(config: Config, part: str = TRAIN) -> ImageDataset:
    """Open the training set or the test set that a configuration specifies.

    Invalid images are skipped and listed in ``failed``. A folder of image files is used for both
    sets. Raises AstrodomeError if no images are found.
    """
    data, size = config.data, config.model.target_size
    if data.data_dir is None:
        raise InvalidInputError(
            "No images specified.", "Set data.data_dir to a folder or URL, or use --data-dir."
        )
    if data.dataset == "SDOMLDatasetV2":
        return _open_store(data, size, part)
    folder = Path(data.data_dir).expanduser()
    if data.dataset == "SDOMLDatasetV1":
        from .sdoml_v1 import SdoMlV1Images

        names = channel_names(data)
        if len(names) != 1:
            raise InvalidInputError(
                f"Expected one channel for {data.dataset}, got {len(names)}.",
                "Set data.channel to the name of one channel.",
            )
        return SdoMlV1Images(folder, part, names[0], size, data.num_data_loader_workers)
    images = FolderImages(folder, size, data.num_data_loader_workers)
    if text := enlargement(images.paths[0], size):
        images.warnings.append(text)
    return images


def channel_names(data: DataSection) -> list[str]:
    """Return the names of the configured SDO ML channels."""
    names = data.channel
    if data.dataset == "SDOMLDatasetV2" and data.sdo_ml_v2.channel:
        names = data.sdo_ml_v2.channel
    return [names] if isinstance(names, str) else list(names or ())


def _open_store(data: DataSection, size: int, part: str) -> ImageDataset:
    from .sdoml_v2.frames import find_frames
    from .sdoml_v2.images import StoreImages
    from .sdoml_v2.selection import FrameFilter, parse_time
    from .sdoml_v2.store import FrameStore

    location, section = str(data.data_dir), data.sdo_ml_v2
    if "://" not in location:
        is_gcs = section.storage_driver == "gcs"
        location = f"gs://{location}" if is_gcs else str(Path(location).expanduser().absolute())
    filters = FrameFilter(
        years=tuple(map(str, getattr(section, f"{part}_year") or ())),
        start=parse_time(getattr(section, f"{part}_start_date")),
        end=parse_time(getattr(section, f"{part}_end_date"), end=True),
        **section.model_dump(include=SAME_FILTERS),
    )
    names = channel_names(data)
    if not names:
        raise InvalidInputError("No channel specified.", "Set data.channel, for example to 171A.")
    images = StoreImages(find_frames(FrameStore(location), names, filters), location, size, data)
    return images.without_invalid_frames() if section.check_frames else images
