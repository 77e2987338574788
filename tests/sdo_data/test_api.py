"""The public Python API: every function has an example that runs offline."""

from __future__ import annotations

import doctest
import inspect
import os
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import astrodome_sdo_data as sdo_data
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astropy.time import Time
from PIL import Image
from services.gsu import FakeGsu

FUNCTIONS = [name for name in sdo_data.__all__ if inspect.isfunction(getattr(sdo_data, name))]
EXAMPLE = Path(__file__).parents[2] / "examples" / "sdo_data_api.py"


@pytest.fixture
def images(corona: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Create three images at 171 angstrom, six minutes apart, and work in an empty folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    for minute in (0, 6, 12):
        corona.rotate(minute).save(folder / f"2012-03-07T00{minute:02d}00__171.jpeg")
    monkeypatch.chdir(tmp_path)
    yield folder


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_each_function_has_the_documented_result(
    name: str, images: Path, aia171: Path, gsu: FakeGsu
) -> None:
    function = getattr(sdo_data, name)
    names = {name: function, "images": images, "fits_file": aia171}
    (test,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert test.examples
    results = doctest.DocTestRunner().run(test)
    assert results.failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings_have_the_sections_of_numpydoc(name: str) -> None:
    text = inspect.getdoc(getattr(sdo_data, name)) or ""
    for section in ("Parameters", "Returns", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text


def test_names_are_listed_and_loaded_lazily() -> None:
    assert set(sdo_data.__all__) <= set(dir(sdo_data))
    code = "import sys, astrodome_sdo_data; print('pandas' in sys.modules, 'PIL' in sys.modules)"
    assert os.popen(f'{os.sys.executable} -c "{code}"').read() == "False False\n"


START = "2012-03-07T00:06:00"


@pytest.mark.parametrize(
    "time",
    [
        START,
        "2012-03-07T01:06:00+01:00",
        datetime(2012, 3, 7, 0, 6),
        datetime(2012, 3, 7, 0, 6, tzinfo=UTC),
        np.datetime64(START),
        pd.Timestamp(START),
        pd.Timestamp(START, tz="UTC"),
        Time(START),
    ],
    ids=lambda time: type(time).__name__,
)
def test_times_may_be_strings_or_objects_of_datetime_numpy_pandas_and_astropy(
    time: object, images: Path, gsu: FakeGsu
) -> None:
    rows = sdo_data.search("gsu", time, time, freq="6min", size="256")
    assert rows["t_obs"].tolist() == [pd.Timestamp(START)]
    table = sdo_data.read_folder(images, start=time, end=time)
    assert [path.name for path in table["path"]] == ["2012-03-07T000600__171.jpeg"]


def test_paths_may_be_strings_with_a_home_folder(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(images.parent))
    assert len(sdo_data.read_folder("~/images")) == 3
    assert sdo_data.resize("~/images", "~/small", 32).done == 3
    assert len(list((images.parent / "small").iterdir())) == 3


def test_a_download_returns_the_outcome_of_every_image(gsu: FakeGsu, tmp_path: Path) -> None:
    gsu.archive.missing = {(datetime(2012, 3, 7, 0, 6), 171)}
    hour = {"start": "2012-03-07T00:00", "end": "2012-03-07T00:12", "freq": "6min", "size": 256}
    report = sdo_data.download("gsu", folder=str(tmp_path), metadata=True, **hour)
    assert report.files["outcome"].tolist() == ["downloaded", "missing", "downloaded"]
    assert repr(report) == "DownloadReport({'downloaded': 2, 'missing': 1})"
    assert not report.is_complete and report.bytes == report.files["bytes"].sum() > 0
    table = sdo_data.read_folder(tmp_path)
    assert table["QUALITY"].tolist() == [0, 0] and table["CDELT"].between(0.59, 0.61).all()
    summary = repr(sdo_data.summarize(tmp_path))
    assert summary == f"FolderSummary('{tmp_path}', images={{'171': 2}}, 0 damaged)"
    again = sdo_data.download("gsu", folder=tmp_path, **hour)
    assert again.files["outcome"].tolist() == ["existing", "missing", "existing"]


def test_an_end_that_is_a_date_includes_the_day(gsu: FakeGsu) -> None:
    rows = sdo_data.search("gsu", "2012-03-07", "2012-03-07", freq="6h")
    assert len(rows) == 4
    with pytest.raises(AstrodomeError, match="is before the start"):
        sdo_data.search("gsu", "2012-03-08", "2012-03-07")
    with pytest.raises(AstrodomeError, match="Invalid time 'yesterday'"):
        sdo_data.search("gsu", "yesterday", "2012-03-07")


def test_a_table_of_a_folder_has_only_documented_columns(gsu: FakeGsu, tmp_path: Path) -> None:
    hour = {"start": "2012-03-07T00:00", "end": "2012-03-07T00:12", "freq": "6min", "size": "256"}
    sdo_data.download("gsu", folder=tmp_path, metadata=True, **hour)
    metadata = ["QUALITY", "DSUN", "X0", "Y0", "R_SUN", "CDELT"]
    assert {"t_obs", "wavelength", "path", *metadata} <= {*sdo_data.read_folder(tmp_path)}
    assert "key_0" not in sdo_data.read_folder(tmp_path)


def test_an_unsupported_extension_is_an_error_before_images_are_drawn(
    images: Path, tmp_path: Path
) -> None:
    for make in (sdo_data.make_contact_sheet, sdo_data.make_movie):
        with pytest.raises(AstrodomeError, match=r"Unsupported file extension in .*sun\.xyz"):
            make(images, tmp_path / "sun.xyz")
    assert not (tmp_path / "sun.xyz").exists()


def test_the_complete_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(EXAMPLE))
    assert len(found["images"]) == 6
    assert (tmp_path / "sheet.png").exists()
