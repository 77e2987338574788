"""The CSV files of sdo-cli, written and read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from astrodome_goes import Store
from astrodome_goes.store.sample_table import good
from pandas.testing import assert_frame_equal

SDO_CLI = """timestamp,xrsa,xrsb,xrsa_quality,xrsb_quality
2015-06-01T02:19:00,1.1e-09,2.1e-07,0.0,0.0
2015-06-01T02:20:00,1.2e-09,2.2e-07,0.0,0.0
2015-06-01T02:21:00,,9.9e-05,0.0,4.0
2015-06-30T23:59:60,1.4e-09,2.4e-07,0.0,0.0
"""


@pytest.fixture
def tree(tmp_path):
    """Files as sdo-cli writes them in the folder of ``--output``."""
    path = tmp_path / "downloaded" / "goes_cache" / "2015" / "6" / "goes_ts.csv"
    path.parent.mkdir(parents=True)
    path.write_text(SDO_CLI)
    return path.parents[2]


def test_the_files_of_sdo_cli_are_imported(goes, tree, tmp_path):
    goes("import", tree, "--store", tmp_path / "store").succeeded()
    (samples,) = Store(tmp_path / "store").read()
    assert good(samples).tolist() == [True, True, False, True]
    assert str(samples["timestamp"].iloc[-1]) == "2015-06-30 23:59:59.999000"
    found = goes("get", "--timestamp=2015-06-01T02:20:00", "--store", tmp_path / "store", "--json")
    (row,) = found.succeeded().json
    assert (row["class"], row["product"], row["satellite"]) == ("B2.2", "csv", None)


def test_other_column_names_of_the_flags_and_a_given_satellite_are_used(goes, tree, tmp_path):
    path = next(tree.rglob("*.csv"))
    path.write_text(SDO_CLI.replace("xrsb_quality", "quality_xrsb"))
    goes("import", path, "--store", tmp_path / "store", "--satellite", 13).succeeded()
    (samples,) = Store(tmp_path / "store").read()
    assert good(samples).tolist() == [True, True, False, True]
    assert set(samples["satellite"].tolist()) == {13}


def test_an_error_for_a_folder_of_sdo_cli_names_the_command_to_import_it(goes, tree):
    result = goes("get", "--timestamp=2015-06-01T02:20:00", f"--cache-dir={tree.parent}")
    assert result.code == 1 and f"sdo goes import {tree}" in result.err


def test_csv_writes_the_files_of_sdo_cli_beside_the_store(goes, xrs, tmp_path):
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path, "--csv").succeeded()
    frame = pd.read_csv(tmp_path / "goes_cache" / "2011" / "6" / "goes_ts.csv")
    assert list(frame.columns[:5]) == ["timestamp", "xrsa", "xrsb", "xrsa_quality", "xrsb_quality"]
    peak = frame.iloc[frame["xrsb"].idxmax()]
    assert peak["timestamp"].startswith("2011-06-07T06:4") and len(peak["timestamp"]) == 19
    (path,) = [p for p in tmp_path.rglob("*.parquet") if "month=06" in str(p)]
    assert len(frame) == len(pd.read_parquet(path))


def test_importing_written_csv_files_does_not_replace_the_original_samples(
    goes, xrs, stored, tmp_path
):
    goes("import", xrs("go1520110607.fits"), "--store", tmp_path, "--csv").succeeded()
    before = stored(tmp_path)
    goes("import", tmp_path / "goes_cache", "--store", tmp_path).succeeded()
    assert_frame_equal(stored(tmp_path), before)
    goes("import", tmp_path / "goes_cache", "--store", tmp_path / "new").succeeded()
    new = stored(tmp_path / "new")
    assert set(new["product"]) == {"csv"} and set(new["satellite"]) == {15}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2015-06-01T02:20:00", "at noon", "'at noon' in {}, line 3, column timestamp: expected a"),
        ("2.2e-07", "bright", "'bright' in {}, line 3, column xrsb: expected a number"),
        ("xrsb,", "flux,", "{} has no column xrsb"),
        ("0.0,4.0", "0.0,-7", "'-7.0' in {}, line 4, column xrsb_quality: expected an integer"),
        ("0.0,4.0", "0.0,0.5", "'0.5' in {}, line 4, column xrsb_quality: expected an integer"),
    ],
)
def test_a_file_with_an_invalid_value_is_named_and_skipped(
    old, new, words, goes, tree, tmp_path, xrs
):
    path = next(tree.rglob("*.csv"))
    path.write_text(SDO_CLI.replace(old, new, 1))
    result = goes("import", path, xrs("goes_13_leap_second.nc"), "--store", tmp_path / "store")
    assert result.code == 1 and words.format(path) in result.err
    assert "1 file imported, 1 failed" in result.err


@pytest.mark.parametrize("fill", ["-9999", "-1.0", "1", "1e30", "1e300"])
def test_any_value_of_1_or_more_is_a_fill_value(fill, goes, tree, tmp_path):
    path = next(tree.rglob("*.csv"))
    path.write_text(SDO_CLI.replace("2.2e-07", fill).replace("1.1e-09", fill))
    goes("import", path, "--store", tmp_path / "store").succeeded()
    (samples,) = Store(tmp_path / "store").read()
    assert np.isnan(samples["xrsb"]).tolist() == [False, True, False, False]
    assert np.isnan(samples["xrsa"]).tolist()[:2] == [True, False]


def test_a_folder_without_data_is_an_error(goes, tmp_path):
    result = goes("import", tmp_path, "--store", tmp_path / "store")
    assert result.code == 1 and f"No XRS files found in {tmp_path}" in result.err
