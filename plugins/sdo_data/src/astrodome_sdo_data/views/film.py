"""Sheets and films of the Sun written to files: PNG, JPEG, GIF and MP4."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from shutil import which

from astrodome import AstrodomeError, compute, files
from PIL import Image, ImageOps

from . import panels

SHEETS = (".png", ".jpeg", ".jpg")
FILMS = (".gif", ".mp4")

Advance = Callable[[], object]


def draw_sheet(
    places: panels.Frame,
    columns: int,
    look: panels.Look,
    path: Path,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> compute.Outcome:
    """Write a grid of images in the format of the file's name; see :func:`.show.sheet`."""
    page, outcome = panels.sheet(places, columns, look, jobs=jobs, advance=advance)
    with files.replacing(path) as part:
        page.save(part, Image.registered_extensions()[path.suffix.lower()], quality=95)
    return outcome


def draw_film(
    plan: Sequence[panels.Frame],
    look: panels.Look,
    path: Path,
    fps: float = 10.0,
    *,
    jobs: int = 0,
    advance: Advance | None = None,
) -> compute.Outcome:
    """Write a film of ``fps`` frames a second, GIF or MP4 (H.264) as the file's name says.

    See :func:`.show.film`. MP4 needs ffmpeg: raises AstrodomeError when there is none, or
    when it fails.
    """
    outcome = compute.Outcome()
    frames = panels.film(plan, look, outcome, jobs=jobs, advance=advance)
    with files.replacing(path) as part:
        if path.suffix.lower() == ".gif":
            _write_gif(frames, panels.swatch(plan, look), part, fps)
        else:
            _write_mp4(frames, part, fps)
    return outcome


def _write_gif(frames: Iterator[Image.Image], swatch: Image.Image, path: Path, fps: float) -> None:
    first = next(frames)
    # One palette for all frames: it does not flicker, and only what moves is stored. The first
    # frame brings the colours of pictures that have their own, and the ink of the stamps.
    colours = Image.new("RGB", (first.width, 2 * first.height))
    colours.paste(first)
    colours.paste(swatch.resize(first.size, Image.Resampling.NEAREST), (0, first.height))
    palette = colours.quantize(256, method=Image.Quantize.MEDIANCUT)
    rest = (
        frame.quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in chain([first], frames)
    )
    # GIF counts in hundredths of a second, and viewers slow down what is faster than 50/s.
    duration = max(20, round(100 / fps) * 10)
    next(rest).save(
        path, "GIF", save_all=True, append_images=rest, duration=duration, loop=0, optimize=False
    )


def ffmpeg() -> str:
    """The ffmpeg of this machine, or that of the package imageio-ffmpeg.

    Raises AstrodomeError when there is neither.
    """
    if found := which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise AstrodomeError(
            "A film in MP4 needs ffmpeg, which is not on this machine.",
            "pip install 'astrodome-sdo-data[film]', or give a name that ends in .gif.",
        ) from error


def _write_mp4(frames: Iterator[Image.Image], path: Path, fps: float) -> None:
    program = ffmpeg()
    first = _even(next(frames))
    command = [program, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{first.width}x{first.height}", "-r", str(fps), "-i", "-"]
    # yuv420p and an index at the front are what browsers and slides play.
    command += ["-an", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"]
    command += ["-movflags", "+faststart", "-f", "mp4", str(path)]
    with tempfile.TemporaryFile() as said:
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said)
        assert encoder.stdin
        try:
            with suppress(BrokenPipeError):  # it says why on its standard error
                for frame in chain([first], map(_even, frames)):
                    encoder.stdin.write(frame.tobytes())
        except BaseException:
            encoder.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                encoder.stdin.close()
            encoder.wait()
        if encoder.returncode:
            said.seek(0)
            why = "; ".join(said.read().decode(errors="replace").split("\n")).strip("; ")
            raise AstrodomeError(f"ffmpeg could not write the film: {why or 'it gave no reason'}.")


def _even(frame: Image.Image) -> Image.Image:
    """H.264 halves the resolution of colour, so sides have to be even."""
    return ImageOps.expand(frame, (0, 0, frame.width % 2, frame.height % 2))
