"""Every file format of the archives is read; other files cause an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome_goes.archives.formats import read_file
from astrodome_goes.store.sample_table import good
from astropy.io import fits
from sunpy.timeseries import TimeSeries

LAYOUTS = {
    "go1520110607.fits": (15, "fits"),
    "go1520120601.fits.gz": (15, "fits"),
    "goes_13_leap_second.nc": (13, "gxrs-l2-irrad"),
    "sci_gxrs-l2-irrad_g13_d20170901_truncated.nc": (13, "gxrs-l2-irrad"),
    "sci_gxrs-l2-irrad_g15_d20131028_truncated.nc": (15, "gxrs-l2-irrad"),
    "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc": (15, "xrsf-l2-avg1m"),
    "sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc": (16, "xrsf-l2-avg1m"),
    "sci_xrsf-l2-flx1s_g17_d20201016_truncated.nc": (17, "xrsf-l2-flx1s"),
}


@pytest.mark.filterwarnings("ignore:There is one leap second", "ignore:The inplace keyword")
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_samples_of_every_format_are_those_that_sunpy_reads(name, xrs):
    samples = read_file(xrs(name))
    frame = TimeSeries(xrs(name), source="XRS").to_dataframe()
    assert len(samples) == len(frame)
    assert np.abs(samples["timestamp"] - frame.index).max() < np.timedelta64(1, "us")
    for channel in ("xrsa", "xrsb"):
        np.testing.assert_allclose(samples[channel], frame[channel], rtol=1e-6)
    satellite, product = LAYOUTS[name]
    assert set(samples["satellite"].tolist()) == {satellite}
    assert set(samples["product"]) == {product}


def test_flags_for_the_electron_background_do_not_make_a_sample_unusable(xrs):
    name = "sci_xrsf-l2-avg1m_g15_d20190102_truncated.nc"
    flags = TimeSeries(xrs(name), source="XRS").to_dataframe()["xrsb_quality"]
    assert (flags == 16).all()  # "electron_correction_invalid", outside the mask of good_data
    assert good(read_file(xrs(name))).all()


def test_samples_of_fits_files_have_no_flags_and_are_good(xrs):
    samples = read_file(xrs("go1520110607.fits"))
    assert samples["xrsb_quality"].isna().all()
    assert good(samples).all()


@pytest.mark.parametrize("fill", [-99999.0, -9999.0, -1.0, 1.0, 99999.0, 1e20, np.inf, -np.inf])
def test_any_value_of_1_or_more_is_a_fill_value_in_either_channel(fill, day):
    path = day()
    with fits.open(path, mode="update") as content:
        content[2].data["FLUX"][0, 100, 0] = fill
        content[2].data["FLUX"][0, 200, 1] = fill
    samples = read_file(path)
    assert np.isnan(samples["xrsb"][100]) and np.isnan(samples["xrsa"][200])
    assert np.isfinite(samples["xrsb"][[99, 101, 200]]).all()
    assert not good(samples)[100] and good(samples)[200]


def test_a_flux_just_below_1_is_data(day):
    path = day()
    with fits.open(path, mode="update") as content:
        content[2].data["FLUX"][0, 100, 0] = 0.999
    assert read_file(path)["xrsb"][100] == np.float32(0.999)


def test_times_are_rounded_to_the_nearest_microsecond(day):
    path = day()
    before = read_file(path)["timestamp"][100]
    with fits.open(path, mode="update") as content:
        content[2].data["TIME"][0, 100] += 0.6e-6
    assert read_file(path)["timestamp"][100] == before + np.timedelta64(1, "us")


def test_the_sample_of_a_leap_second_is_kept_in_its_day(xrs, day):
    samples = read_file(xrs("goes_13_leap_second.nc"))
    assert str(samples["timestamp"].iloc[-1]) == "2015-06-30 23:59:59.999000"

    path = day("30/06/2015")
    with fits.open(path, mode="update") as content:
        content[2].data["TIME"][0, -1] = 86400.5
    samples = read_file(path)
    assert str(samples["timestamp"].iloc[-1]) == "2015-06-30 23:59:59.999000"
    assert len(samples) == len(read_file(xrs("go1520110607.fits")))


def test_a_satellite_can_be_given_for_files_that_do_not_specify_it(xrs, tmp_path):
    nameless = tmp_path / "june.nc"
    nameless.write_bytes(xrs("goes_13_leap_second.nc").read_bytes())
    with pytest.raises(AstrodomeError, match=r"june\.nc does not specify the satellite"):
        read_file(nameless)
    assert set(read_file(nameless, satellite=13)["satellite"].tolist()) == {13}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "page.nc",
            b"<!DOCTYPE html><html>Too many requests</html>",
            "is a web page instead",
        ),
        ("nothing.fits", b"", "is empty"),
        ("header.csv", b"timestamp,xrsa,xrsb\n", "header.csv contains no samples"),
        ("noise.nc", bytes(range(256)) * 8, "is damaged or is not a GOES XRS file"),
        (
            "cut.nc",
            "sci_xrsf-l2-avg1m_g16_d20210101_truncated.nc",
            "is damaged or is not a GOES XRS file",
        ),
        ("cut.fits", "go1520110607.fits", "is damaged or is not a GOES XRS file"),
        ("image.fits", "aia_171_level1.fits", "is not a GOES XRS file: expected a NASA FITS file"),
    ],
)
def test_an_invalid_file_is_named_and_the_others_are_imported(
    name, content, message, xrs, tmp_path, goes
):
    bad = tmp_path / name
    if isinstance(content, str):
        whole = xrs(content).read_bytes()
        content = whole if name == "image.fits" else whole[: len(whole) // 3]
    bad.write_bytes(content)
    fine = xrs("sci_xrsf-l2-flx1s_g17_d20201016_truncated.nc")
    result = goes("import", bad, fine, "--store", tmp_path / "store")
    assert result.code == 1
    assert message in result.err and name in result.err and "Traceback" not in result.err
    assert "1 file imported, 1 failed" in result.err
    goes("get", "--timestamp", "2020-10-16", "--store", tmp_path / "store").succeeded()


def test_a_missing_file_is_named_and_no_store_is_created(goes, tmp_path):
    result = goes("import", tmp_path / "absent.nc", "--store", tmp_path / "store", "--json")
    assert result.code == 1
    assert [Path(f["name"]).name for f in result.json["failed"]] == ["absent.nc"]
    assert not (tmp_path / "store").exists()
