"""The CSV tree of the older tool, written and read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from astrodome_goes.store.flux_store import Store
from astrodome_goes.store.samples import PRODUCTS, good

OLDER = """timestamp,xrsa,xrsb,xrsa_quality,xrsb_quality
2015-06-01T02:19:00,1.1e-09,2.1e-07,0.0,0.0
2015-06-01T02:20:00,1.2e-09,2.2e-07,0.0,0.0
2015-06-01T02:21:00,,9.9e-05,0.0,4.0
2015-06-30T23:59:60,1.4e-09,2.4e-07,0.0,0.0
"""


@pytest.fixture
def tree(tmp_path):
    """A tree as the older tool leaves it below the folder of ``--output``."""
    path = tmp_path / "older" / "goes_cache" / "2015" / "6" / "goes_ts.csv"
    path.parent.mkdir(parents=True)
    path.write_text(OLDER)
    return path.parents[2]


def test_the_tree_of_the_older_tool_is_imported(goes, tree, tmp_path):
    goes("import", tree, "--store", tmp_path / "store").succeeded()
    (samples,) = Store(tmp_path / "store").read()
    assert good(samples).tolist() == [True, True, False, True]
    assert str(samples["timestamp"][-1]) == "2015-06-30T23:59:59.999000"
    found = goes("get", "--timestamp=2015-06-01T02:20:00", "--store", tmp_path / "store", "--json")
    (row,) = found.succeeded().json
    assert (row["class"], row["product"], row["satellite"]) == ("B2.2", "csv", None)


def test_older_names_of_the_flags_and_a_given_satellite_are_taken(goes, tree, tmp_path):
    path = next(tree.rglob("*.csv"))
    path.write_text(
        OLDER.replace("xrsb_quality", "quality_xrsb").replace("xrsa_q", "quality_xrsa,q", 0)
    )
    goes("import", path, "--store", tmp_path / "store", "--satellite", 13).succeeded()
    (samples,) = Store(tmp_path / "store").read()
    assert good(samples).tolist() == [True, True, False, True]
    assert set(samples["satellite"].tolist()) == {13}


def test_a_folder_of_the_older_tool_tells_what_to_do(goes, tree):
    result = goes("get", "--timestamp=2015-06-01T02:20:00", f"--cache-dir={tree.parent}")
    assert result.code == 1 and f"sdo goes import {tree}" in result.err


def test_csv_writes_the_same_tree_beside_the_store(goes, xrs, tmp_path):
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path, "--csv").succeeded()
    frame = pd.read_csv(tmp_path / "goes_cache" / "2011" / "6" / "goes_ts.csv")
    assert list(frame.columns[:5]) == ["timestamp", "xrsa", "xrsb", "xrsa_quality", "xrsb_quality"]
    peak = frame.iloc[frame["xrsb"].idxmax()]
    assert peak["timestamp"].startswith("2011-06-07T06:4") and len(peak["timestamp"]) == 19
    (path,) = [p for p in tmp_path.rglob("*.parquet") if "month=06" in str(p)]
    assert len(frame) == len(pd.read_parquet(path))


def test_what_it_wrote_never_displaces_the_archives_own(goes, xrs, tmp_path):
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path, "--csv").succeeded()
    before = np.concatenate(list(Store(tmp_path).read()))
    goes("import", tmp_path / "goes_cache", "--store", tmp_path).succeeded()
    assert np.concatenate(list(Store(tmp_path).read())).tobytes() == before.tobytes()
    goes("import", tmp_path / "goes_cache", "--store", tmp_path / "anew").succeeded()
    anew = np.concatenate(list(Store(tmp_path / "anew").read()))
    assert {PRODUCTS[n] for n in anew["product"]} == {"csv"} and set(anew["satellite"]) == {15}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2015-06-01T02:20:00", "at noon", "line 3: Invalid time 'at noon'"),
        ("2.2e-07", "bright", "line 3: 'bright' is no number"),
        ("xrsb,", "flux,", "has no column xrsb"),
        ("0.0,4.0", "0.0,-7", "line 4: '-7.0' is no number in its range"),
    ],
)
def test_a_wrong_line_is_named_and_the_file_left_out(old, new, words, goes, tree, tmp_path, xrs):
    path = next(tree.rglob("*.csv"))
    path.write_text(OLDER.replace(old, new, 1))
    result = goes("import", path, xrs("goes_13_leap_second.nc"), "--store", tmp_path / "store")
    assert result.code == 1 and words in result.err and str(path) in result.err
    assert "1 files imported, 1 failed" in result.err


@pytest.mark.parametrize("fill", ["-9999", "-1.0", "1", "1e30"])
def test_any_value_of_1_or_more_is_a_fill_value(fill, goes, tree, tmp_path):
    path = next(tree.rglob("*.csv"))
    path.write_text(OLDER.replace("2.2e-07", fill).replace("1.1e-09", fill))
    goes("import", path, "--store", tmp_path / "store").succeeded()
    (samples,) = Store(tmp_path / "store").read()
    assert np.isnan(samples["xrsb"]).tolist() == [False, True, False, False]
    assert np.isnan(samples["xrsa"]).tolist()[:2] == [True, False]


def test_a_folder_without_data_is_a_sentence(goes, tmp_path):
    result = goes("import", tmp_path, "--store", tmp_path / "store")
    assert result.code == 1 and f"The folder {tmp_path} holds no XRS files" in result.err
