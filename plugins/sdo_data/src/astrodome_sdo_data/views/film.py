"""Films of the images of a folder: GIF and MP4."""

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

from .panels import Advance, Page, PanelStyle, color_swatch, draw_panels, empty_panel
from .selection import Cells, film_frames, select_images

EXTENSIONS = (".gif", ".mp4")

logger = logging.getLogger(__name__)


def make_film(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    wavelength: int | str = "*",
    start: Any = None,
    end: Any = None,
    freq: str = "",
    max_frames: int = 500,
    fps: float = 10.0,
    size: int = 256,
    label: bool = True,
    color: bool = True,
    jobs: int = 0,
) -> Path:
    """Create a film of the images of a folder.

    Parameters
    ----------
    folder : path
        Folder of images whose names contain time and wavelength.
    output : path
        GIF or MP4 file to write; MP4 needs ffmpeg.
    wavelength, start, end, freq, size, label, color
        As in :func:`make_contact_sheet`.
    max_frames : int
        Maximum number of frames, evenly spaced; 0 means all.
    fps : float
        Frames per second.
    jobs : int
        Number of images to draw in parallel; 0 means one per CPU core.

    Returns
    -------
    pathlib.Path
        The written file. Images that cannot be read are black and are logged as warnings.

    Raises
    ------
    AstrodomeError
        If the folder has no such image, or ffmpeg is not found or fails.

    Examples
    --------
    >>> make_film(images, "sun.gif", size=64).name
    'sun.gif'
    """
    path = Path(output).expanduser()
    selected = select_images(folder, wavelength, start=start, end=end, freq=freq)
    style = PanelStyle(size, label, color)
    outcome = write_film(film_frames(selected, max_frames), style, path, fps, jobs=jobs)
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
    """Yield the frames of a film; ``outcome`` counts the images and names invalid ones."""
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


def write_film(
    frames: Sequence[Cells],
    style: PanelStyle,
    path: Path,
    fps: float = 10.0,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> compute.Outcome:
    """Write a film with ``fps`` frames per second, as GIF or MP4 (H.264) by the file extension.

    MP4 needs ffmpeg. Raises AstrodomeError if it is not found or fails.
    """
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
    # One palette for all frames avoids flickering and allows storing only the changes. It is made
    # from all colours of the channels, and from the first frame with its label and own colours.
    colors = Image.new("RGB", (first.width, 2 * first.height))
    colors.paste(first)
    colors.paste(swatch.resize(first.size, Image.Resampling.NEAREST), (0, first.height))
    palette = colors.quantize(256, method=Image.Quantize.MEDIANCUT)
    indexed = (
        frame.quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in chain([first], frames)
    )
    # GIF stores hundredths of a second, and viewers slow down films of more than 50 frames/s.
    duration = max(20, round(100 / fps) * 10)
    next(indexed).save(
        path, "GIF", save_all=True, append_images=indexed, duration=duration, loop=0, optimize=False
    )


def find_ffmpeg() -> str:
    """Return the path of ffmpeg, from PATH or from the package imageio-ffmpeg.

    Raises AstrodomeError if it is not found.
    """
    if found := which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise AstrodomeError(
            "ffmpeg, which is needed for MP4 films, was not found.",
            "pip install 'astrodome-sdo-data[film]', or use the file extension .gif.",
        ) from error


def _write_mp4(frames: Iterator[Image.Image], path: Path, fps: float) -> None:
    program = find_ffmpeg()
    first = _even_sides(next(frames))
    command = [program, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{first.width}x{first.height}", "-r", str(fps), "-i", "-"]
    # Browsers need yuv420p and an index at the start of the file.
    command += ["-an", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", "-f", "mp4", str(path)]
    with tempfile.TemporaryFile() as log:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
        assert encoder.stdin
        try:
            with suppress(BrokenPipeError):  # The cause is in the log.
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
    """Pad a frame to even sides, which H.264 requires."""
    return ImageOps.expand(frame, (0, 0, frame.width % 2, frame.height % 2))
