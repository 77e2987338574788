"""Damaged files are reported by name, and the others are imported."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import h5py
import pytest
from astrodome_goes.archives.formats import read_file
from astrodome_goes.archives.importing import read_files
from astropy.io import fits
from sunpy.data.test import get_test_filepath

NETCDF = (
    "goes_13_leap_second.nc",
    "sci_gxrs-l2-irrad_g13_d20170901_truncated.nc",
    "sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc",
    "sci_xrsf-l2-flx1s_g17_d20201016_truncated.nc",
)


def short_day():
    """Return the first minutes of the real FITS file, which is read thousands of times."""
    made = io.BytesIO()
    with fits.open(get_test_filepath("go1520110607.fits")) as content:
        table = content[2]
        cut = [("TIME", 1), ("FLUX", 2)]
        columns = []
        for name, _ in cut:
            data = table.data[name][:, :100]
            shape = f"({data.shape[2]},100)" if data.ndim == 3 else None
            kind = f"{data[0].size}{'D' if name == 'TIME' else 'E'}"
            columns.append(fits.Column(name, kind, array=data, dim=shape))
        content[2] = fits.BinTableHDU.from_columns(columns)
        content.writeto(made, output_verify="ignore")
    return made.getvalue()


def broken(content, chance):
    """Change, remove or overwrite bytes at random."""
    made = bytearray(content)
    place = chance.randrange(len(made))
    how = chance.randrange(5)
    if how <= 1:
        for _ in range(chance.choice([1, 2, 8, 64])):
            made[chance.randrange(len(made))] = chance.randrange(256)
    elif how == 2:
        del made[place:]
    elif how == 3:
        del made[place : place + chance.randrange(1, 500)]
    else:
        length = min(chance.randrange(1, 64), len(made) - place)
        made[place : place + length] = bytes([chance.choice([0, 255])]) * length
    return bytes(made)


def originals():
    yield "go1520110607.fits", short_day()
    yield "go1520120601.fits.gz", gzip.compress(short_day())
    for name in NETCDF:
        yield name, Path(get_test_filepath(name)).read_bytes()


def test_the_original_files_are_valid(tmp_path):
    for name, content in originals():
        (tmp_path / name).write_bytes(content)
        assert len(read_file(tmp_path / name)) >= 50


def test_a_damaged_file_is_read_or_named_and_affects_no_other_file(torture, tmp_path):
    kinds = dict(originals())
    fine = tmp_path / "fine.fits"
    fine.write_bytes(kinds["go1520110607.fits"])
    total, batch = torture(80, 5_000), 40
    valid = refused = 0
    for start in range(0, total, batch):
        paths = [fine]
        for number in range(start, start + batch):
            chance = random.Random(number)
            name, content = chance.choice([*kinds.items()])
            paths.append(tmp_path / f"{number}_{name}")
            paths[-1].write_bytes(broken(content, chance))
        results = {result.item: result for result in read_files(paths, cpu_limit=5)}
        assert results.keys() == set(paths) and results[fine].value is not None
        for path, result in results.items():
            if result.value is None:
                assert str(path) in result.error and "\n" not in result.error, result.error
                refused += 1
            else:
                valid += 1
        for path in paths[1:]:
            path.unlink()
    assert valid > 1 and refused


def test_a_file_that_takes_too_long_is_named_and_the_others_are_read(tmp_path):
    """The file causes an endless loop in HDF5 of 2025; other versions may raise an error."""
    chance = random.Random(346)
    name, content = chance.choice([*originals()])
    endless, fine = tmp_path / name, tmp_path / "go1520110607.fits"
    endless.write_bytes(broken(content, chance))
    fine.write_bytes(short_day())
    results = {result.item: result for result in read_files([endless, fine], cpu_limit=1)}
    assert results[fine].value is not None
    assert results[endless].value is None and str(endless) in results[endless].error


def test_a_file_that_crashes_the_process_that_reads_it_is_named(tmp_path, goes, torture):
    if not torture(0, 1):
        pytest.skip("the search for a file that crashes the HDF5 library takes a minute")
    name, content = NETCDF[1], Path(get_test_filepath(NETCDF[1])).read_bytes()
    crashing = next(crashing_files(tmp_path, name, content), None)
    if crashing is None:
        pytest.skip("no tried file crashes this version of the HDF5 library")
    result = goes("import", crashing, get_test_filepath(NETCDF[2]), "--store", tmp_path / "store")
    assert result.code == 1 and "1 file imported, 1 failed" in result.err
    assert f"{crashing} is damaged" in result.err
    assert "free()" not in result.err and "corruption" not in result.err


def huge_netcdf(path):
    """Write a real file with an additional array of 8 TB, which takes no space in the file."""
    path.write_bytes(Path(get_test_filepath(NETCDF[2])).read_bytes())
    with h5py.File(path, "r+") as content:
        content.create_dataset("huge", (10**6, 10**6), "f8", chunks=(1000, 1000))


def huge_fits(path):
    """Write a table that declares 10^12 rows."""
    with fits.open(get_test_filepath("go1520110607.fits")) as content:
        made = io.BytesIO()
        content.writeto(made)
    place = made.getvalue().index(b"XTENSION= 'BINTABLE'")
    head, rest = made.getvalue()[:place], made.getvalue()[place:]
    start = rest.index(b"NAXIS2  =")
    path.write_bytes(head + rest[:start] + b"NAXIS2  = %20d" % 10**12 + rest[start + 30 :])


def bomb(path):
    """Write a valid file followed by 128 MiB of zeros, compressed to less than 1 MB."""
    with gzip.open(path, "wb", 1) as out:
        out.write(short_day())
        block = bytes(1 << 24)
        for _ in range(8):
            out.write(block)


@pytest.mark.parametrize(
    ("make", "name"),
    [(huge_netcdf, "huge.nc"), (huge_fits, "huge.fits"), (bomb, "bomb.fits.gz")],
)
def test_a_file_that_needs_too_much_memory_is_named_and_the_others_are_stored(
    make, name, goes, tmp_path, monkeypatch
):
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", "100")
    path = tmp_path / name
    make(path)
    result = goes("import", path, get_test_filepath(NETCDF[2]), "--store", tmp_path / "store")
    assert result.code == 1 and "1 file imported, 1 failed" in result.err
    assert f"{path} needs at least" in result.err and "the limit is 100 MiB" in result.err


def test_a_large_file_is_read_when_the_setting_allows_it(goes, tmp_path, monkeypatch):
    path = tmp_path / "large.fits.gz"
    path.write_bytes(gzip.compress(short_day()))
    size = len(short_day()) / (1 << 20)
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", f"{size * 0.5}")
    assert goes("import", path, "--store", tmp_path / "store").code == 1
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", f"{size * 1.01}")
    goes("import", path, "--store", tmp_path / "store").succeeded()


def crashing_files(folder, name, content):
    """Broken files that crash the HDF5 library; which ones do depends on its version."""
    for start in range(0, 400, 40):
        paths = [folder / f"{number}_{name}" for number in range(start, start + 40)]
        for number, path in enumerate(paths, start):
            chance = random.Random(number)
            made = bytearray(content)
            for _ in range(8):
                made[chance.randrange(len(made))] = chance.randrange(256)
            path.write_bytes(made)
        for result in read_files(paths):
            if "reading it crashed" in result.error:
                yield result.item
        for path in paths:
            path.unlink(missing_ok=True)
