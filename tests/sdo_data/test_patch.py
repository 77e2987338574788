"""``sdo data patch``: reproducible random patches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astrodome.testing import Result
from astrodome_sdo_data.processing import patches
from PIL import Image

Data = Callable[..., Result]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def corners(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Return the positions in the comments of the patches, by image."""
    found: dict[str, list[tuple[int, int]]] = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            at = re.search(rb" at (\d+),(\d+) of (\S+)", image.info["comment"])
        assert at
        found.setdefault(at[3].decode(), []).append((int(at[1]), int(at[2])))
    return found


def test_each_image_has_the_requested_number_of_patches_with_its_name(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "patches"
    command = ("--wavelength=193", "--size=32", "--max-patches=9")
    result = data("patch", f"--path={archive}", f"--targetpath={out}", *command).succeeded()
    assert result.err == "108 patches written.\n"
    expected = {f"{p.stem}__{i}.jpeg" for p in archive.glob("*__193.jpeg") for i in range(9)}
    assert {p.name for p in out.iterdir()} == expected
    with Image.open(out / "2013-06-24T170000__193__8.jpeg") as patch:
        assert (patch.size, patch.mode) == ((32, 32), "L")


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".jp2"])
def test_a_patch_is_the_part_of_the_image_in_its_comment(
    data: Data, corona: Image.Image, tmp_path: Path, mode: str, suffix: str
) -> None:
    (tmp_path / "in").mkdir()
    name = f"2013-06-24T173130__193{suffix}"
    corona.convert(mode).save(tmp_path / "in" / name)
    out = tmp_path / "out"
    options = ("--size", 64, "--max-patches", 5)
    data("patch", "--path", tmp_path / "in", "--targetpath", out, *options).succeeded()
    with Image.open(tmp_path / "in" / name) as image:
        for number, (x, y) in enumerate(corners(out)[name]):
            with Image.open(out / f"2013-06-24T173130__193__{number}.jpeg") as patch:
                assert patch.mode == mode
                part = np.asarray(image.crop((x, y, x + 64, y + 64)), float)
                assert np.abs(np.asarray(patch, float) - part).mean() < 2


def test_the_same_seed_gives_the_same_files_for_any_number_of_workers(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    made = []
    for number, (jobs, seed) in enumerate([(1, 0), (4, 0), (2, 7)]):
        out = tmp_path / str(number)
        options = ("--size", 40, "--max-patches", 7, "--jobs", jobs, "--seed", seed)
        data("patch", "--path", archive, "--targetpath", out, *options).succeeded()
        made.append(contents(out))
    assert made[0] == made[1]
    assert made[0].keys() == made[2].keys() and made[0] != made[2]


def test_positions_are_unique_and_differ_between_images(archive: Path, tmp_path: Path) -> None:
    patches.cut_patches(archive, tmp_path / "out", 1020, 200, wavelength="193")
    found = corners(tmp_path / "out")
    assert len(found) == 12
    for places in found.values():
        assert len(places) == len(set(places)) == 25  # all 5 x 5 positions
    few = patches.cut_patches(archive, tmp_path / "few", 64, 3, wavelength="193")
    assert few.done == 36
    assert max(Counter(p for ps in corners(tmp_path / "few").values() for p in ps).values()) == 1


def test_positions_reach_every_edge_of_the_cropped_image() -> None:
    places = patches.positions(20, 12, 4, 999, crop=3, seed=1, name="a")
    assert len(places) == len(set(places)) == (20 - 6 - 4 + 1) * (12 - 6 - 4 + 1)
    columns, rows = zip(*places, strict=True)
    assert (min(columns), max(columns)) == (3, 20 - 3 - 4)
    assert (min(rows), max(rows)) == (3, 12 - 3 - 4)


def test_an_image_that_is_smaller_than_a_patch_is_reported(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    options = ("--size", 300, "--max-patches", 2, "--crop-size", 60)
    result = data("patch", "--path", archive, "--targetpath", tmp_path / "out", *options)
    assert result.code == 1
    assert "24 patches written, 1 failed." in result.err
    assert (
        "failed  2013-06-24T180000__171.jpeg: An image with "
        "410 x 410 pixels and a border of 60 pixels is too small for patches with" in result.err
    )


def test_images_with_the_same_stem_do_not_overwrite_patches(
    data: Data, archive: Path, corona: Image.Image, tmp_path: Path
) -> None:
    corona.save(archive / "2013-06-24T180000__171.png")
    options = ("--wavelength", 171, "--size", 32, "--max-patches", 4)
    result = data("patch", "--path", archive, "--targetpath", tmp_path / "out", *options)
    assert result.code == 1
    assert (
        "171.png: The patches of 2013-06-24T180000__171.jpeg have the same file names" in result.err
    )
    assert set(corners(tmp_path / "out")) == {"2013-06-24T180000__171.jpeg"}


def test_only_missing_and_outdated_patches_are_written(
    data: Data, archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--size", 32, "--max-patches", 4, "--json")
    command = ("patch", "--path", archive, "--targetpath", out, *options)
    assert data(*command).json["done"] == 52
    first = contents(out)
    (out / "2013-06-24T170000__193__2.jpeg").unlink()
    (out / "2013-06-24T170100__193__1.jpeg").write_bytes(b"")
    assert data(*command).json == {"done": 2, "skipped": 50, "failed": []}
    assert contents(out) == first
    assert data(*command, "--seed", 1).json["done"] == 52
    assert data(*command).json["done"] == 52
    assert contents(out) == first


def test_surplus_patches_are_deleted_and_other_files_are_kept(
    data: Data, archive: Path, corona: Image.Image, tmp_path: Path
) -> None:
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    command = ("patch", "--path", archive, "--size", 32, "--max-patches")
    data(*command, 9, "--targetpath", out).succeeded()
    own = out / "2013-06-24T180000__171__9.jpeg"
    corona.save(own)
    assert data(*command, 4, "--targetpath", out, "--json").json["skipped"] == 52
    own.unlink()  # still exists, because it is not a patch
    data(*command, 4, "--targetpath", fresh).succeeded()
    assert contents(out) == contents(fresh)
