"""The public Python API: examples, accepted types, and names."""

from __future__ import annotations

import doctest
import inspect
import runpy
import subprocess
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import astrodome_solar as solar
import numpy as np
import pandas as pd
import pytest
from astropy.time import Time
from solar import inputs

EXAMPLE = Path(__file__).parents[2] / "examples/solar_api.py"
FUNCTIONS = [name for name in solar.__all__ if callable(getattr(solar, name))]
ALSO = [
    (solar.Channel.to_bytes, "Channel.to_bytes"),
    *((getattr(solar, name), name) for name in FUNCTIONS),
]


@pytest.mark.parametrize(("found", "name"), ALSO, ids=[name for _, name in ALSO])
def test_the_examples_in_docstrings_run(found, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inputs.write(tmp_path / "aia_171.fits")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/meta.csv").write_text(
        "FILE_NAME,CDELT\n2013-03-01T120011__171.jpeg,0.6\n", "utf-8"
    )
    names = {each: getattr(solar, each) for each in solar.__all__} | {"np": np}
    for test in doctest.DocTestFinder(recurse=False).find(found, name, globs=names):
        assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_documented_in_full(name):
    found = getattr(solar, name)
    if not isinstance(found, type) and name != "source_info":
        sections = ["Parameters", "Returns", "Examples"]
        if name not in ("colormap", "file_name", "flare_class", "parse_file_name"):
            sections.append("Raises")
        for section in sections:
            assert f"{section}\n{'-' * len(section)}\n" in str(inspect.getdoc(found))


def test_the_example_script_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    runpy.run_path(str(EXAMPLE))
    assert "2011-02-15T000000__171.jpeg" in capsys.readouterr().out
    assert (tmp_path / "2011-02-15T000000__171.jpeg").stat().st_size > 1000


def test_dir_contains_the_public_names_only():
    assert set(solar.__all__) - {"__version__"} == set(dir(solar)) - {"__version__"}
    assert solar.__version__ == version("astrodome-solar")


def test_the_import_of_the_package_and_of_times_loads_no_large_library():
    code = (
        "import sys, astrodome_solar, astrodome_solar.plugin\n"
        "print('numpy' in sys.modules, 'astropy' in sys.modules)\n"
        "astrodome_solar.parse_time('2013-03-01T12:00:11Z'), astrodome_solar.flux_of_class('M2')\n"
        "print('astropy' in sys.modules, 'sunpy' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"] * 4


@pytest.mark.parametrize(
    "time",
    [
        "2013-03-01T12:00:11",
        datetime(2013, 3, 1, 12, 0, 11),
        np.datetime64("2013-03-01T12:00:11"),
        pd.Timestamp("2013-03-01T12:00:11"),
        Time("2013-03-01T12:00:11"),
    ],
)
def test_times_of_all_libraries_are_accepted(time, tmp_path):
    path = inputs.write(tmp_path / "a.fits", DATE_OBS=None, T_OBS=None)
    image = solar.read_image(path, date=time)
    assert solar.file_name(time, 171) == image.file_name == "2013-03-01T120011__171.jpeg"
    row = {"X0": 2048, "Y0": 2048, "CDELT": 0.6, "DSUN": 1.4838e11}
    geometry = solar.ImageGeometry.from_metadata(row, 64, 64, time)
    assert geometry.time == image.time
    points, visible = solar.rotate_positions([[0, 300]], [time], geometry)
    assert np.abs(points - [[0, 300]]).max() < 0.5 and visible.all()
    assert isinstance(image.to_map().data, np.ndarray)
