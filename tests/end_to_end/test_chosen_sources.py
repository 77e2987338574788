"""Commands that use a source, with two installed sources of the same kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError, plugins
from astrodome.testing import Result, run
from astrodome_goes import Store
from astrodome_goes.store.sample_table import sample_table
from astrodome_solar.channels import find_channel
from astrodome_solar.metadata import add_rows
from astrodome_sood.datasets.sdoml_v2.selection import FrameFilter, select
from astrodome_ztf_scope.marshal.local import LocalMarshal
from hek_events import sun
from PIL import Image

THIRD_PARTY = '''
"""Additional sources of the kinds flux, events and images."""

import numpy as np
import pandas as pd
from astrodome import SourceSpec, hookimpl


class Flux:
    """Flux of class X on days with an even number, and of class B on the others."""

    def flux_at(self, times):
        days = np.asarray(times, "datetime64[D]").astype(int)
        return np.where(days % 2 == 0, 2e-4, 1e-7)


class Events:
    """One active region at any time."""

    def search(self, start, end, event_types=()):
        return [{
            "kb_archivid": "ivo://third-party/1",
            "event_type": event_types[0] if event_types else "AR",
            "event_starttime": start.isoformat(), "event_endtime": end.isoformat(),
            "event_peaktime": start.isoformat(), "fl_goescls": "X9.9",
            "hpc_bbox": "POLYGON((-600 0,-200 0,-200 400,-600 400,-600 0))",
            "obs_observatory": "SDO", "obs_instrument": "AIA", "obs_channelid": "171",
        }]


class Images:
    def search(self, start, end, freq, wavelength):
        times = pd.date_range(start, end, freq=freq, tz="UTC")
        rows = pd.MultiIndex.from_product([times, wavelength], names=["t_obs", "wavelength"])
        return rows.to_frame(index=False)

    def fetch(self, rows, target):
        return []


@hookimpl
def register_sources():
    yield SourceSpec("flux", "other", "third_party_sources:Flux", summary="Another flux.")
    yield SourceSpec("events", "other", "third_party_sources:Events", summary="Other events.")
    yield SourceSpec("images", "other", "third_party_sources:Images", summary="Other images.")
'''
PLUGINS = (
    *("astrodome_goes.plugin", "astrodome_hek_events.plugin", "astrodome_sdo_data.plugin"),
    *("astrodome_sood.plugin", "third_party_sources"),
)
START = datetime(2012, 3, 1)


@pytest.fixture
def sdo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``sdo`` with all solar plugins and the plugin above, in an empty folder."""
    (tmp_path / "third_party_sources.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    return lambda *args: run("sdo", *args, plugin=PLUGINS)


@pytest.fixture
def flux(tmp_path: Path) -> Store:
    """The GOES store of the user, with flux of class M on the first six days of March 2012."""
    store = Store(tmp_path / "home" / "goes")
    minutes = np.arange("2012-03-01", "2012-03-07", dtype="datetime64[m]")
    samples = sample_table(
        timestamp=minutes, xrsa=np.nan, xrsb=2e-5, xrsa_quality=0, xrsb_quality=0,
        satellite=15, product="csv",
    )  # fmt: skip
    store.merge(samples, ["made"])
    return store


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Create six images, one for each day."""
    folder = tmp_path / "images"
    folder.mkdir()
    shades = np.random.default_rng(1).integers(0, 255, (6, 64, 64)).astype(np.uint8)
    for day, shade in enumerate(shades):
        name = f"{START + timedelta(days=day):%Y-%m-%dT%H%M%S}__171.png"
        Image.fromarray(shade).save(folder / name)
    return folder


def refused(result: Result, kind: str, names: str) -> None:
    """Check that the error names sources, option and setting, and that no result is printed."""
    assert result.code == 2
    assert result.err == (
        f"Error: Several sources of kind '{kind}' are installed: {names}.\n"
        f"Hint: Choose one with --{kind}-source NAME, or set sources.{kind} in config.yaml.\n"
    )
    if result.out:  # With --json, standard output contains the error document.
        assert result.json["error"]["message"] == result.err.splitlines()[0].removeprefix("Error: ")


def test_data_download_uses_the_flux_source_of_the_option_or_the_setting(
    sdo: Callable[..., Result], flux: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ("--source=other", "--start=2012-03-01", "--end=2012-03-04T00:00", "--freq=1D")
    command = ("data", "download", *days, "--max-flux=1e-6", "--dry-run", "--json")
    refused(sdo(*command), "flux", "goes, other")
    assert sdo(*command, "--flux-source=goes").succeeded().json["skipped"] == 4
    assert sdo(*command, "--flux-source=other").succeeded().json["skipped"] == 2
    monkeypatch.setenv("ASTRODOME_SOURCES_FLUX", "other")
    assert sdo(*command).succeeded().json["skipped"] == 2
    assert sdo(*command, "--flux-source=goes").succeeded().json["skipped"] == 4


def test_data_download_uses_the_image_source_of_the_setting(
    sdo: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ("--start=2012-03-01", "--end=2012-03-01T06:00", "--dry-run", "--json")
    monkeypatch.setenv("ASTRODOME_SOURCES_IMAGES", "other")
    assert sdo("data", "download", *days).succeeded().json["source"] == "other"
    assert sdo("data", "download", *days, "--images-source=none").code == 2
    monkeypatch.setenv("ASTRODOME_SOURCES_IMAGES", "none")
    result = sdo("data", "download", *days)
    assert result.code == 2 and "setting sources.images from environment" in result.err


def test_goes_plot_uses_the_events_source_of_the_option_or_the_setting(
    sdo: Callable[..., Result], flux: Store, tmp_path: Path
) -> None:
    command = ("goes", "plot", "--events", "--json")
    refused(sdo(*command), "events", "hek, other")
    empty = sdo(*command, "--events-source=hek")
    assert empty.code == 1 and "No events found in" in empty.err
    drawn = sdo(*command, "--events-source=other").succeeded().json
    assert [event["class"] for event in drawn["catalogue"]] == ["X9.9"]
    (tmp_path / "config.yaml").write_text("sources:\n  events: other\n")
    assert sdo(*command).succeeded().json == drawn


def test_sood_evaluate_uses_the_flux_source_of_the_option_or_the_setting(
    sdo: Callable[..., Result], flux: Store, images: Path, tmp_path: Path
) -> None:
    args = ("-d", images, "--target-size=32", "--out", tmp_path / "out", "--bootstrap=5", "--json")
    command = ("sood", "evaluate", "threshold", "--against=flux", *args)
    refused(sdo(*command), "flux", "goes, other")
    one_class = sdo(*command, "--flux-source=goes")
    assert one_class.code == 1 and "all 6 labeled images are anomalous" in one_class.err
    shown = sdo(*command, "--flux-source=other").succeeded().json
    assert shown["runs"][0]["anomalous"] == 3
    (tmp_path / "config.yaml").write_text("sources:\n  flux: other\n")
    assert sdo(*command).succeeded().json["runs"][0]["anomalous"] == 3


def test_sood_evaluate_uses_the_events_source_of_the_option_or_the_setting(
    sdo: Callable[..., Result], images: Path, tmp_path: Path
) -> None:
    geometry = {"X0": 2048, "Y0": 2048, "R_SUN": 1600, "CDELT": 0.6}
    add_rows(images, [{"FILE_NAME": path.name, **geometry} for path in images.glob("*.png")])
    args = ("-d", images, "--target-size=32", "--out", tmp_path / "out", "--bootstrap=5", "--json")
    command = ("sood", "evaluate", "threshold", "--against=events", *args)
    refused(sdo(*command), "events", "hek, other")
    empty = sdo(*command, "--events-source=hek")
    assert empty.code == 1 and "No events found in" in empty.err
    assert sdo(*command, "--events-source=other").succeeded().json["about"]["events"] == 6
    (tmp_path / "config.yaml").write_text("sources:\n  events: other\n")
    assert sdo(*command).succeeded().json["about"]["events"] == 6


def test_an_irradiance_limit_uses_the_flux_source_of_the_configuration_or_the_setting(
    sdo: Callable[..., Result], flux: Store, tmp_path: Path
) -> None:
    days = np.arange("2012-03-01", "2012-03-07", dtype="datetime64[D]").astype("datetime64[ms]")

    def left(**changes: object) -> int:
        filters = FrameFilter(irradiance=1e-4, **changes)
        return len(select(days, find_channel("171A"), filters, "a store"))

    modules = {name.split(".")[0]: import_module(name) for name in PLUGINS}
    with plugins.using(plugins.of("sdo", **modules)):
        with pytest.raises(AstrodomeError, match="Several sources of kind 'flux'"):
            left()
        assert left(flux_source="goes") == 6
        assert left(flux_source="other") == 3
        assert left(goes_cache_dir=flux.folder) == 6
        with pytest.raises(AstrodomeError, match=r"goes_cache_dir cannot be used with .* 'other'"):
            left(goes_cache_dir=flux.folder, flux_source="other")
        (tmp_path / "config.yaml").write_text("sources:\n  flux: other\n")
        assert left() == 3


def test_events_plot_uses_the_own_store_unless_another_source_is_chosen(
    sdo: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = sun.write_image(tmp_path / "sun", sun.corona(256))
    command = ("events", "plot", image, "--out", tmp_path / "out.png", "--size=300", "--json")
    own = sdo(*command)
    assert own.code == 1 and "No events found in" in json.loads(own.out)["failed"][0]["reason"]
    drawn = sdo(*command, "--events-source=other").succeeded().json["plots"]
    assert [event["kb_archivid"] for event in drawn[0]["events"]] == ["ivo://third-party/1"]
    monkeypatch.setenv("ASTRODOME_SOURCES_EVENTS", "other")
    assert sdo(*command).succeeded().json["plots"] == drawn
    assert sdo(*command, "--source=hek").code == 1
    database = ("--db-connection-string", f"sqlite:///{tmp_path / 'events.db'}")
    assert sdo(*command, *database).code == 1, (
        "a database on the command line selects the local store"
    )
    both = sdo(*command, *database, "--source=other")
    assert both.code == 2 and "cannot be used with the event source 'other'" in both.err
    monkeypatch.setenv("DB_CONNECTION_STRING", database[1])
    assert sdo(*command).succeeded().json["plots"] == drawn


def test_events_analyze_uses_the_own_store_unless_another_source_is_chosen(
    sdo: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sun.write_image(tmp_path / "sun", sun.corona(256))
    sun.write_map(tmp_path / "maps", np.pad(np.full((40, 40), 200), ((60, 156), (40, 176))))
    folders = ("--src-dir", tmp_path / "sun", "--sood-dir", tmp_path / "maps")
    command = ("events", "analyze", *folders, "--out-dir", tmp_path / "out", "--jobs=1", "--json")
    own = sdo(*command)
    assert own.code == 1 and "No events found in" in own.err
    assert sdo(*command, "--events-source=other").succeeded().json["hek_events"] == 1
    monkeypatch.setenv("ASTRODOME_SOURCES_EVENTS", "other")
    assert sdo(*command).succeeded().json["hek_events"] == 1
    assert sdo(*command, "--source=hek").code == 1


def test_scope_uses_the_marshal_and_catalogue_of_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(
        "sources:\n  marshal: nowhere\n  catalogue: elsewhere:x\n"
    )
    for args, kind in (
        (("sources", "--position", 10, 20), "marshal"),
        (("journal",), "marshal"),
        (("taxonomy", "show"), "marshal"),
        (("upload-disagreements", "--file", "x.csv"), "catalogue"),
        (("get-field-ids",), "catalogue"),
    ):
        result = run("scope", *args, plugin="astrodome_ztf_scope.plugin")
        assert result.code == 2, result
        assert f"setting sources.{kind} from {tmp_path / 'config.yaml'}" in result.err
    LocalMarshal(tmp_path / "marshal.db")
    chosen = run(
        *("scope", "journal", "--marshal", f"local:{tmp_path / 'marshal.db'}", "--json"),
        plugin="astrodome_ztf_scope.plugin",
    )
    assert chosen.succeeded().json == []
