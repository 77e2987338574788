"""A store in the layout of SDO ML v2, made of a user's own images or FITS files.

As in the published one, the disk of every frame has the radius of 976 arcsec at the same scale,
row 0 is in the south, and intensities are per second of exposure. Images of eight bits get back
the intensities that their grey levels stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from astrodome import AstrodomeError, compute, console, temporary
from numcodecs import Blosc

from .. import folder
from . import source_files

ENDINGS = (*folder.ENDINGS, ".fits", ".fits.gz", ".fit", ".fts")


@dataclass(frozen=True)
class Layout:
    """``size`` of the frames in px; frames a chunk; zarr's format; frames a shard (0: none)."""

    size: int = 512
    chunk: int = 12
    zarr_format: int = 2
    shard: int = 0


def find(sources: Iterable[Path]) -> list[Path]:
    """The images and FITS files among paths and in folders, at any depth, each once.

    Raises AstrodomeError when a path is not there or there is no such file.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if not source.exists():
            raise AstrodomeError(f"There is no {source}.", "Check the path.")
        inside = sorted(source.rglob("*")) if source.is_dir() else [source]
        for path in inside:
            if source == path or (path.name.lower().endswith(ENDINGS) and path.name[0] != "."):
                found[path] = None
    if not found:
        raise AstrodomeError("There is no image to build of.", f"Looked for {', '.join(ENDINGS)}.")
    return list(found)


def build(sources: Iterable[Path], out: Path, layout: Layout | None = None) -> compute.Outcome:
    """Write a store of all images, by year and channel in the order of time.

    It appears at ``out`` when it is whole; images that cannot be used are named in the
    outcome. Raises AstrodomeError when ``out`` is there already or no image can be used.
    """
    layout = layout or Layout()
    if layout.shard and (layout.zarr_format < 3 or layout.shard % layout.chunk):
        raise AstrodomeError(
            "Shards need zarr's format 3 and a whole number of chunks each.",
            "For example: --zarr-format 3 --chunk 12 --shard 120",
            exit_code=2,
        )
    if out.exists():
        raise AstrodomeError(f"{out} is there already.", "Choose another --out, or remove it.")
    failed: list[tuple[str, str]] = []
    groups = _grouped(find(sources), failed)
    out.parent.mkdir(parents=True, exist_ok=True)
    done = 0
    with temporary.folder(out) as aside:
        root = zarr.open_group(str(aside), mode="w", zarr_format=layout.zarr_format)  # type: ignore[arg-type]
        total = sum(len(group) for group in groups.values())
        with console.progress("Building", total, "images", resumes=False) as progress:
            for (year, channel), group in groups.items():
                frames = _frames(group, layout.size, failed, progress)
                done += _write(root.require_group(year), channel, frames, len(group), layout)
        if not done:
            raise AstrodomeError(
                f"None of the {len(failed)} images can be used.", f"{failed[0][0]}: {failed[0][1]}"
            )
        if layout.zarr_format == 2:
            zarr.consolidate_metadata(str(aside), zarr_format=2)
        aside.rename(out)
    return compute.Outcome(done=done, failed=failed)


def _grouped(
    paths: Sequence[Path], failed: list[tuple[str, str]]
) -> dict[tuple[str, str], list[source_files.Picture]]:
    """The images by year and channel, each group in the order of time."""
    found: dict[tuple[str, str], list[source_files.Picture]] = {}
    seen: dict[tuple[str, Any], Path] = {}
    with ThreadPoolExecutor(compute.cores()) as pool:
        for path, (picture, why) in zip(paths, pool.map(_looked_at, paths), strict=True):
            if picture is None:
                failed.append((str(path), why))
                continue
            key = (picture.channel.name, picture.time)
            if key in seen:
                failed.append((str(path), f"{seen[key]} is of the same channel and time."))
                continue
            seen[key] = path
            year = str(picture.time)[:4]
            found.setdefault((year, picture.channel.name), []).append(picture)
    return {key: sorted(found[key], key=lambda each: each.time) for key in sorted(found)}


def _looked_at(path: Path) -> tuple[source_files.Picture | None, str]:
    try:
        return source_files.look(path), ""
    except AstrodomeError as error:
        return None, error.message


def _frames(
    group: Sequence[source_files.Picture],
    size: int,
    failed: list[tuple[str, str]],
    progress: Any,
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The good frames of a group with their attributes, read a few at a time."""
    cores = compute.cores()
    with ThreadPoolExecutor(cores) as pool:
        for start in range(0, len(group), 4 * cores):
            few = group[start : start + 4 * cores]
            results = pool.map(lambda picture: _read(picture, size), few)
            for picture, (frame, about, why) in zip(few, results, strict=True):
                progress.advance(1)
                if frame is None:
                    failed.append((str(picture.path), why))
                else:
                    yield frame, about


def _read(picture: source_files.Picture, size: int) -> tuple[Any, dict[str, Any], str]:
    try:
        frame, about = picture.read(size)
        return frame, about, ""
    except AstrodomeError as error:
        return None, {}, error.message


def _write(
    group: zarr.Group,
    channel: str,
    frames: Iterable[tuple[Any, dict[str, Any]]],
    expected: int,
    layout: Layout,
) -> int:
    """Write the frames of a channel as they come, whole chunks at a time; gives how many."""
    block = layout.shard or layout.chunk
    options: dict[str, Any] = {"chunks": (layout.chunk, layout.size, layout.size)}
    if layout.zarr_format == 2:
        options["compressors"] = Blosc(cname="lz4", clevel=5, shuffle=Blosc.SHUFFLE)
    if layout.shard:
        options["shards"] = (layout.shard, layout.size, layout.size)
    array = group.create_array(
        channel, shape=(expected, layout.size, layout.size), dtype="float32", **options
    )
    attributes: list[dict[str, Any]] = []
    held: list[Any] = []
    for frame, about in frames:
        held.append(frame)
        attributes.append(about)
        if len(held) == block:
            array[len(attributes) - block : len(attributes)] = np.stack(held)
            held = []
    if held:
        array[len(attributes) - len(held) : len(attributes)] = np.stack(held)
    if not attributes:
        del group[channel]
        return 0
    if len(attributes) < expected:
        array.resize((len(attributes), layout.size, layout.size))
    names = sorted(set().union(*attributes))
    array.attrs.update({name: [about.get(name) for about in attributes] for name in names})
    return len(attributes)
