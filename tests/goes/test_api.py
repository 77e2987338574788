"""The public Python API: examples, accepted types, and names."""

from __future__ import annotations

import doctest
import inspect
import runpy
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import astrodome_goes as goes
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astropy.time import Time

EXAMPLE = Path(__file__).parents[2] / "examples/goes_api.py"
FUNCTIONS = [name for name in goes.__all__ if callable(getattr(goes, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_examples_in_docstrings_run(name, day_store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"store": goes.Store(day_store)}
    for test in doctest.DocTestFinder(recurse=False).find(getattr(goes, name), name, globs=names):
        assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_documented_in_full(name):
    found = getattr(goes, name)
    if not isinstance(found, type):
        for section in ("Parameters", "Returns", "Raises", "Examples"):
            assert f"{section}\n{'-' * len(section)}\n" in str(inspect.getdoc(found))


def test_the_example_script_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    runpy.run_path(str(EXAMPLE))
    assert "M2.5" in capsys.readouterr().out
    assert (tmp_path / "day.png").stat().st_size > 10_000


def test_dir_contains_the_public_names_only():
    assert set(goes.__all__) == set(dir(goes))
    assert goes.__version__ == version("astrodome-goes")


@pytest.mark.parametrize(
    "time",
    [
        "2011-06-07T06:41",
        "2011-06-07T08:41:00+02:00",
        datetime(2011, 6, 7, 6, 41),
        datetime(2011, 6, 7, 6, 41, tzinfo=UTC),
        np.datetime64("2011-06-07T06:41"),
        pd.Timestamp("2011-06-07 08:41", tz="Europe/Zurich"),
        Time("2011-06-07T06:41"),
        Time("2011-06-07T06:41", scale="utc").tai,
    ],
)
def test_a_time_may_be_of_any_usual_type(time, day_store):
    assert goes.flux_at(day_store, time) == pytest.approx([2.5418e-5])
    assert goes.flares(day_store, time, time)["class"].to_list() == ["M2.5"]


@pytest.mark.parametrize(
    "times",
    [
        ["2011-06-07T06:41", "2011-06-09"],
        [datetime(2011, 6, 7, 6, 41), np.datetime64("2011-06-09")],
        np.array(["2011-06-07T06:41", "2011-06-09"], "M8[s]"),
        pd.DatetimeIndex(["2011-06-07T06:41", "2011-06-09"]),
        pd.Series(["2011-06-07T06:41", "2011-06-09"]),
        pd.to_datetime(["2011-06-07T06:41", None]).tz_localize("UTC"),
        Time(["2011-06-07T06:41", "2011-06-09T00:00"]),
    ],
)
def test_many_times_may_be_of_any_usual_type(times, day_store):
    flux = goes.flux_at(str(day_store), times)
    assert flux[0] == pytest.approx(2.5418e-5) and np.isnan(flux[1])


@pytest.mark.parametrize("time", ["yesterday", 20110607, 55719.5, [None, 3]])
def test_an_invalid_time_is_an_error(time, day_store):
    with pytest.raises(AstrodomeError, match="time"):
        goes.flux_at(day_store, time)


def test_a_store_may_be_a_string_a_path_or_a_store(day_store, tmp_path, monkeypatch):
    shutil.copytree(day_store, tmp_path / "goes")
    monkeypatch.setenv("HOME", str(tmp_path))
    for store in ("~/goes", tmp_path / "goes", goes.Store("~/goes")):
        assert goes.coverage(store)["months"] == 1


def test_an_end_before_the_start_is_an_error(day_store):
    with pytest.raises(AstrodomeError, match="before the start"):
        goes.flares(day_store, "2011-06-08", "2011-06-07")
