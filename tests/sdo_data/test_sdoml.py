"""The source ``sdoml``: frames of an SDO ML v2 store on disk or at a URL."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import fsspec
import numpy as np
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_solar.protocols import FetchedImage, ImageSource
from astropy.io import fits
from PIL import Image
from services.gcs import Bucket

zarr = pytest.importorskip("zarr")

from astrodome_sdo_data import manifest
from astrodome_sdo_data.sources.sdoml import SdomlSource
from astrodome_solar import metadata
from astrodome_solar.channels import find_channel

START = datetime(2011, 12, 31, 22)
STEP = timedelta(minutes=6)
GAP = {7, 8}
"""Frames after 22:00 that the store lacks."""


def stamp(t_obs: datetime) -> str:
    return f"{t_obs:%Y-%m-%dT%H:%M:%S}.34Z"


def frame(sun: np.ndarray, number: int) -> np.ndarray:
    return np.roll(sun, (3 * number, number), axis=(0, 1)).astype("f4")


@pytest.fixture(scope="module")
def sun(request: pytest.FixtureRequest) -> np.ndarray:
    """AIA 171 in DN/s, 512 x 512, first row at the bottom."""
    path = request.getfixturevalue("aia171")
    with warnings.catch_warnings(action="ignore"), fits.open(path) as content:
        counts = np.asarray(content[0].data, float)
    return np.kron(np.clip(counts, 0, None), np.ones((4, 4)))


@pytest.fixture(scope="module")
def folder(sun: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in format 2 with four hours around New Year 2012 at 171 and 304."""
    where = tmp_path_factory.mktemp("sdoml") / "sdomlv2.zarr"
    root = zarr.open_group(where, mode="w", zarr_format=2)
    numbers = [number for number in range(40) if number not in GAP]
    for wavelength in (171, 304):
        for year in (2011, 2012):
            kept = [n for n in numbers if (START + n * STEP).year == year]
            array = root.create_array(
                f"{year}/{wavelength}A",
                shape=(len(kept), 512, 512),
                chunks=(8, 512, 512),
                dtype="f4",
            )
            array[:] = np.stack([frame(sun, n) for n in kept])
            array.attrs.update(
                T_OBS=[stamp(START + n * STEP) for n in kept],
                QUALITY=[256 if n == 3 else 0 for n in kept],
                CDELT1=[4.8] * len(kept),
                CRPIX1=[256.5] * len(kept),
                CRPIX2=[255.5] * len(kept),
                RSUN_OBS=[975.6] * len(kept),
                DSUN_OBS=[1.4709e11] * len(kept),
                EXPTIME=[2.0] * (len(kept) - 1),
            )
    return where


@pytest.fixture(autouse=True)
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", str(folder))
    return folder


def fetch_images(
    target: Path, hours: float, *wavelength: int, freq: str = "6min", **options: object
) -> dict[str, FetchedImage]:
    source = SdomlSource()
    rows = source.search(START, START + timedelta(hours=hours), freq, wavelength, **options)
    target.mkdir(exist_ok=True)
    found = {each.row: each for each in source.fetch(rows, target)}
    return {
        f"{row.t_obs:%m-%dT%H%M}__{row.wavelength}": found[row.Index] for row in rows.itertuples()
    }


def test_the_source_implements_the_protocol() -> None:
    assert isinstance(SdomlSource(), ImageSource)


def test_each_time_has_its_frame_scaled_with_north_up(sun: np.ndarray, tmp_path: Path) -> None:
    found = fetch_images(tmp_path, 3.9, 304, 171)
    assert len(found) == 80 and len(list(tmp_path.iterdir())) == 76
    for name, each in found.items():
        t_obs = datetime.strptime(name[:10], "%m-%dT%H%M").replace(year=2011)
        number = (t_obs.replace(year=2011 if t_obs.month == 12 else 2012) - START) // STEP
        if number in GAP:
            assert each.status == "missing"
            assert each.reason.startswith(f"No frame at {name[-3:]} angstrom found near 20")
            continue
        assert each.path
        with Image.open(each.path) as image:
            drawn = np.asarray(image, float)
        expected = find_channel(name[-3:]).to_bytes(frame(sun, number))[::-1].astype(float)
        assert np.abs(drawn - expected).mean() < 1.5, name


def test_the_header_is_that_of_the_full_frame(tmp_path: Path) -> None:
    header = fetch_images(tmp_path, 0, 171)["12-31T2200__171"].header or {}
    assert header == {
        **{"QUALITY": 0, "DSUN": 1.4709e11, "CDELT": 0.6, "X0": 2048.0, "Y0": 2040.0},
        "R_SUN": 1626.0,
    }


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"CDELT1": [0.6], "CRPIX1": [2048.5], "CRPIX2": [2040.5]}, (0.6, 2048.0, 2040.0)),
        ({"CDELT1": [4.8], "CRPIX1": [256.5], "CRPIX2": [255.5]}, (0.6, 2048.0, 2040.0)),
    ],
    ids=["original image", "frame"],
)
def test_a_header_may_describe_the_original_image_or_the_frame(
    attributes: dict[str, object],
    expected: tuple[float, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=2)
    array = other.create_array("2011/171A", shape=(1, 512, 512), chunks=(1, 512, 512), dtype="f4")
    array.attrs.update(T_OBS=[stamp(START)], **attributes)
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", str(tmp_path / "other.zarr"))
    header = fetch_images(tmp_path / "out", 0, 171)["12-31T2200__171"].header or {}
    assert tuple(header[key] for key in ("CDELT", "X0", "Y0")) == pytest.approx(expected)


def test_missing_attributes_leave_empty_metadata(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = zarr.open_group(tmp_path / "other.zarr", mode="w", zarr_format=2)
    array = other.create_array("2011/171A", shape=(1, 512, 512), chunks=(1, 512, 512), dtype="f4")
    array.attrs.update(T_OBS=[stamp(START)], CDELT1=[0.6, 0.6], QUALITY=["0x100"])
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", str(tmp_path / "other.zarr"))
    header = fetch_images(tmp_path / "out", 0, 171)["12-31T2200__171"].header or {}
    assert header["QUALITY"] == 256
    assert {key for key, value in header.items() if value == ""} == {
        *("DSUN", "X0", "R_SUN", "Y0", "CDELT")
    }
    array.attrs.update(T_OBS=[stamp(START)] * 2)
    with pytest.raises(AstrodomeError, match="2011/171A: the attribute T_OBS is missing"):
        fetch_images(tmp_path / "out", 0, 171)


def test_quality_and_size_of_the_request_are_applied(tmp_path: Path) -> None:
    found = fetch_images(tmp_path, 0.5, 171, quality=0, size="256")
    assert [each.status for each in found.values()] == ["done"] * 3 + ["skipped"] + ["done"] * 2
    assert found["12-31T2218__171"].reason == "Quality bits 0x100 are set."
    with Image.open(found["12-31T2200__171"].path or "") as image:
        assert image.size == (256, 256)


def test_a_frame_is_used_up_to_the_tolerance(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def near(tolerance: float) -> list[bool]:
        monkeypatch.setenv("ASTRODOME_SDOML_TOLERANCE", str(tolerance))
        # 22:36 is the last frame before the gap, at 22:36:00.34; 22:42 and 22:48 are missing.
        rows = SdomlSource().search(START + 6 * STEP, START + 9 * STEP, "6min", (171,))
        return (rows["frame"] >= 0).tolist()

    assert near(180) == near(359.65) == [True, False, False, True]
    assert near(359.66) == [True, True, False, True]
    assert near(360.34) == [True, True, True, True]
    assert near(0.34) == [True, False, False, True] and near(0.33) == [False] * 4


def test_known_corrupt_frames_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = zarr.open_group(tmp_path / "bad.zarr", mode="w", zarr_format=2)
    times = [datetime(2020, 2, 24, 1, 42) + n * STEP for n in range(14)]
    array = root.create_array("2020/193A", shape=(14, 512, 512), chunks=(14, 512, 512), dtype="f4")
    array.attrs.update(T_OBS=[stamp(time) for time in times])
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", str(tmp_path / "bad.zarr"))
    source = SdomlSource()
    found = list(source.fetch(source.search(times[0], times[-1], "6min", (193,)), tmp_path))
    assert [each.status for each in found] == ["done"] + ["skipped"] * 12 + ["done"]


def test_a_search_for_a_year_reads_no_frame(folder: Path) -> None:
    rows = SdomlSource().search(datetime(2011, 1, 1), datetime(2012, 1, 1), "6min", (171,))
    assert len(rows) == 365 * 240 + 1
    assert (rows["frame"] >= 0).sum() == 19
    with pytest.raises(AstrodomeError, match="the images have a cadence"):
        SdomlSource().search(START, START, "4min", (171,))


def test_each_block_is_decoded_once_for_all_threads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", "memory://once/sdomlv2.zarr")
    fsspec.filesystem("memory").put(str(folder), "/once/sdomlv2.zarr", recursive=True)
    read: list[str] = []
    memory = fsspec.filesystem("memory")
    original = type(memory).cat_file

    def counted(self: object, path: str, *args: object, **kwargs: object) -> bytes:
        read.append(path)
        return original(self, path, *args, **kwargs)

    monkeypatch.setattr(type(memory), "cat_file", counted)
    source = SdomlSource()
    rows = source.search(START, START + timedelta(hours=1.9), "6min", (171,))
    with ThreadPoolExecutor(4) as pool:
        ended = pool.map(lambda n: list(source.fetch(rows.iloc[n::4], tmp_path)), range(4))
        assert sum(each.status == "done" for part in ended for each in part) == 18
    blocks = [path for path in read if path.endswith(".0.0")]
    assert len(blocks) == len(set(blocks)) == 3


@pytest.fixture
def bucket(folder: Path) -> Iterator[str]:
    objects = {
        f"sdomlv2.zarr/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ("2011" in str(path.relative_to(folder)) or path.parent == folder)
    }
    with Bucket("fdl-sdoml-v2", objects).server() as server:
        yield server.url


def test_an_object_store_gives_the_same_files_as_a_folder(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gcsfs")
    here = fetch_images(tmp_path / "here", 0.5, 171)
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", "gs://fdl-sdoml-v2/sdomlv2.zarr")
    monkeypatch.setenv("ASTRODOME_SDOML_ENDPOINT", bucket)
    there = fetch_images(tmp_path / "there", 0.5, 171)
    assert len(here) == 6
    for name, each in here.items():
        other = there[name]
        assert each.path and other.path and each.header == other.header
        assert each.path.read_bytes() == other.path.read_bytes()


def test_a_damaged_block_fails_only_its_frames(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.filesystem("memory").put(str(folder), "/hurt/sdomlv2.zarr", recursive=True)
    fsspec.filesystem("memory").pipe("/hurt/sdomlv2.zarr/2011/171A/1.0.0", b"no block")
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", "memory://hurt/sdomlv2.zarr")
    found = fetch_images(tmp_path / "out", 1.9, 171)
    failed = [each for each in found.values() if each.status == "failed"]
    assert len(failed) == 8 and len(list((tmp_path / "out").iterdir())) == 10
    assert all(
        "Cannot read chunk 1 of memory://hurt/sdomlv2.zarr/2011/171A" in each.reason
        for each in failed
    )


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("/nowhere/at.zarr", "No SDO ML store found at /nowhere/at.zarr"),
        ("memory://nothing/at.zarr", "No SDO ML store found at memory://nothing/at.zarr"),
        ("odd://x/y.zarr", "odd://x/y.zarr"),
    ],
)
def test_a_missing_store_is_an_error(
    where: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", where)
    with pytest.raises(AstrodomeError, match=says) as raised:
        SdomlSource().search(START, START, "6min", (171,))
    assert "sdoml.store" in raised.value.hint or "pip install" in raised.value.hint


def test_years_and_wavelengths_that_the_store_does_not_have_are_errors() -> None:
    with pytest.raises(AstrodomeError, match="no frames at 94 angstrom in 2011"):
        SdomlSource().search(START, START, "6min", (94,))
    with pytest.raises(AstrodomeError, match="no frames at 171 angstrom in 2015 to 2016"):
        SdomlSource().search(datetime(2015, 1, 1), datetime(2016, 1, 2), "1D", (171,))


def test_a_download_reports_missing_frames(data: Callable[..., Result], tmp_path: Path) -> None:
    command = ("download", "--source=sdoml", f"--path={tmp_path}", "--freq=6min", "--metadata")
    span = ("--start=2011-12-31T22:00", "--end=2011-12-31T23:54", "--wavelength=171")
    result = data(*command, *span, "--wavelength=304")
    assert result.code == 1
    assert len(list(tmp_path.glob("*.jpeg"))) == len(metadata.read_rows(tmp_path)) == 36
    assert result.err.count(" angstrom found near ") == 4 or result.out
    table = manifest.read(tmp_path)["status"].value_counts()
    assert dict(table) == {"done": 36, "missing": 4}


def test_the_store_can_be_an_argument_of_the_source(
    data: Callable[..., Result], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_SDOML_STORE", "/nowhere/at.zarr")  # The option overrides it.
    span = ("--start=2011-12-31T22:00", "--end=2011-12-31T22:12", "--freq=6min")
    data("download", f"--source=sdoml:{folder}", f"--path={tmp_path}", *span).succeeded()
    assert len(list(tmp_path.glob("*.jpeg"))) == 3
