"""Create GIF and MP4 movies from the images in a folder."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, pairwise
from pathlib import Path
from shutil import which
from typing import Any

from astrodome import AstrodomeError, compute, files
from PIL import Image, ImageOps

from ..processing.folders import Advance
from .panels import (
    Page,
    PanelStyle,
    color_swatch,
    draw_panels,
    empty_panel,
)
from .selection import Cells, movie_frames, select_images

EXTENSIONS = (".gif", ".mp4")

logger = logging.getLogger(__name__)


def make_movie(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    max_frames: int = 500,
    fps: float = 10.0,
    size: int = 256,
    label: bool = True,
    color: bool = True,
    jobs: int = 0,
    **selection: Any,
) -> Path:
    """Create a movie from the images in a folder.

    Parameters
    ----------
    folder : path
        Folder with images whose names contain the time and wavelength.
    output : path
        Path of the GIF or MP4 file to write. MP4 requires ffmpeg.
    max_frames : int
        Maximum number of frames. If there are more images, evenly spaced images are selected.
        0 means no limit.
    fps : float
        Frames per second.
    jobs : int
        Number of images to draw in parallel. 0 means one per CPU core.
    size, label, color, **selection
        See :func:`make_contact_sheet`.

    Returns
    -------
    pathlib.Path
        Path of the movie. Images that cannot be read are drawn in black, and a warning is logged.

    Raises
    ------
    AstrodomeError
        If the folder contains no matching images, or if ffmpeg is not found or fails.

    Examples
    --------
    >>> make_movie(images, "sun.gif", size=64).name
    'sun.gif'
    """
    path = Path(output).expanduser()
    frames = movie_frames(select_images(folder, **selection), max_frames)
    outcome = write_movie(frames, PanelStyle(size, label, color), path, fps, jobs=jobs)
    for name, reason in outcome.failed:
        logger.warning("%s: %s", name, reason)
    return path


def draw_frames(
    frames: Sequence[Cells],
    style: PanelStyle,
    outcome: compute.Outcome,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> Iterator[Image.Image]:
    """Yield the frames of a movie.

    The number of images and the failures are added to ``outcome``.
    """
    cells = len(frames[0])
    page = Page(cells, math.ceil(math.sqrt(cells)), style)
    changes = [
        [(number, file) for number, file in enumerate(frame) if file != previous[number]]
        for previous, frame in pairwise([(None,) * cells, *frames])
    ]
    changed = (file for each in changes for _, file in each if file)
    panels = draw_panels(style, changed, outcome, jobs)
    for each in changes:
        for number, file in each:
            page.paste(next(panels) if file else empty_panel(style), number)
        yield page.image.copy()
        if advance:
            advance()


def write_movie(
    frames: Sequence[Cells],
    style: PanelStyle,
    path: Path,
    fps: float = 10.0,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> compute.Outcome:
    """Write a movie with ``fps`` frames per second.

    The file extension determines the format, GIF or MP4 (H.264). MP4 requires ffmpeg. Raises
    AstrodomeError if the extension is not supported, or if ffmpeg is not found or fails.
    """
    files.check_extension(path, EXTENSIONS)
    outcome = compute.Outcome()
    drawn = draw_frames(frames, style, outcome, jobs=jobs, advance=advance)
    with files.replacing(path) as part:
        if path.suffix.lower() == ".gif":
            wavelengths = sorted({file.wavelength for frame in frames for file in frame if file})
            _write_gif(drawn, color_swatch(wavelengths, style), part, fps)
        else:
            _write_mp4(drawn, part, fps)
    return outcome


def _write_gif(frames: Iterator[Image.Image], swatch: Image.Image, path: Path, fps: float) -> None:
    first = next(frames)
    # A single palette for all frames avoids flickering, and only the changes between frames are
    # stored. The palette contains the colors of the channel colormaps and of the first frame.
    colors = Image.new("RGB", (first.width, 2 * first.height))
    colors.paste(first)
    colors.paste(swatch.resize(first.size, Image.Resampling.NEAREST), (0, first.height))
    palette = colors.quantize(256, method=Image.Quantize.MEDIANCUT)
    indexed = (
        frame.quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in chain([first], frames)
    )
    # GIF durations are in units of 10 ms, and viewers slow down movies with more than 50 frames/s.
    duration = max(20, round(100 / fps) * 10)
    next(indexed).save(
        path, "GIF", save_all=True, append_images=indexed, duration=duration, loop=0, optimize=False
    )


def find_ffmpeg() -> str:
    """Find ffmpeg on PATH or in the package imageio-ffmpeg, and return its path.

    Raises AstrodomeError if ffmpeg is not found.
    """
    if found := which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise AstrodomeError(
            "ffmpeg not found. It is required for MP4 movies.",
            "pip install 'astrodome-sdo-data[movie]', or use the file extension .gif.",
        ) from error


def _write_mp4(frames: Iterator[Image.Image], path: Path, fps: float) -> None:
    program = find_ffmpeg()
    first = _even_sides(next(frames))
    command = [program, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{first.width}x{first.height}", "-r", str(fps), "-i", "-"]
    # Browsers require the pixel format yuv420p and an index at the start of the file.
    command += ["-an", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", "-f", "mp4", str(path)]
    with tempfile.TemporaryFile() as log:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
        assert encoder.stdin
        try:
            with suppress(BrokenPipeError):  # ffmpeg writes the cause to its log.
                for frame in chain([first], map(_even_sides, frames)):
                    encoder.stdin.write(frame.tobytes())
        except BaseException:
            encoder.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                encoder.stdin.close()
            encoder.wait()
        if encoder.returncode:
            log.seek(0)
            cause = "; ".join(log.read().decode(errors="replace").split("\n")).strip("; ")
            raise AstrodomeError(f"ffmpeg failed: {cause or f'exit code {encoder.returncode}'}.")


def _even_sides(frame: Image.Image) -> Image.Image:
    """Pad a frame to an even width and height, which H.264 requires."""
    return ImageOps.expand(frame, (0, 0, frame.width % 2, frame.height % 2))
