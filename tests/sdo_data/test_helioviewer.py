"""The source ``helioviewer``: the nearest JPEG 2000 image, with a fake server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from astrodome.testing import Result
from astrodome_sdo_data.sources.helioviewer import HelioviewerSource
from astrodome_solar import metadata, read_image
from astrodome_solar.formats import raster
from astrodome_solar.protocols import FetchedImage, ImageSource, source_info
from PIL import Image
from services.fake_server import FakeServer
from services.helioviewer import IDS, Archive

START = datetime(2013, 6, 24, 17)
HOUR = START + timedelta(hours=1)


@pytest.fixture
def archive(aia193: Path) -> Archive:
    """Observations every 36 s for one hour, with a gap between 17:20 and 17:40."""
    times = [START + timedelta(seconds=36 * number + 8) for number in range(100)]
    return Archive(aia193, [t for t in times if not 20 <= (t - START).seconds / 60 < 40])


@pytest.fixture
def server(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with archive.server() as running:
        monkeypatch.setenv("ASTRODOME_HELIOVIEWER_URL", f"{running.url}/v2")
        monkeypatch.setenv("ASTRODOME_HELIOVIEWER_BACKOFF", "0.01")
        monkeypatch.setenv("ASTRODOME_HELIOVIEWER_READ_TIMEOUT", "1")
        monkeypatch.setenv("ASTRODOME_HELIOVIEWER_RETRIES", "2")
        yield running


def fetch_images(
    folder: Path, *wavelength: int, freq: str = "10min", **options: object
) -> list[FetchedImage]:
    source = HelioviewerSource()
    rows = source.search(START, HOUR - timedelta(minutes=1), freq, wavelength or (193,), **options)
    folder.mkdir(exist_ok=True)
    return list(source.fetch(rows, folder))


def test_the_source_implements_the_protocol_and_has_capabilities(server: FakeServer) -> None:
    source = HelioviewerSource()
    assert isinstance(source, ImageSource)
    assert source_info(source).checked and "2k" in source_info(source).sizes
    assert source_info(source).wavelengths == tuple(IDS)


def test_the_nearest_image_and_its_header_are_fetched_within_the_tolerance(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    found = fetch_images(tmp_path / "out", size="512")
    assert [f.status for f in found] == ["done", "done", "done", "missing", "done", "done"]
    assert found[3].reason == (
        "No image found within 360 s: the nearest image was observed at 2013-06-24T17:19:56."
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"2013-06-24T17{minute}00__193.jpeg" for minute in ("00", "10", "20", "40", "50")
    ]
    # The same as importing the file.
    nearest = archive.nearest(11, START + timedelta(minutes=10))
    (tmp_path / "by_hand.jp2").write_bytes(archive.image(11, nearest))
    upright = read_image(tmp_path / "by_hand.jp2").north_up()
    image, about_it = upright.to_picture(512), upright.metadata_row()
    by_hand = raster.decoded(raster.from_bytes(bytes(raster.encoded(image, "x.jpeg", ""))))
    with Image.open(found[1].path or "") as drawn:
        assert drawn.size == (512, 512) and drawn.tobytes() == by_hand.tobytes()
    assert found[1].header == about_it
    assert set(about_it) == set(metadata.COLUMNS) - {"FILE_NAME"}


def test_images_have_the_requested_size_and_2048_pixels_by_default(
    aia193: Path, tmp_path: Path
) -> None:
    image = read_image(aia193)
    source = HelioviewerSource()
    source.server.get = lambda *_: image  # type: ignore[method-assign, assignment]
    for size, width in {"": 2048, "4k": 4096, "2k": 2048, "1k": 1024, "512": 512}.items():
        rows = source.search(image.time, image.time, "1h", (193,), size=size)
        (found,) = source.fetch(rows, tmp_path)
        with Image.open(found.path or found.reason) as drawn:
            assert drawn.size == (width, width)


def test_a_search_for_a_year_sends_no_request(server: FakeServer) -> None:
    rows = HelioviewerSource().search(
        datetime(2013, 1, 1), datetime(2013, 12, 31, 23, 54), "6min", (171, 304)
    )
    assert len(rows) == 2 * 365 * 240
    assert not server.requests


def test_several_wavelengths_come_from_their_own_data_sources(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    found = fetch_images(tmp_path / "out", 94, 1600, freq="30min", size="256")
    names = sorted(f.path.name[19:] for f in found if f.path)
    assert names == ["1600.jpeg", "94.jpeg"]
    asked = [r.query["sourceId"][0] for r in server.requests if "getJP2" in r.path]
    assert sorted(set(asked)) == ["15", "8"]


def test_images_with_other_quality_bits_are_skipped(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    archive.quality[archive.nearest(11, START)] = 0x40000100
    found = fetch_images(tmp_path / "out", freq="15min", size="256", quality=0)
    assert [f.status for f in found] == ["skipped", "done", "missing", "done"]
    assert found[0].reason == "Quality bits 0x40000100 are set."
    assert fetch_images(tmp_path / "all", freq="15min", size="256", quality=0x40000100)[0].path


FAULTS = ("500", "502", "503", "429", "429 after 0", "reset", "never", "cut", "html", "404")


@pytest.mark.parametrize("fault", FAULTS)
def test_temporary_faults_are_retried_and_permanent_faults_are_reported(
    server: FakeServer, tmp_path: Path, fault: str
) -> None:
    source = HelioviewerSource()
    rows = source.search(START, START, "1h", (193,), size="256")
    server.add_faults(fault, fault) if fault != "404" else None
    (once,) = source.fetch(rows, tmp_path)
    assert once.status == "done" and [p.name for p in tmp_path.iterdir()] == [once.path.name]
    once.path.unlink()
    server.add_faults(*[fault] * 3)
    (found,) = source.fetch(rows, tmp_path)
    assert found.status == ("missing" if fault == "404" else "failed")
    assert "Helioviewer" in found.reason
    assert not list(tmp_path.iterdir())


def test_a_stopped_source_sends_no_more_requests(server: FakeServer, tmp_path: Path) -> None:
    source = HelioviewerSource()
    rows = source.search(START, START, "1h", (193,), size="256")
    source.stop()
    (found,) = source.fetch(rows, tmp_path)
    assert (found.status, found.reason) == ("failed", "The download was interrupted.")
    assert not server.requests and not list(tmp_path.iterdir())


def test_threads_may_share_a_source(server: FakeServer, archive: Archive, tmp_path: Path) -> None:
    source = HelioviewerSource()
    rows = source.search(START, START + timedelta(minutes=18), "1min", (193,), size="256")
    with ThreadPoolExecutor(4) as pool:
        ended = pool.map(lambda n: list(source.fetch(rows.iloc[[n]], tmp_path)), range(len(rows)))
        found = [each for (each,) in ended]
    assert [f.status for f in found] == ["done"] * 19
    assert sorted(f.row for f in found) == list(rows.index)
    assert len({f.path.read_bytes() for f in found if f.path}) == 19


def test_invalid_images_are_never_published(
    server: FakeServer, archive: Archive, tmp_path: Path
) -> None:
    whole = archive.image(11, archive.nearest(11, START))
    spoiled = {
        "cut short": whole[: len(whole) // 2],
        "no JPEG 2000 image": b"GIF89a" + whole,
        "has no header": whole[: whole.index(b"<meta>") - 8],
        "sent no good image": whole.replace(b"\xff\x4f\xff\x51", b"\xff\x4f\xff\x00", 1),
    }
    for why, content in spoiled.items():
        archive.image = lambda number, time, content=content: content
        (found, *_) = fetch_images(tmp_path / "out", freq="1h", size="256")
        assert found.status == "failed", why
        assert not list((tmp_path / "out").iterdir())


def test_the_download_command_fills_a_folder_once(
    data: Callable[..., Result], server: FakeServer, tmp_path: Path
) -> None:
    command = ("download", "--source=helioviewer", f"--path={tmp_path}", "--size=256")
    span = ("--start=2013-06-24T17:00", "--end=2013-06-24T17:50", "--freq=10min")
    command += ("--wavelength=193",)
    first = data(*command, *span, "--json")
    assert first.code == 1  # one image is missing
    assert len(list(tmp_path.glob("*.jpeg"))) == 5
    asked = len(server.requests)
    again = data(*command, *span, "--metadata", "--json")
    assert again.json["downloaded"] == 0 and len(list(tmp_path.glob("*.jpeg"))) == 5
    assert len(metadata.read_rows(tmp_path)) == 5
    assert len(server.requests) == asked


def test_a_header_can_be_fetched_without_the_image(server: FakeServer, tmp_path: Path) -> None:
    source = HelioviewerSource()
    rows = source.search(START, START, "1h", (193,)).assign(image=False, header=True)
    (found,) = source.fetch(rows, tmp_path)
    assert found.header and found.path is None and not list(tmp_path.iterdir())
