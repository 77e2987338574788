"""``sdo data show``: contact sheets and movies."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_sdo_data.views import movie, panels, selection
from PIL import Image
from sunpy.visualization.colormaps import cmlist

Data = Callable[..., Result]
START = datetime(2013, 6, 24, 17)
NAME = "%Y-%m-%dT%H%M%S"


@pytest.fixture
def days(corona: Image.Image, tmp_path: Path) -> Path:
    """Images every six minutes: twelve at 171, ten at 304, and a patch."""
    folder = tmp_path / "days"
    folder.mkdir()
    for step in range(12):
        for wavelength in (171, 304):
            if wavelength == 171 or step not in (4, 5):
                t_obs = START + timedelta(minutes=6 * step)
                corona.rotate(30 * step).save(folder / f"{t_obs:{NAME}}__{wavelength}.jpeg")
    corona.crop((0, 0, 32, 32)).save(folder / f"{START:{NAME}}__171__0.jpeg")
    return folder


def test_an_image_has_the_colours_that_sunpy_gives_its_channel(
    data: Data, corona: Image.Image, tmp_path: Path
) -> None:
    for wavelength in (94, 131, 171, 193, 211, 304, 335, 1600, 1700, 4500):
        table = cmlist[f"sdoaia{wavelength}"](np.asarray(corona) / 255)[:, :, :3] * 255
        drawn = np.asarray(panels.colorized(corona, wavelength), float)
        assert np.abs(drawn - table).max() <= 1
    grey = np.asarray(panels.colorized(corona, 6173))
    assert (grey == np.asarray(corona)[:, :, None]).all()


def test_a_colour_image_keeps_its_colours(corona: Image.Image) -> None:
    coloured = panels.colorized(corona, 304)
    assert panels.colorized(coloured, 171) is coloured
    assert panels.colorized(corona.convert("RGB"), 304).tobytes() == coloured.tobytes()


def test_a_sheet_has_a_row_for_each_time_and_a_column_for_each_wavelength(
    data: Data, days: Path, tmp_path: Path
) -> None:
    result = data("show", days, "-o", tmp_path / "sun.png", "--size", 64, "--no-stamps")
    assert result.succeeded().err == f"Wrote {tmp_path / 'sun.png'}.\n22 images shown.\n"
    with Image.open(tmp_path / "sun.png") as page:
        assert page.size == (2 * 66 - 2, 12 * 66 - 2)
        tiles = np.asarray(page.convert("RGB"), float)
    orange, red = tiles[:, :64].mean(axis=(0, 1)), tiles[:, 66:].mean(axis=(0, 1))
    assert orange[0] > orange[1] > 2 * orange[2] and red[0] > 2 * red[1]
    dark = [tiles[row * 66 : row * 66 + 64, 66:].max() == 0 for row in range(12)]
    assert dark == [False] * 4 + [True] * 2 + [False] * 6


def test_a_label_contains_wavelength_and_time(days: Path) -> None:
    (first, *_) = selection.select_images(days, "171")
    plain = np.asarray(panels.draw_panel(panels.PanelStyle(256, label=False), first), int)
    stamped = np.asarray(panels.draw_panel(panels.PanelStyle(256), first), int)
    rows, columns = np.nonzero(np.abs(plain - stamped).sum(axis=2))
    assert rows.min() > 230 and columns.min() < 8 and 120 < columns.max() < 200
    other = selection.SelectedImage(first.t_obs + timedelta(minutes=1), 171, first.path)
    assert (np.asarray(panels.draw_panel(panels.PanelStyle(256), other)) != stamped).any()
    small = (
        panels.draw_panel(panels.PanelStyle(48), first),
        panels.draw_panel(panels.PanelStyle(48, label=False), first),
    )
    assert small[0].tobytes() == small[1].tobytes()  # too small for a label


def test_time_wavelength_and_number_select_images(data: Data, days: Path) -> None:
    page = days.parent / "page.png"
    command = ("show", "--path", days, "--output", page, "--size", 32, "--json")
    span = ("--start", "2013-06-24T17:12", "--end", "2013-06-24T17:36:00", "--wavelength", 171)
    assert data(*command, *span).json == {"done": 5, "skipped": 0, "failed": []}
    assert data(*command, "--wavelength", 171, "--freq", "12min").json["done"] == 6
    assert data(*command, "--wavelength", 171, "--max_images", 3).json == {
        **{"done": 3, "skipped": 9, "failed": []}
    }
    assert data(*command, "--max-images", 5, "--columns", 5).json["done"] == 5
    with Image.open(page) as drawn:
        assert drawn.size == (5 * 34 - 2, 32)


def test_selected_images_are_evenly_spaced(data: Data, days: Path) -> None:
    chosen = selection.evenly_spaced(selection.select_images(days, "171"), 4)
    steps = {b.t_obs - a.t_obs for a, b in pairwise(chosen)}
    assert [chosen[0].t_obs, chosen[-1].t_obs] == [START, START + timedelta(minutes=66)]
    assert max(steps) - min(steps) <= timedelta(minutes=6)
    assert (
        selection.evenly_spaced(chosen, 1) == chosen[:1]
        and selection.evenly_spaced(chosen, 0) == chosen
    )


def _images(**minutes: list[float]) -> list[selection.SelectedImage]:
    """Return images at minutes after the start, by wavelength: ``_images(w171=[0, 6])``."""
    return [
        selection.SelectedImage(
            START + timedelta(minutes=at), int(name[1:]), Path(f"{at}__{name}.jpeg")
        )
        for name, times in minutes.items()
        for at in times
    ]


SPARSE = {"w171": [0, 6, 720], "w304": [1, 180, 480, 721], "w94": [3, 300]}


def test_a_sheet_of_a_sparse_folder_shows_every_image_once() -> None:
    chosen = _images(**SPARSE)
    places, across = selection.sheet_cells(chosen)
    shown = [image for image in places if image]
    assert sorted(shown) == sorted(chosen)
    assert across == 3 and len(places) % 3 == 0
    assert {number % 3: image.wavelength for number, image in enumerate(places) if image} == {
        **{0: 94, 1: 171, 2: 304}
    }


def test_a_film_of_a_sparse_folder_shows_every_image() -> None:
    chosen = _images(**SPARSE)
    frames = selection.movie_frames(chosen)
    assert {image for frame in frames for image in frame if image} == set(chosen)
    assert len(selection.movie_frames(chosen, 3)) == 3


@pytest.mark.parametrize("seed", range(20))
def test_rows_have_each_image_once_and_are_in_the_order_of_time(seed: int) -> None:
    random = np.random.default_rng(seed)
    chosen = _images(
        **{f"w{w}": random.uniform(0, 100, random.integers(1, 30)).tolist() for w in (94, 171, 193)}
    )
    grouped = selection.group_by_time(chosen)
    assert sorted(image for row in grouped for image in row.values()) == sorted(chosen)
    assert all(image.wavelength == w for row in grouped for w, image in row.items())
    begins = [min(row.values()).t_obs for row in grouped]
    assert begins == sorted(begins)


def test_images_up_to_half_a_step_apart_are_in_one_row() -> None:
    def pairs(offset: float) -> list[int]:
        times = [0.0, 6.0, 12.0]
        chosen = _images(w171=times, w304=[at + offset for at in times])
        return [len(row) for row in selection.group_by_time(chosen)]

    assert pairs(3) == [2, 2, 2]
    assert pairs(3.01) == [1, 2, 2, 1]  # each 304 is nearer to the next 171
    copies = _images(w171=[0, 0, 6, 6, 12, 12], w304=[1, 7, 13])
    assert [len(row) for row in selection.group_by_time(copies)] == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 10])
def test_a_sheet_has_at_most_the_requested_number_of_images(count: int) -> None:
    chosen = _images(**SPARSE)
    shown = [image for image in selection.sheet_cells(chosen, count)[0] if image]
    assert 0 < len(shown) <= count and len(set(shown)) == len(shown)
    if count >= len(chosen):
        assert sorted(shown) == sorted(chosen)


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_a_film_shows_the_images_in_the_order_of_their_times(
    data: Data, days: Path, ending: str, tmp_path: Path
) -> None:
    pytest.importorskip("imageio_ffmpeg")
    out = tmp_path / f"sun.{ending}"
    options = ("--wavelength", 171, "--size", 65, "--fps", 4, "--no-stamps")
    data("show", days, "-o", out, *options).succeeded()
    drawn = _frames(out, tmp_path)
    assert len(drawn) == 12
    for image, frame in zip(selection.select_images(days, "171"), drawn, strict=True):
        expected = np.asarray(panels.draw_panel(panels.PanelStyle(65, label=False), image), float)
        assert np.abs(frame[:65, :65] - expected).mean() < 8


def test_a_film_of_two_wavelengths_shows_them_side_by_side_and_gaps_are_black(
    data: Data, days: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sun.gif"
    data("show", days, "-o", out, "--size", 64, "--no-stamps").succeeded()
    drawn = _frames(out, tmp_path)
    assert len(drawn) == 12 and drawn[0].shape == (64, 130, 3)
    with Image.open(out) as moving:
        assert (moving.info["duration"], moving.info["loop"]) == (100, 0)
    plan = selection.movie_frames(selection.select_images(days))
    assert [frame[1] is None for frame in plan] == [False] * 12  # the nearest image is repeated
    early = [
        s
        for s in selection.select_images(days)
        if s.wavelength == 171 or s.t_obs < plan[4][0].t_obs
    ]
    assert [frame[1] is None for frame in selection.movie_frames(early)] == [False] * 5 + [True] * 7


def test_an_unreadable_image_is_reported_and_black(data: Data, days: Path, tmp_path: Path) -> None:
    bad = days / f"{START:{NAME}}__171.jpeg"
    bad.write_bytes(bad.read_bytes()[:3000])
    for name in ("sun.png", "sun.gif"):
        result = data("show", days, "-o", tmp_path / name, "--wavelength", 171, "--size", 64)
        assert result.code == 1
        assert f"failed  {bad}: The image is damaged or cannot be read" in result.err
        assert "11 images shown, 1 failed." in result.err
        assert (tmp_path / name).exists()
    first, second, *_ = _frames(tmp_path / "sun.gif", tmp_path)
    assert first[:50].max() == 0 and second[:50].max() > 100
    assert first[50:].max() > 200  # the label
    plain = tmp_path / "plain.gif"
    data("show", days, "-o", plain, "--wavelength", 171, "--size", 64, "--no-stamps")
    assert _frames(plain, tmp_path)[0].max() == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--output", "sun.tiff"), "Unsupported file extension in 'sun.tiff'"),
        (
            ("--start", "2020-01-01"),
            "which contains images from 2013-06-24 17:00:00 to 2013-06-24 18:06:00",
        ),
        (("--freq", "often"), "Invalid interval 'often'"),
        (("--freq", "0min"), "Invalid interval '0min'"),
        (("--wavelength", "94"), "No image with a name such as *__94.jpeg"),
    ],
)
def test_invalid_options_are_errors_and_nothing_is_written(
    data: Data, days: Path, options: tuple[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(days.parent)
    result = data("show", days, *options)
    assert result.code in (1, 2) and says in result.err
    assert [path.name for path in days.parent.iterdir()] == ["days"]
    assert "Expected exactly one folder" in data("show").err


def test_mp4_without_ffmpeg_is_an_error_with_instructions(
    data: Data, days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    result = data("show", days, "-o", tmp_path / "sun.mp4")
    assert result.code == 1 and "ffmpeg not found. It is required for MP4 movies" in result.err
    assert "astrodome-sdo-data[movie]" in result.err
    assert not (tmp_path / "sun.mp4").exists()


def test_the_error_of_ffmpeg_is_shown_and_the_old_film_is_kept(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    out = tmp_path / "sun.mp4"
    out.write_bytes(b"old")
    with pytest.raises(AstrodomeError, match="ffmpeg failed: Unknown encoder libx264"):
        movie.write_movie(
            selection.movie_frames(selection.select_images(days)), panels.PanelStyle(32), out
        )
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "days", "sun.mp4"]


def _frames(path: Path, folder: Path) -> list[np.ndarray]:
    """Return the frames of a movie, read with ffmpeg or Pillow."""
    if path.suffix == ".mp4":
        places = folder / "frames"
        places.mkdir()
        command = [movie.find_ffmpeg(), "-loglevel", "error", "-i", path, places / "%03d.png"]
        subprocess.run(command, check=True)
        drawn = []
        for name in sorted(places.iterdir()):
            with Image.open(name) as image:
                drawn.append(np.asarray(image.convert("RGB"), float))
        shutil.rmtree(places)
        return drawn
    with Image.open(path) as moving:
        drawn = []
        for number in range(moving.n_frames):
            moving.seek(number)
            drawn.append(np.asarray(moving.convert("RGB"), float))
        return drawn
