"""SDO ML v2 stores: building, filters, reading in chunks, and splitting by time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_solar.channels import find_channel
from astrodome_sood.config import load
from astrodome_sood.datasets import scaling
from astrodome_sood.datasets.loading import TEST, open_images
from astrodome_sood.datasets.sdoml_v2 import images as store_images
from astrodome_sood.datasets.sdoml_v2 import selection
from astrodome_sood.datasets.sdoml_v2.build import StoreLayout, build
from astrodome_sood.datasets.sdoml_v2.images import StoreImages
from astrodome_sood.datasets.sdoml_v2.store import FrameStore, parse_times
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from PIL import Image
from sunpy.data.test import get_test_filepath
from sunpy.map import Map

SIDE = 64
COUNT = 40
START = datetime(2013, 1, 1, tzinfo=UTC)


def at(number: int) -> datetime:
    """Return the time of a frame; there is one every two days."""
    return START + timedelta(days=2 * number, seconds=7)


@pytest.fixture(scope="session")
def sources(sun: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write rotated images at 193 Å, and the same at 171 Å a minute later."""
    folder = tmp_path_factory.mktemp("sources")
    for number in range(COUNT):
        turned = sun.rotate(number * 3, Image.Resampling.BILINEAR).resize((SIDE, SIDE))
        for wave, time in ((193, at(number)), (171, at(number) + timedelta(minutes=1))):
            turned.save(folder / f"{time:%Y-%m-%dT%H%M%S}__{wave}.jpeg", quality=95)
    return folder


@pytest.fixture(scope="session")
def store(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stores") / "sdomlv2.zarr"
    build([sources], out, StoreLayout(size=SIDE, chunk=6))
    return out


@pytest.fixture
def own_store(store: Path, tmp_path: Path) -> Path:
    """Copy the store, so that a test can damage it."""
    return Path(shutil.copytree(store, tmp_path / "own.zarr"))


def opened(store: object, part: str = "train", **section: object) -> StoreImages:
    settings = {f"data.sdo_ml_v2.{key}": value for key, value in section.items()}
    config = load(
        None,
        {"data.dataset": "SDOMLDatasetV2", "data.data_dir": str(store), "model.target_size": 32}
        | {"data.channel": "193A"}
        | settings,
    )
    images = open_images(config, part)
    assert isinstance(images, StoreImages)
    return images


def change_attributes(store: Path, change: Callable[[dict], None], channel: str = "193A") -> None:
    """Change the attributes of an array."""
    path = store / "2013" / channel / ".zattrs"
    attributes = json.loads(path.read_text())
    change(attributes)
    path.write_text(json.dumps(attributes))
    (store / ".zmetadata").unlink(missing_ok=True)


def test_a_built_store_contains_the_intensities_of_the_images(store: Path, sources: Path):
    recording = FrameStore(str(store)).frames("2013", find_channel("193A"))
    assert recording is not None and len(recording) == COUNT
    assert list(recording.times) == [
        np.datetime64(at(n).replace(tzinfo=None)) for n in range(COUNT)
    ]
    first = recording.read_chunk(0)[0]
    path = sources / f"{at(0):%Y-%m-%dT%H%M%S}__193.jpeg"
    grey = np.asarray(Image.open(path), np.float64)[::-1] / 255
    low, high = np.log10(20), np.log10(5500)
    np.testing.assert_allclose(first, 10 ** (low + grey * (high - low)), rtol=1e-4)


def test_frames_equal_the_images_that_they_were_built_from(store: Path, sources: Path):
    images = opened(store)
    path = sources / f"{at(3):%Y-%m-%dT%H%M%S}__193.jpeg"
    shown = Image.open(path).resize((32, 32), Image.Resampling.BILINEAR)
    seen = np.asarray(shown, np.float64) / 127.5 - 1
    difference = images[3][0] - seen  # one is resized in intensity, the other in grey levels
    assert np.corrcoef(images[3][0].ravel(), seen.ravel())[0, 1] > 0.99
    assert abs(difference).mean() < 0.05
    about = images.describe(3)
    assert about["t_obs"] == f"{at(3):%Y-%m-%dT%H:%M:%SZ}" and about["wavelength"] == 193


def test_intensities_are_clipped_and_their_logarithms_scaled():
    frame = torch.tensor([[[1.0, 5.0], [132.287566, 1e6]]])
    seen = scaling.prepare(frame, find_channel("171A"), 2)[0].flip(0)
    np.testing.assert_allclose(seen, [[-1, -1], [0, 1]], atol=1e-6)
    field = torch.tensor([[[-300.0, -125.0], [0.0, 250.0]]])
    seen = scaling.prepare(field, find_channel("bz"), 2)[0].flip(0)
    np.testing.assert_allclose(seen, [[-1, -0.5], [0, 1]], atol=1e-6)


def test_pixels_outside_of_the_limb_mask_are_zero(store: Path):
    side, factor = 64, 0.9
    radius = (976 / 0.6) / 4096 * side * factor
    y, x = np.mgrid[:side, :side] - side // 2
    np.testing.assert_array_equal(scaling.disk_mask(side, factor), x**2 + y**2 <= radius**2)
    masked = opened(store, mask_limb=True, mask_limb_radius_scale_factor=factor)[0][0]
    whole = opened(store)[0][0]
    assert (masked[0] == -1).all() and (masked[:, 0] == -1).all()
    np.testing.assert_array_equal(masked[12:20, 12:20], whole[12:20, 12:20])


def test_times_of_aia_are_utc_and_those_of_hmi_are_tai():
    found = parse_times(["2010-06-01T00:00:09.34Z", None, "nonsense"])
    assert str(found[0]) == "2010-06-01T00:00:09.340" and np.isnat(found[1:]).all()
    texts = ["2010.05.01_00:12:04_TAI", "2017.01.01_00:00:35_TAI", "2017.01.01_00:01:37_TAI"]
    expected = ["2010-05-01T00:11:30.000", "2016-12-31T23:59:59.000", "2017-01-01T00:01:00.000"]
    assert [str(time) for time in parse_times(texts)] == expected  # 34, 36 and 37 s apart


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"train_start_date": "2013-01-11", "train_end_date": "2013-01-15"}, [5, 6, 7]),
        ({"train_end_date": "2013-01-03T00:00:07"}, [0, 1]),
        (
            {"freq": "10d", "train_start_date": "2013-01-01", "train_end_date": "2013-01-31"},
            [0, 5, 10, 15],
        ),
        (
            {"freq": "1d", "train_start_date": "2013-01-01", "train_end_date": "2013-01-05"},
            [0, 1, 2],
        ),
        ({"obs_times": ["2013-01-05T00:00:07Z", "2013-01-09T00:00:07.000"]}, [2, 4]),
        ({"train_year": 2013}, list(range(COUNT))),
    ],
)
def test_filters_select_each_matching_frame_once(store: Path, filters: dict, expected: list):
    images = opened(store, **filters)
    found = [images.describe(i)["t_obs"] for i in range(len(images))]
    assert found == [f"{at(n):%Y-%m-%dT%H:%M:%SZ}" for n in expected]


def test_training_and_testing_have_separate_dates(store: Path):
    section = {"train_end_date": "2013-02-01", "test_start_date": "2013-02-02"}
    train, test = opened(store, **section), opened(store, TEST, **section)
    assert len(train) + len(test) == COUNT
    assert train.frames.times.max() < test.frames.times.min()


def test_known_bad_frames_and_those_in_a_file_are_skipped(store: Path, tmp_path: Path):
    times = np.array(
        ["2020-02-24T01:47", "2020-02-24T01:48", "2020-02-24T02:54", "2020-02-24T03:00"]
    )
    channel = find_channel("171A")
    rows = selection.select(times.astype("datetime64[ms]"), channel, selection.FrameFilter())
    assert list(rows) == [0, 3]
    more = tmp_path / "bad.yaml"
    more.write_text("193A:\n  - [2013-01-02, 2013-01-06]\n")
    images = opened(store, bad_frames=more)
    assert len(images) == COUNT - 2
    more.write_text("193A:\n  - 2013-01-02\n")
    with pytest.raises(AstrodomeError, match=r"193A in .*bad.yaml: expected \[start, end\]"):
        opened(store, bad_frames=more)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"train_year": 2011}, "The year 2011 does not exist"),
        ({"train_start_date": "2014-01-01"}, "pass the filter 'from 2014-01-01"),
        ({"train_start_date": "soon"}, "Invalid time 'soon'"),
        ({"channel": "94A"}, "The channel 94A does not exist"),
        ({"channel": "95A"}, "Unknown channel '95A'"),
        ({"freq": "often"}, "'often': expected a duration"),
    ],
)
def test_a_filter_that_no_frame_passes_is_an_error(store: Path, filters: dict, expected: str):
    with pytest.raises(AstrodomeError) as failed:
        opened(store, **filters)
    assert expected in str(failed.value)


def test_an_epoch_decodes_each_chunk_once_and_uses_each_frame_once(
    store: Path, monkeypatch: pytest.MonkeyPatch
):
    read: list[tuple[str, int]] = []
    from astrodome_sood.datasets.sdoml_v2.store import ChannelFrames

    original = ChannelFrames.read_chunk

    def counted(self, chunk: int):
        read.append((self.name, chunk))
        return original(self, chunk)

    images = opened(store)
    monkeypatch.setattr(ChannelFrames, "read_chunk", counted)
    order = images.order(torch.Generator().manual_seed(1))
    assert sorted(order) == list(range(COUNT)) and order != sorted(order)
    for first in range(0, COUNT, 8):
        batch = images.batch(order[first : first + 8])
        assert batch.dtype == np.float32 and batch.shape[1:] == (1, 32, 32)
    assert len(read) == len(set(read)) == -(-COUNT // 6)


@pytest.mark.parametrize(("frames", "together"), [(1, 1), (17, 1), (24, 2), (10_000, 6)])
def test_the_frames_of_the_chunks_that_are_shuffled_together_fit_in_memory(
    store: Path, monkeypatch: pytest.MonkeyPatch, frames: int, together: int
):
    monkeypatch.setattr(store_images, "MAX_PREPARED_BYTES", frames * 4 * 32**2)
    order = opened(store).order(torch.Generator().manual_seed(1))
    chunks = np.array(order) // 6  # The last chunk has 4 frames.
    uses = [np.flatnonzero(chunks == chunk) for chunk in range(7)]
    in_use = [sum(use[0] <= n <= use[-1] for use in uses) for n in range(COUNT)]
    assert max(in_use) == together  # Twice as many are in the cache.


def test_the_order_depends_on_the_seed_and_frames_do_not(store: Path):
    images = opened(store)
    orders = [images.order(torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)]
    assert orders[0] == orders[1] != orders[2]
    shuffled = images.batch(orders[2])
    np.testing.assert_array_equal(shuffled, opened(store).batch(range(COUNT))[orders[2]])


def test_no_time_interval_is_in_both_parts_of_a_split(store: Path):
    images = opened(store, train_val_split_temporal_chunk_size="8d")
    train, validation = images.split(0.5, seed=3)
    start, length = np.datetime64("2013-01-01"), np.timedelta64(8, "D")
    pieces = [set((part.frames.times - start) // length) for part in (train, validation)]
    assert not pieces[0] & pieces[1] and len(train) + len(validation) == COUNT
    assert len(pieces[0]) == 7 and len(pieces[1]) == 3
    again, _ = images.split(0.5, seed=3)
    other, _ = images.split(0.5, seed=4)
    assert list(again.frames.times) == list(train.frames.times) != list(other.frames.times)
    with pytest.raises(AstrodomeError, match="in one interval of 365d"):
        opened(store, train_val_split_temporal_chunk_size="365d").split(0.5, seed=3)


def test_several_channels_are_paired_by_time(store: Path, own_store: Path):
    images = opened(store, channel=["193A", "171A"])
    assert images[0].shape == (2, 32, 32) and len(images) == COUNT
    alone = opened(store, channel="171A")
    np.testing.assert_array_equal(images[4][1], alone[4][0])
    change_attributes(
        own_store, lambda a: a["T_OBS"].__setitem__(2, "2013-03-30T00:00:00Z"), "171A"
    )
    assert len(opened(own_store, channel=["193A", "171A"])) == COUNT - 1


def test_invalid_frames_and_unreadable_chunks_are_named_and_skipped(
    own_store: Path,
):
    array = zarr.open_group(str(own_store), mode="r+")["2013/193A"]
    array[3] = np.nan
    array[20, 5, 5] = np.inf
    (own_store / "2013" / "193A" / "2.0.0").write_bytes(b"not a chunk")  # frames 12 to 17
    images = opened(own_store)
    assert len(images) == COUNT - 8 and np.isfinite(images.batch(range(len(images)))).all()
    names = [name.rsplit("/", 1)[1] for name, _ in images.failed]
    assert sorted(map(int, names)) == [3, *range(12, 18), 20]
    assert any("NaN or infinite pixels" in why for _, why in images.failed)
    assert any("cannot be read" in why for _, why in images.failed)
    unchecked = opened(own_store, check_frames=False)
    with pytest.raises(AstrodomeError, match=r"Frame 3 of .* contains NaN or infinite pixels"):
        unchecked.batch([3])


def test_a_store_without_valid_frames_is_an_error(own_store: Path):
    zarr.open_group(str(own_store), mode="r+")["2013/193A"][:] = np.nan
    with pytest.raises(
        AstrodomeError, match=f"None of the {COUNT} frames in .* can be used"
    ) as failed:
        opened(own_store)
    assert failed.value.hint and "2013/193A/39: The image contains NaN" in failed.value.hint


def test_attributes_of_another_length_are_ignored_but_times_are_required(own_store: Path):
    change_attributes(own_store, lambda attributes: attributes.update(EXPTIME=[2.0]))
    assert len(opened(own_store)) == COUNT
    change_attributes(own_store, lambda attributes: attributes["T_OBS"].pop())
    with pytest.raises(AstrodomeError, match="40 frames but 39 values of T_OBS"):
        opened(own_store)
    change_attributes(own_store, lambda attributes: attributes.pop("T_OBS"))
    with pytest.raises(AstrodomeError, match="has no attribute T_OBS"):
        opened(own_store)


@pytest.mark.parametrize("layout", [StoreLayout(SIDE, 6, 3), StoreLayout(SIDE, 4, 3, shard=8)])
def test_stores_of_format_three_and_with_shards_are_read(
    sources: Path, store: Path, tmp_path: Path, layout: StoreLayout
):
    build([sources], tmp_path / "three.zarr", layout)
    images = opened(tmp_path / "three.zarr")
    np.testing.assert_array_equal(images.batch(range(9)), opened(store).batch(range(9)))


def test_a_store_is_read_through_fsspec(store: Path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(store), "/bucket/sdomlv2.zarr", recursive=True)
    images = opened("memory://bucket/sdomlv2.zarr")
    np.testing.assert_array_equal(images.batch(range(5)), opened(store).batch(range(5)))


def test_fits_files_are_registered_to_the_disk_of_the_data_set(
    tmp_path: Path, sood: Callable[..., Result]
):
    path = get_test_filepath("aia_171_level1.fits")
    bad = tmp_path / "bad.fits"
    bad.write_bytes(b"SIMPLE  = T")
    out = tmp_path / "fits.zarr"
    result = sood("dataset", "build", path, bad, "--out", out, "--size", 128, "--json")
    assert result.code == 1 and "bad.fits" in result.err
    assert result.json[0]["channel"] == "171A" and result.json[0]["frames"] == 1
    frame = np.asarray(zarr.open_group(str(out), mode="r")["2011/171A"][0])
    solar = Map(path)
    radius = scaling.DISK_RADIUS * 128
    y, x = np.mgrid[:128, :128] - 63.5
    on_disk = x**2 + y**2 < (0.97 * radius) ** 2
    own_radius = (solar.rsun_obs / solar.scale.axis1).to_value("pix")
    own_y, own_x = np.mgrid[:128, :128]
    sun_centre = SkyCoord(0 * u.arcsec, 0 * u.arcsec, frame=solar.coordinate_frame)
    centre = [axis.value for axis in solar.world_to_pixel(sun_centre)]
    own_disk = (own_x - centre[0]) ** 2 + (own_y - centre[1]) ** 2 < (0.97 * own_radius) ** 2
    seconds = solar.meta["exptime"]
    assert frame[on_disk].mean() == pytest.approx(solar.data[own_disk].mean() / seconds, rel=0.05)


@pytest.fixture
def fits_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes AIA counts in another format, or without a keyword."""
    with fits.open(get_test_filepath("aia_171_level1.fits")) as content:
        hdu = next(hdu for hdu in content if hdu.data is not None)
        counts, header = np.rint(hdu.data).astype(np.int16), hdu.header.copy()

    def write(name: str, dtype: type = np.float32, *, compress: bool = False, lacks: str = ""):
        kept = header.copy()
        kept.remove("BLANK", ignore_missing=True)
        kept.remove(lacks, ignore_missing=True)
        path = tmp_path / name
        data = counts.astype(dtype)
        image = fits.CompImageHDU(data, kept) if compress else fits.ImageHDU(data, kept)
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
        return path

    return write


def only_frame(store: Path) -> np.ndarray:
    return np.asarray(zarr.open_group(str(store), mode="r")["2011/171A"][0])


def test_integer_and_compressed_fits_files_give_the_same_frames_as_float_ones(
    fits_file: Callable[..., Path], tmp_path: Path
):
    build([fits_file("float.fits")], tmp_path / "float.zarr", StoreLayout(64))
    for name, compress in (("int.fits", False), ("rice.fits", True)):
        path = fits_file(name, np.int16, compress=compress)
        build([path], tmp_path / f"{name}.zarr", StoreLayout(64))
        np.testing.assert_array_equal(
            only_frame(tmp_path / f"{name}.zarr"), only_frame(tmp_path / "float.zarr")
        )


def test_each_file_is_read_once(
    fits_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened_files: list[str] = []
    original = fits.open

    def counted(path: Path, *args: object, **options: object) -> fits.HDUList:
        opened_files.append(Path(path).name)
        return original(path, *args, **options)

    source = fits_file("only.fits")
    monkeypatch.setattr(fits, "open", counted)
    build([source], tmp_path / "once.zarr", StoreLayout(64))
    assert opened_files == ["only.fits"]


def test_a_missing_exposure_time_is_an_error_unless_it_is_given(
    fits_file: Callable[..., Path], sood: Callable[..., Result], tmp_path: Path
):
    path = fits_file("silent.fits", lacks="EXPTIME")
    args = ("dataset", "build", path, "--out", tmp_path / "out.zarr", "--size", 64)
    failed = sood(*args)
    assert failed.code == 1 and "EXPTIME is missing" in failed.err
    sood(*args, "--exposure", 4.0).succeeded()
    build([fits_file("whole.fits")], tmp_path / "whole.zarr", StoreLayout(64), exposure=99.0)
    seconds = Map(get_test_filepath("aia_171_level1.fits")).meta["exptime"]
    found, expected = only_frame(tmp_path / "out.zarr"), only_frame(tmp_path / "whole.zarr")
    np.testing.assert_allclose(found * 4, expected * seconds, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["ce_vae", "detect"])
def test_a_store_is_used_for_training_and_prediction(
    model: str, store: Path, sood: Callable[..., Result], small: tuple[object, ...], tmp_path: Path
):
    section = ("dataset=SDOMLDatasetV2", "channel=193A", "sdo_ml_v2.test_start_date=2013-02-20")
    args = [word for each in section for word in ("--set", f"data.{each}")]
    args += ["--set", "data.sdo_ml_v2.train_val_split_temporal_chunk_size=8d"]
    if model == "detect":
        args += ["--set", "model.options.epoch_images=16"]
    run = tmp_path / "run"
    sood(
        model, "train", "--data-dir", store, "--log-dir", run, "--epochs", 1, *args, *small
    ).succeeded()
    shown = sood(model, "predict", "-l", run, "--top", 0, "--json").succeeded().json
    assert {row["t_obs"][:7] for row in shown} == {"2013-02", "2013-03"} and len(shown) == 15
    assert all("explanation" in row for row in shown) == (model == "detect")
    sood(model, "predict", "-l", run, "-m", "pixel").succeeded()
    assert len(list((run / "predictions").glob("*_193A.png"))) == 15


def test_info_shows_the_content_and_the_problems_of_a_store(
    own_store: Path, sood: Callable[..., Result]
):
    change_attributes(own_store, lambda attributes: attributes["T_OBS"].pop(), "171A")
    rows = sood("dataset", "info", own_store, "--json").succeeded().json
    by_channel = {row["channel"]: row for row in rows}
    good = by_channel["193A"]
    assert (good["frames"], good["chunk"], good["side"]) == (COUNT, 6, SIDE)
    assert good["first"] == "2013-01-01T00:00:07Z" and good["cadence"] == 172800
    assert "39 values of T_OBS" in by_channel["171A"]["problem"]
    failed = sood("dataset", "info", own_store / "nothing")
    assert failed.code == 1 and "SDO ML v2 store not found" in failed.err
