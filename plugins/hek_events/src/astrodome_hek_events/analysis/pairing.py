"""Pair images and anomaly maps that have the same time and wavelength."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from astrodome import AstrodomeError, errors

from .anomaly_maps import ImageFile, find_maps, parse_name


@dataclass(frozen=True)
class ImagePair:
    """An image, its anomaly map, and the name of the image in the result tables."""

    image: ImageFile
    map: ImageFile
    name: str


@dataclass(frozen=True)
class Pairing:
    """Pairs of an image and an anomaly map, and the unmatched images and maps.

    The pairs are in chronological order. ``tolerance`` is the maximum time difference within a
    pair, in seconds.
    """

    tolerance: float
    pairs: list[ImagePair]
    unmatched_images: list[ImageFile]
    unmatched_maps: list[ImageFile]


def pair_folders(
    image_dir: Path, map_dir: Path, wavelengths: Collection[int] = (), tolerance: float = 180
) -> Pairing:
    """Pair the images in a folder with the anomaly maps in another folder.

    ``wavelengths`` are in angstrom. By default, the wavelengths of all maps are used.
    ``tolerance`` is the maximum time difference in seconds. Raises AstrodomeError if no maps or no
    images are found.
    """
    for folder in (image_dir, map_dir):
        if not folder.is_dir():
            raise errors.not_found(folder, kind="Folder", exit_code=2)
    maps = find_maps(map_dir)
    selected = set(wavelengths) or {each.wavelength for each in maps}
    map_paths = {each.path for each in maps} if image_dir.resolve() != map_dir.resolve() else set()
    files = [each for each in find_images(image_dir, selected) if each.path not in map_paths]
    if not files:
        raise AstrodomeError(
            f"No images at {', '.join(map(str, sorted(selected)))} Å found in {image_dir}.",
            "Expected file names such as 2012-01-01T000000__171.jpeg.",
        )
    pairs, unmatched = pair_images(files, maps, tolerance, image_dir)
    used = {pair.map.path for pair in pairs}
    unused = [each for each in maps if each.wavelength in selected and each.path not in used]
    return Pairing(tolerance, pairs, unmatched, unused)


def find_images(folder: Path, wavelengths: Collection[int] = ()) -> list[ImageFile]:
    """Return the images in a folder and its subfolders, in chronological order.

    Image files are named ``{time}__{wavelength}.jpeg``. Other supported file extensions are also
    allowed. If ``wavelengths`` is empty, images at all wavelengths are returned.
    """
    named = [each for path in folder.rglob("*__*") if (each := parse_name(path))]
    found = [each for each in named if not wavelengths or each.wavelength in wavelengths]
    return sorted(found, key=lambda each: (each.t_obs, each.wavelength, str(each.path)))


def pair_images(
    files: Sequence[ImageFile],
    maps: Sequence[ImageFile],
    tolerance: float,
    folder: Path = Path(),
) -> tuple[list[ImagePair], list[ImageFile]]:
    """Pair each image with the map at the same wavelength that is nearest in time.

    Returns the pairs, and the images for which no map within ``tolerance`` seconds exists. The
    names in the pairs are relative to ``folder``.
    """
    by_wavelength: dict[int, list[ImageFile]] = defaultdict(list)
    for each in sorted(maps, key=lambda each: each.t_obs):
        by_wavelength[each.wavelength].append(each)
    pairs, unmatched = [], []
    for image in files:
        candidates = by_wavelength[image.wavelength]
        index = bisect_left(candidates, image.t_obs, key=lambda each: each.t_obs)
        nearest = min(
            candidates[max(index - 1, 0) : index + 1],
            key=lambda each: abs(each.t_obs - image.t_obs),
            default=None,
        )
        if nearest and abs(nearest.t_obs - image.t_obs) <= timedelta(seconds=tolerance):
            path = image.path
            name = path.relative_to(folder) if path.is_relative_to(folder) else path
            pairs.append(ImagePair(image, nearest, name.as_posix()))
        else:
            unmatched.append(image)
    return pairs, unmatched
