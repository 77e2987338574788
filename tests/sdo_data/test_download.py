"""``sdo data download``: every image is downloaded, or the manifest contains the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result, run
from astrodome_sdo_data import downloads, manifest, parameters
from astrodome_solar import filenames
from PIL import Image
from services.gsu import Archive, FakeGsu
from services.gsu import parameters as expected_parameters
from sunpy.data.test import get_test_filepath

Data = Callable[..., Result]
README = (
    "--start=2012-03-07T00:02:00",
    "--end=2012-03-07T00:40:00",
    "--freq=6min",
    "--wavelength=171",
)
TIMES = [datetime(2012, 3, 7, 0, 2) + n * timedelta(minutes=6) for n in range(7)]
"""What README asks for; the archive's observation at 00:02 is the one of 00:00."""
SMALL = (*README, "--size=256")


def observed(time: datetime) -> datetime:
    return time - timedelta(minutes=time.minute % 6)


def right(archive: Archive, time: datetime, wave: int = 171, side: int = 256) -> bytes:
    return archive.image(observed(time), wave, side)


def images(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.jpeg")}


def statuses(folder: Path) -> dict[str, int]:
    return dict(manifest.read(folder)["status"].value_counts())


def test_the_command_in_the_readme_of_sdo_cli_works(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "aia_171_2012"
    data("download", f"--path={path}", *README).succeeded()
    wanted = {filenames.file_name(time, 171): right(gsu.archive, time, 171, 2048) for time in TIMES}
    assert images(path) == wanted
    assert len(gsu.requests) == 7
    assert statuses(path) == {"done": 7}
    assert gsu.requests[0].path == "/dmlabapi/images/SDO/AIA/2k/"
    assert Image.open(path / "2012-03-07T000200__171.jpeg").size == (2048, 2048)


def test_the_same_command_again_fetches_only_what_is_missing(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    data("download", "--path", tmp_path, *SMALL, "--metadata").succeeded()
    before = images(tmp_path)
    table = (tmp_path / "meta.csv").read_bytes()
    gsu.requests.clear()
    lost, changed, cut = sorted(tmp_path.glob("*.jpeg"))[1:4]
    lost.unlink()
    changed.write_bytes(before[changed.name])  # same content, new time stamp
    cut.write_bytes(before[cut.name][:-50])
    result = data("download", "--path", tmp_path, *SMALL, "--metadata", "--json").succeeded()
    assert images(tmp_path) == before
    counts = {key: result.json[key] for key in ("existing", "downloaded", "checked")}
    assert counts == {"existing": 4, "downloaded": 2, "checked": 1}
    assert result.json["damaged"] == [f"{cut.name}.damaged"]
    for _ in range(8):
        data("download", "--path", tmp_path, *SMALL, "--metadata").succeeded()
    assert (tmp_path / "meta.csv").read_bytes() == table
    assert gsu.archive.asked["image"] == 7 + 2


def test_metadata_has_one_row_per_image_as_csv_and_parquet(
    data: Data, gsu: FakeGsu, tmp_path: Path, meta: Callable[[Path], dict[str, dict[str, str]]]
) -> None:
    path = tmp_path / "images"
    data("download", "--path", path, *SMALL).succeeded()
    assert not (path / "meta.csv").exists()
    waves = ("--wavelength", 94, "--wavelength", 171)
    data("download", "--path", path, *SMALL, *waves, "--metadata").succeeded()
    rows = meta(path)
    assert list(rows) == sorted(images(path)) and len(rows) == 14
    text = (path / "meta.csv").read_text().splitlines()
    assert text[0] == "QUALITY,DSUN,X0,R_SUN,Y0,CDELT,FILE_NAME"
    table = pd.read_parquet(path / "meta.parquet").set_index("FILE_NAME")
    assert list(table.index) == list(rows)
    for name, row in rows.items():
        named = filenames.parse_file_name(name)
        assert named
        header = gsu.archive.header(observed(named.time), named.wavelength)
        assert {key: float(row[key]) for key in header} == header
        assert table.loc[name].to_dict() == header
    assert gsu.archive.asked["image"] == 14, "the images that were there are not fetched again"


def test_rows_of_other_images_in_meta_csv_are_kept(
    data: Data, gsu: FakeGsu, tmp_path: Path, aia171: Path
) -> None:
    data("import", aia171, "--path", tmp_path).succeeded()
    mine = (tmp_path / "meta.csv").read_text().splitlines()[1]
    data("download", "--path", tmp_path, *SMALL, "--metadata").succeeded()
    lines = (tmp_path / "meta.csv").read_text().splitlines()
    assert mine in lines and len(lines) == 1 + 1 + 7
    assert len(pd.read_parquet(tmp_path / "meta.parquet")) == 8
    data("import", aia171, "--path", tmp_path, "--overwrite", "--size", 64).succeeded()
    table = pd.read_parquet(tmp_path / "meta.parquet").astype(str)
    assert table["FILE_NAME"].tolist() == sorted(line.split(",")[6] for line in lines[1:])


def test_a_dry_run_counts_the_images_to_fetch_and_writes_nothing(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    path = tmp_path / "year"
    year = ("--start=2012-01-01T00:00:00", "--end=2012-12-31T23:59:00", "--freq=6min")
    found = data("download", "--path", path, *year, "--dry-run", "--json").succeeded().json
    assert found["planned"] == found["to_fetch"] == 366 * 240
    assert (found["first"], found["last"]) == ("2012-01-01T00:00:00", "2012-12-31T23:54:00")
    assert found["bytes_to_fetch"] > 1e10
    assert not path.exists() and not gsu.requests
    data("download", "--path", path, *SMALL).succeeded()
    found = data(
        "download", "--path", path, *SMALL, "--end=2012-03-07T01:02", "--dry-run", "--json"
    )
    size = np.mean([len(content) for content in images(path).values()])
    assert found.json["existing"] == 7 and found.json["to_fetch"] == 4
    assert found.json["bytes_to_fetch"] == pytest.approx(4 * size, abs=4)


def test_missing_images_are_listed_and_only_requested_again_with_retry_failed(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    gone = observed(TIMES[2])
    gsu.archive.missing = {(gone, 171)}
    result = data("download", "--path", tmp_path, *SMALL)
    assert result.code == 1
    assert "2012-03-07T001400__171.jpeg\tmissing\tGSU does not provide this image." in result.out
    assert "6 images downloaded" in result.err and "1 missing at the source" in result.err
    assert statuses(tmp_path) == {"done": 6, "missing": 1}
    gsu.archive.missing.clear()
    gsu.requests.clear()
    again = data("download", "--path", tmp_path, *SMALL, "--json")
    assert again.code == 1 and again.json["missing"] == 1 and not gsu.requests
    data("download", "--path", tmp_path, *SMALL, "--retry_failed").succeeded()
    assert statuses(tmp_path) == {"done": 7}
    assert len(gsu.requests) == 1


def test_failed_images_are_listed_with_a_reason_and_fetched_by_the_next_run(
    data: Data, gsu: FakeGsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_GSU_RETRIES", "1")
    gsu.archive.plan = lambda request: "html" if "00:20:00" in str(request.query) else ""
    result = data("download", "--path", tmp_path, *SMALL, "--json")
    assert result.code == 1
    [problem] = result.json["problems"]
    assert problem["image"] == "2012-03-07T002000__171.jpeg"
    assert "The file is an HTML page" in problem["reason"] and "attempt 2" in problem["reason"]
    row = manifest.read(tmp_path).loc[problem["image"]]
    assert (row["status"], row["reason"]) == ("failed", problem["reason"])
    gsu.archive.plan = lambda request: ""
    data("download", "--path", tmp_path, *SMALL).succeeded()
    assert statuses(tmp_path) == {"done": 7}


def test_verify_renames_a_damaged_image_and_fetches_it_again(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    data("download", "--path", tmp_path, *SMALL).succeeded()
    before = images(tmp_path)
    victim = tmp_path / "2012-03-07T002000__171.jpeg"
    about = victim.stat()
    content = bytearray(before[victim.name])
    content[len(content) // 2] ^= 0x55
    victim.write_bytes(content)
    os.utime(victim, ns=(about.st_atime_ns, about.st_mtime_ns))  # like a failing disk
    quick = data("download", "--path", tmp_path, *SMALL, "--json").succeeded().json
    assert quick["existing"] == 7, "length and time are what they were"
    found = data("download", "--path", tmp_path, *SMALL, "--verify", "--json").succeeded().json
    assert (found["checked"], found["downloaded"]) == (6, 1)
    assert images(tmp_path) == before
    assert (tmp_path / f"{victim.name}.damaged").read_bytes() == content


def test_valid_images_of_sdo_cli_are_kept(data: Data, gsu: FakeGsu, tmp_path: Path) -> None:
    data("download", "--path", tmp_path, *SMALL).succeeded()
    before = images(tmp_path)
    (tmp_path / "manifest.parquet").unlink()
    broken = tmp_path / "2012-03-07T002000__171.jpeg"
    broken.write_bytes(before[broken.name][: len(before[broken.name]) // 2])
    gsu.archive.asked.clear()
    data("download", "--path", tmp_path, *SMALL, "--metadata").succeeded()
    assert images(tmp_path) == before
    assert gsu.archive.asked == {"image": 1, "header": 7}


def test_quality_0_fetches_only_good_observations(data: Data, gsu: FakeGsu, tmp_path: Path) -> None:
    gsu.archive.poor = {(observed(TIMES[1]), 171): 0x40000, (observed(TIMES[4]), 171): 0x3}
    result = data("download", "--path", tmp_path, *SMALL, "--quality", 0, "--json").succeeded()
    assert result.json["skipped"] == {"quality": 2} and result.json["downloaded"] == 5
    assert gsu.archive.asked["image"] == 5
    row = manifest.read(tmp_path).loc[filenames.file_name(TIMES[1], 171)]
    assert row["reason"] == "Quality bits 0x40000 are set."
    gsu.requests.clear()
    data("download", "--path", tmp_path, *SMALL, "--quality", "0").succeeded()
    assert not gsu.requests
    borne = data("download", "--path", tmp_path, *SMALL, "--quality", "0x40000", "--json").json
    assert borne["downloaded"] == 1 and borne["skipped"] == {"quality": 1}
    data("download", "--path", tmp_path, *SMALL).succeeded()
    assert statuses(tmp_path) == {"done": 7}


def test_image_parameters_are_parquet_files_that_can_be_read_as_one_table(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    two = ("--start=2012-03-07T00:00", "--end=2012-03-07T00:06", *SMALL[2:])
    data("download", "--path", tmp_path, *two, "--parameters").succeeded()
    table = pd.read_parquet(tmp_path / "parameters")
    assert list(table.columns) == ["t_obs", "wavelength", "x", "y", *parameters.NAMES]
    assert len(table) == 2 * 64 * 64
    one = pd.read_parquet(tmp_path / "parameters" / "2012-03-07T000600__171.parquet")
    cube = one.sort_values(["x", "y"])[list(parameters.NAMES)].to_numpy().reshape(64, 64, 10)
    wanted = expected_parameters(gsu.archive.image(datetime(2012, 3, 7, 0, 6), 171, 512))
    assert np.array_equal(cube, wanted)
    gsu.requests.clear()
    (tmp_path / "parameters" / "2012-03-07T000600__171.parquet").unlink()
    data("download", "--path", tmp_path, *two, "--parameters").succeeded()
    assert [request.path for request in gsu.requests] == ["/dmlabapi/params/SDO/AIA/64/full/"]


@pytest.fixture
def flare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    """``sdo`` with the flux plugin, with measurements of the flare on 2011-06-07."""
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    both = ("astrodome_sdo_data.plugin", "astrodome_goes.plugin")

    def command(*args: object) -> Result:
        return run("sdo", *args, plugin=both)

    command("goes", "import", get_test_filepath("go1520110607.fits")).succeeded()
    return command


def test_flux_limits_skip_images_during_a_flare(flare: Data, gsu: FakeGsu, tmp_path: Path) -> None:
    day = ("--start=2011-06-07T05:00", "--end=2011-06-07T08:00", "--freq=30min", "--size=256")
    command = ("data", "download", "--path", tmp_path / "quiet", *day)
    result = flare(*command, "--max-flux=1e-5", "--json").succeeded().json
    assert result["skipped"] == {"flux": 2}  # 06:30 and 07:00, class M
    assert result["downloaded"] == 5
    table = manifest.read(tmp_path / "quiet")
    assert table[table["status"] == "skipped"]["reason"].str.contains("not below 1e-05").all()
    flaring = ("data", "download", "--path", tmp_path / "loud", *day, "--min_flux=1e-5")
    assert flare(*flaring, "--json").succeeded().json["downloaded"] == 2
    assert flare(*command, "--json").succeeded().json["downloaded"] == 2, "the limit is gone"
    later = ("data", "download", "--path", tmp_path / "x", "--start=2012-01-01", "--end=2012-01-02")
    unknown = flare(*later, "--max-flux=1e-5").succeeded()
    assert "The flux is unknown for 48 images" in unknown.err
    assert "sdo goes download" in unknown.err


@pytest.mark.parametrize("limit", ["max", "min"])
def test_a_flux_exactly_at_a_limit_is_outside(
    limit: str, flare: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    at = ("--start=2011-06-07T06:30", "--end=2011-06-07T06:30", "--size=256")
    (sample,) = flare("goes", "get", "--timestamp=2011-06-07T06:30", "--json").succeeded().json
    flux = float(np.float32(sample["xrsb_W_m2"]))
    inside = np.nextafter(flux, 1 if limit == "max" else 0)
    for value, downloaded in ((flux, 0), (inside, 1)):
        command = ("data", "download", "--path", tmp_path / str(downloaded), *at)
        result = flare(*command, f"--{limit}-flux={float(value)!r}", "--json").succeeded().json
        assert result["downloaded"] == downloaded


def test_an_end_date_includes_the_day_and_an_end_before_the_start_is_an_error(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    command = ("download", "--path", tmp_path / "a", "--freq=8h", "--dry-run", "--json")
    days = ("--start=2012-03-07", "--end=2012-03-08")
    assert data(*command, *days).succeeded().json["to_fetch"] == 6
    for args in (command, ("show", tmp_path)):
        result = data(*args, "--start=2012-03-08", "--end=2012-03-07")
        assert result.code == 2 and "is before the start" in result.err


def test_flux_limits_without_a_flux_source_name_the_plugin_to_install(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    result = data("download", "--path", tmp_path / "a", *SMALL, "--max-flux=1e-5")
    assert result.code == 1 and "pip install astrodome-goes" in result.err
    assert not (tmp_path / "a").exists() and not gsu.requests


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--wavelength=999",), "images at 999 angstrom"),
        (("--freq=5min",), "the images have a cadence of 6 min"),
        (("--freq=often",), "Invalid interval 'often'"),
        (("--end=2012-01-01",), "is before the start"),
        (("--size=4k",), "Invalid size '4k'"),
        (("--source=nowhere",), "Source 'nowhere' of kind 'images' not found"),
        (("--quality=good",), "Invalid bit mask 'good'"),
        (("--start=yesterday",), "Invalid time 'yesterday'"),
    ],
)
def test_an_invalid_option_is_a_usage_error(
    options: tuple[str, ...], words: str, data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    result = data("download", "--path", tmp_path / "a", *README, *options)
    assert result.code in (1, 2) and words in result.err and "Traceback" not in result.err
    assert not (tmp_path / "a").exists()


def test_images_of_different_sizes_are_not_mixed_in_a_folder(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    data("download", "--path", tmp_path, *SMALL).succeeded()
    result = data("download", "--path", tmp_path, *README, "--size=512")
    assert result.code == 2 and "contains 7 of the requested images with" in result.err
    assert "expected 512 from gsu, found 256 from gsu" in result.err


def test_the_source_limits_the_number_of_connections(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    import threading

    busy, most, lock = [0], [0], threading.Lock()

    def slow(request: object) -> str:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        gsu.stopping.wait(0.05)
        with lock:
            busy[0] -= 1
        return ""

    gsu.archive.plan = slow
    day = ("--start=2012-03-07", "--end=2012-03-07T12:00", "--freq=12min", "--size=256")
    data("download", "--path", tmp_path, *day, "--jobs=64").succeeded()
    assert 4 <= most[0] <= 8


def test_a_download_ends_if_the_source_is_unavailable(
    data: Data, gsu: FakeGsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_GSU_RETRIES", "0")
    monkeypatch.setenv("ASTRODOME_GSU_URL", "http://127.0.0.1:9")
    day = ("--start=2012-03-07", "--end=2012-03-08T00:00", "--freq=6min", "--size=256")
    result = data("download", "--path", tmp_path, *day)
    assert result.code == 1 and "The source seems to be unavailable" in result.err
    found = statuses(tmp_path)
    assert sum(found.values()) == 241 and found["planned"] > 150


def test_unavailable_images_do_not_block_the_images_after_them(
    data: Data, gsu: FakeGsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_GSU_RETRIES", "0")
    gsu.archive.plan = lambda request: "html" if "2012-03-07" in str(request.query) else ""
    days = (
        "--start=2012-03-07",
        "--end=2012-03-08T00:00",
        "--freq=12min",
        "--size=256",
        "--jobs=1",
    )
    first = data("download", "--path", tmp_path, *days, "--json")
    assert first.code == 1 and first.json["failed"] == 24 and first.json["not_reached"] == 97
    for _ in range(5):
        last = data("download", "--path", tmp_path, *days, "--json")
    assert last.json["failed"] + last.json["not_reached"] == 120
    assert [path.name for path in tmp_path.glob("*.jpeg")] == ["2012-03-08T000000__171.jpeg"]


def test_the_manifest_is_updated_during_a_download(
    gsu: FakeGsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("astrodome_sdo_data.downloads.run.MERGE_INTERVAL", 0.0)
    request = downloads.DownloadRequest(TIMES[0], TIMES[-1], "6min", size="256", metadata=True)
    done = []

    def check(result: object) -> None:
        done.append(statuses(tmp_path).get("done", 0))
        assert len((tmp_path / "meta.csv").read_text().splitlines()) == 1 + done[-1]

    downloads.run_download(downloads.plan_download(request, tmp_path), jobs=1, on_result=check)
    assert done == sorted(done) and 0 < done[0] <= done[-1] == 7


def test_a_plan_can_be_made_and_executed_from_python(gsu: FakeGsu, tmp_path: Path) -> None:
    request = downloads.DownloadRequest(
        TIMES[0], TIMES[3], "6min", [171, 193], size="256", metadata=True
    )
    with pytest.raises(AstrodomeError, match="not found"):
        downloads.plan_download(
            downloads.DownloadRequest(TIMES[0], TIMES[3], source="none"), tmp_path
        )
    plan = downloads.plan_download(request, tmp_path)
    seen = []
    report = downloads.run_download(plan, jobs=2, on_result=seen.append)
    assert report.is_complete and report.count("downloaded") == len(seen) == 8


STRANGER = '''
from pathlib import Path

import pandas as pd
from astrodome import SourceSpec, hookimpl
from PIL import Image


class Drawn:
    """A source without capabilities that yields paths."""

    def search(self, start, end, freq, wavelength):
        times = pd.date_range(start, end, freq=freq, tz="UTC")
        rows = pd.MultiIndex.from_product([times, wavelength], names=["t_obs", "wavelength"])
        return rows.to_frame(index=False)

    def fetch(self, rows, target):
        for row in rows.itertuples(index=False):
            path = Path(target) / f"{row.t_obs:%Y-%m-%dT%H%M%S}__{row.wavelength}.jpeg"
            Image.new("L", (64, 64), row.t_obs.minute).save(path)
            if row.t_obs.minute == 20:
                path.write_bytes(path.read_bytes()[:-20])
            if row.t_obs.minute == 30:
                raise RuntimeError("the pencil broke")
            yield path


@hookimpl
def register_sources():
    yield SourceSpec("images", "drawn", "stranger_source:Drawn", summary="Drawn by hand")
'''


def test_a_source_that_returns_another_file_is_named_in_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = STRANGER.replace("stranger_source", "other_file_source")
    code = code.replace("__{row.wavelength}.jpeg", "_of_{row.wavelength}.jpeg")
    (tmp_path / "other_file_source.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    both = ("astrodome_sdo_data.plugin", "other_file_source")
    when = ("--start=2012-03-07T00:00", "--end=2012-03-07T00:00", "--freq=10min")
    command = ("data", "download", "--source=drawn", "--path", tmp_path / "a", *when)
    result = run("sdo", *command, "--wavelength=171", "--json", plugin=both)
    assert result.code == 1
    (problem,) = result.json["problems"]
    assert problem["reason"] == (
        "The source returned the file 2012-03-07T000000_of_171.jpeg, expected "
        "2012-03-07T000000__171.jpeg."
    )


def test_images_from_a_third_party_source_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger_source.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(str(tmp_path))
    both = ("astrodome_sdo_data.plugin", "stranger_source")
    when = ("--start=2012-03-07T00:00", "--end=2012-03-07T00:40", "--freq=10min")
    command = ("data", "download", "--source=drawn", "--path", tmp_path / "a", *when)
    result = run("sdo", *command, "--json", plugin=both)
    assert result.code == 1
    reasons = {problem["image"]: problem["reason"] for problem in result.json["problems"]}
    assert reasons == {
        "2012-03-07T002000__171.jpeg": "The JPEG image is truncated.",
        "2012-03-07T003000__171.jpeg": "RuntimeError: the pencil broke",
    }
    assert sorted(images(tmp_path / "a")) == [
        f"2012-03-07T00{minute}00__171.jpeg" for minute in ("00", "10", "40")
    ]
    refused = run("sdo", *command, "--parameters", plugin=both)
    assert refused.code == 2 and "does not provide image parameters" in refused.err
    twice = run("sdo", *command[:-1], "--freq=20min", "--metadata", "--json", plugin=both)
    assert twice.json["completed"] == 2, "that the source has no headers is known then"
    again = run("sdo", *command[:-1], "--freq=20min", "--metadata", "--json", plugin=both)
    assert (again.json["existing"], again.json["completed"]) == (2, 0)


@pytest.mark.parametrize("sizes", [("64",), ("64", "32")])
def test_a_source_may_have_sizes_without_an_option_to_choose_one(
    sizes: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = f"\n    info = SourceInfo(sizes={sizes!r})\n\n    def search"
    text = "from astrodome_solar.protocols import SourceInfo\n" + STRANGER
    module = f"sized_source_{len(sizes)}"
    text = text.replace("\n    def search", about).replace("stranger_source", module)
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    when = ("--start=2012-03-07T00:00", "--end=2012-03-07T00:10", "--freq=10min")
    command = ("data", "download", "--source=drawn", "--path", tmp_path / "a", *when)
    plugin = ("astrodome_sdo_data.plugin", module)
    run("sdo", *command, plugin=plugin).succeeded()
    assert len(images(tmp_path / "a")) == 2
    typed = run("sdo", *command, "--size=64", plugin=plugin)
    if len(sizes) == 1:
        typed.succeeded()
    else:
        assert typed.code == 2 and "does not support the option 'size'" in typed.err
    assert run("sdo", *command, "--size=128", plugin=plugin).code == 2


def test_valid_images_of_another_size_are_kept_and_reported(
    data: Data, gsu: FakeGsu, tmp_path: Path
) -> None:
    """Images of sdo-cli have no manifest."""
    data("download", "--path", tmp_path, *SMALL).succeeded()
    first, *others = sorted(tmp_path.glob("*.jpeg"))
    shutil.rmtree(tmp_path / ".downloading", ignore_errors=True)
    for path in [*tmp_path.iterdir()]:
        if path != first and path.is_file():
            path.unlink()
    Image.new("L", (64, 64), 90).save(first)
    content = first.read_bytes()
    result = data("download", "--path", tmp_path, *SMALL)
    assert result.code == 1 and "this image with a different size: use another folder" in result.out
    assert first.read_bytes() == content and not list(tmp_path.glob("*.damaged"))
    assert len(list(tmp_path.glob("*.jpeg"))) == 1 + len(others)
