"""The source ``gsu``, and the fake server with the client of sdo-cli."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_sdo_data import parameters
from astrodome_sdo_data.sources.gsu import GsuSource, parse_header
from services.gsu import FakeGsu, cube_xml

NOON = datetime(2012, 3, 7, 12)

SDO_CLI = """
import json, sys
from datetime import datetime
import numpy
numpy.int, numpy.float = int, float  # removed in NumPy 1.24
from sdo.data_loader.image_param.api_wrappers import api_wrappers as api
from sdo.data_loader.image_param.IP_CONSTANTS.CONSTANTS import AIA_WAVE, IMAGE_PARAM, IMAGE_SIZE

noon, wave = datetime(2012, 3, 7, 12), AIA_WAVE.AIA_171
image = api.get_aia_image_jpeg(noon, wave, IMAGE_SIZE.P512)
heat = api.get_aia_imageparam_jpeg(noon, wave, IMAGE_SIZE.P128, IMAGE_PARAM.ENTROPY)
cube = api.convert_param_xml_to_ndarray(api.get_aia_imageparam_xml(noon, wave))
numpy.save(sys.argv[1], cube)
json.dump({
    "image": [image.format, image.mode, image.size, numpy.asarray(image).mean()],
    "heat": [heat.format, heat.mode, heat.size],
    "json": api.get_aia_imageheader_json(noon, wave),
    "xml": api.convert_header_xml_to_dict(api.get_aia_imageheader_xml(noon, wave)),
}, sys.stdout)
"""


@pytest.fixture(scope="session")
def sdo_cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install sdo-cli without dependencies into a folder."""
    target = tmp_path_factory.mktemp("sdo_cli")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target)]
    done = subprocess.run([*pip, "sdo-cli==0.0.21"], capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"sdo-cli 0.0.21 cannot be had here: {done.stderr.strip()[-200:]}")
    return target


def test_the_fake_server_works_with_the_client_of_sdo_cli(
    sdo_cli: Path, gsu: FakeGsu, tmp_path: Path
) -> None:
    """The client uses the real address, with the fake server as a proxy."""
    environment = {**os.environ, "PYTHONPATH": str(sdo_cli), "http_proxy": gsu.url, "no_proxy": ""}
    command = [sys.executable, "-c", SDO_CLI, str(tmp_path / "cube.npy")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ours = gsu.archive.header(NOON, 171)
    assert found["json"] == ours
    assert list(found["xml"]) == ["X0", "Y0", "DSUN", "R_SUN", "CDELT", "QUALITY"]
    assert {key: float(value) for key, value in found["xml"].items()} == ours
    assert found["image"][:3] == ["JPEG", "L", [512, 512]] and found["image"][3] > 10
    assert found["heat"] == ["JPEG", "RGB", [256, 256]]
    cube = np.load(tmp_path / "cube.npy")
    assert np.array_equal(cube.astype(np.float32), gsu.archive.cube(NOON, 171))
    assert gsu.requests[0].headers["Host"] == "dmlab.cs.gsu.edu"


def test_search_returns_one_row_per_image_and_fetch_accepts_a_part_of_them(
    gsu: FakeGsu, tmp_path: Path
) -> None:
    source = GsuSource()
    rows = source.search(NOON, datetime(2012, 3, 7, 13), "12min", [171, 94], size="256")
    assert not gsu.requests
    assert len(rows) == 12 and list(rows["wavelength"].unique()) == [171, 94]
    some = rows[rows["t_obs"].dt.minute == 24]
    found = list(source.fetch(some, tmp_path))
    assert [each.row for each in found] == list(some.index)
    names = ["2012-03-07T122400__171.jpeg", "2012-03-07T122400__94.jpeg"]
    assert [each.path for each in found] == [tmp_path / name for name in names]
    assert (tmp_path / names[1]).read_bytes() == gsu.archive.image(some["t_obs"].iloc[0], 94, 256)


def test_fetch_returns_a_result_for_each_row(gsu: FakeGsu, tmp_path: Path) -> None:
    source = GsuSource()
    gsu.archive.missing = {(NOON, 171)}
    gsu.archive.poor = {(datetime(2012, 3, 7, 12, 6), 171): 7}
    rows = source.search(NOON, datetime(2012, 3, 7, 12, 12), "6min", [171], size="256", quality=5)
    rows = rows.assign(image=True, header=True, parameters=[False, False, True])
    found = list(source.fetch(rows, tmp_path))
    assert [each.status for each in found] == ["missing", "skipped", "done"]
    assert found[1].reason == "Quality bits 0x2 are set." and not found[1].path
    assert found[2].header and found[2].header["QUALITY"] == 0
    assert found[2].parameters is not None and found[2].parameters.shape == (64, 64, 10)


@pytest.mark.parametrize(
    ("freq", "seconds"), [("6min", 360), ("60T", 3600), ("1H", 3600), ("1h", 3600), ("1D", 86400)]
)
def test_intervals_may_have_old_and_new_aliases_of_pandas(
    gsu: FakeGsu, freq: str, seconds: int
) -> None:
    rows = GsuSource().search(datetime(2012, 1, 1), datetime(2012, 1, 8), freq, [171])
    assert (rows["t_obs"].diff().dropna() == pd.Timedelta(seconds=seconds)).all()
    assert (rows["t_obs"].iloc[0], rows["t_obs"].iloc[-1]) == (
        datetime(2012, 1, 1),
        datetime(2012, 1, 8),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"X0": 1, "Y0": 1, "DSUN": 1, "R_SUN": 1, "CDELT": 0.6}',
        b'{"X0": "a", "Y0": 1, "DSUN": 1, "R_SUN": 1, "CDELT": 0.6, "QUALITY": 0}',
        b'{"X0": NaN, "Y0": 1, "DSUN": 1, "R_SUN": 1, "CDELT": 0.6, "QUALITY": 0}',
        b'{"X0": 1, "Y0": 1, "DSUN": 1, "R_SUN": 1, "CDELT": 0, "QUALITY": 0}',
        b"\xff\xfe\x00",
    ],
)
def test_an_invalid_header_is_an_error(content: bytes) -> None:
    with pytest.raises(AstrodomeError, match="header"):
        parse_header(content)


def test_invalid_image_parameters_are_an_error() -> None:
    cube = np.random.default_rng(0).normal(size=(64, 64, 10)).astype(np.float32)
    whole = cube_xml(cube)
    assert np.array_equal(parameters.from_xml(whole), cube)
    lines = whole.splitlines()
    for damaged in (
        whole[: len(whole) // 2],
        b"\n".join(lines[:1] + lines[2:]),
        b"\n".join([*lines[:2], *lines[1:2], *lines[3:]]),
        whole.replace(b"<x>5</x>", b"<x>five</x>", 1),
        whole.replace(lines[7], lines[7].replace(b"</v3>", b"e999</v3>"), 1),
        b"<html><body>Service unavailable</body></html>",
    ):
        with pytest.raises(AstrodomeError, match="image parameters"):
            parameters.from_xml(damaged)
