"""The HTML report about a run."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astrodome import plugins
from astrodome.errors import InputWarning
from astrodome.testing import Result, run
from astrodome_sood import plugin, write_report
from astropy.table import Table
from matplotlib.figure import Figure
from PIL import Image


@pytest.fixture
def scored(trained: Path, sood: Callable[..., Result], tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    for mode in ("sample", "pixel"):
        sood("ce_vae", "predict", "-l", folder, "-m", mode).succeeded()
    return folder


def pictures(page: str, kind: str) -> list[Image.Image]:
    found = re.findall(rf'class="{kind}" src="data:image/png;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_page_shows_losses_images_beside_their_maps_settings_and_versions(
    scored: Path, sood: Callable[..., Result]
):
    sood("report", scored, "--count", 4).succeeded()
    page = (scored / "report.html").read_text()
    images, maps = pictures(page, "image"), pictures(page, "map")
    assert len(images) == len(maps) == 8
    assert {image.size for image in images + maps} == {(32, 32)}
    assert len({image.tobytes() for image in images}) == 8
    red, _, blue = images[0].convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert red > blue, "AIA 193 is drawn in its own brown"
    assert page.count("<svg") == 2 and "Most anomalous" in page and "Least anomalous" in page
    for text in ("model.z_dim", "train.lr", "torch", "data digest", "2013-06-24T17:31:30Z"):
        assert text in page


def test_the_page_is_self_contained(scored: Path, sood: Callable[..., Result]):
    sood("report", scored).succeeded()
    page = (scored / "report.html").read_text()
    assert "<script" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:", "#")) for source in sources)


def test_several_predictions_are_on_one_page(
    scored: Path, sun, sood: Callable[..., Result], tmp_path: Path
):
    disk = tmp_path / "whole_disk"
    disk.mkdir()
    sun.save(disk / "2013-06-24T173130__193.jpeg")
    out = scored / "predictions/disk"
    sood("ce_vae", "predict", "-l", scored, "-m", "pixel", "--data-dir", disk, "--pred-dir", out)
    page = tmp_path / "page.html"
    sood("report", scored, "--out", page).succeeded()
    text = page.read_text()
    assert "Whole disk" in text
    assert [image.size for image in pictures(text, "image")].count((256, 256)) == 1


def test_deleted_images_are_marked(
    scored: Path, patches: Path, sood: Callable[..., Result], tmp_path: Path
):
    moved = tmp_path / "moved"
    shutil.copytree(patches, moved)
    sood("ce_vae", "predict", "-l", scored, "--data-dir", moved, "--pred-dir", tmp_path / "p")
    shutil.rmtree(moved)
    sood("report", scored, "--pred-dir", tmp_path / "p").succeeded()
    assert "no longer exists" in (scored / "report.html").read_text()


def test_a_folder_without_a_run_is_an_error(sood: Callable[..., Result], tmp_path: Path):
    empty = sood("report", tmp_path)
    assert empty.code == 1 and "contains neither a run nor predictions" in empty.err
    gone = sood("report", tmp_path / "none")
    assert gone.code == 1 and "Run folder not found" in gone.err


def test_exporters_write_the_predictions_as_tables(
    scored: Path, sood: Callable[..., Result], tmp_path: Path
):
    vot = tmp_path / "tables" / "p.vot"
    options = ("--export", "csv", "--export", "ecsv", "--export", f"votable={vot}")
    written = sood("report", scored, *options, "--json").succeeded().json
    assert written == {
        "report": str(scored / "report.html"),
        "exports": [str(scored / "report.csv"), str(scored / "report.ecsv"), str(vot)],
    }
    table = pd.read_csv(scored / "report.csv")
    assert len(table) == 48 and list(table["rank"]) == list(range(1, 49))
    assert table["score"].is_monotonic_decreasing
    ecsv, votable = Table.read(scored / "report.ecsv"), Table.read(vot)
    for found in (ecsv, votable):
        assert found["wavelength"].unit == "Angstrom" and found["wavelength"].dtype == "int64"
        assert list(found["path"]) == list(table["path"])
        assert np.allclose(found["score"], table["score"], rtol=0, atol=0)


def test_an_unknown_exporter_is_an_error_before_a_file_is_written(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    page = tmp_path / "page.html"
    ran = sood("report", trained, "--out", page, "--export", "votabel")
    assert ran.code == 2 and "Exporter not found: 'votabel'" in ran.err
    assert "Did you mean 'votable'?" in ran.err and not page.exists()


def test_an_export_without_predictions_fails_and_the_page_is_written(
    trained: Path, sood: Callable[..., Result], tmp_path: Path
):
    shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("predictions"))
    ran = sood("report", tmp_path / "run", "--export", "csv", "--json")
    assert ran.code == 1 and "csv (astrodome_sood)" in ran.err
    (failed,) = ran.json["failed"]
    assert "No predictions found" in failed["reason"]
    assert "Predictions" not in Path(ran.json["report"]).read_text()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("epoch,train_loss,val_loss", ["loss: train_loss, val_loss"]),
        (
            "epoch,step,loss,val_loss,kl,val_kl,seconds",
            ["loss: loss, val_loss", "term (validation): val_kl", "term (training): kl"],
        ),
        ("accuracy", ["term (training): accuracy"]),
        ("epoch,seconds", []),
    ],
)
def test_all_metrics_of_a_model_are_plotted(
    trained: Path,
    sood: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
    expected: list[str],
):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    values = [
        ",".join(f"{epoch + n / 8}" for n, _ in enumerate(columns.split(","))) for epoch in range(3)
    ]
    (folder / "metrics.csv").write_text("\n".join([columns, *values]))
    drawn: list[str] = []

    def to_svg(figure: Figure) -> str:
        for axes in figure.axes:
            names = [text.get_text() for text in axes.get_legend().get_texts()]
            assert [len(line.get_ydata()) for line in axes.get_lines()] == [3] * len(names)
            drawn.append(f"{axes.get_ylabel()}: {', '.join(names)}")
        return "<svg></svg>"

    monkeypatch.setattr("astrodome_sood.views.figures.to_svg", to_svg)
    sood("report", folder).succeeded()
    assert drawn == expected
    assert ("<h2>Training</h2>" in (folder / "report.html").read_text()) == bool(expected)


def test_the_example_view_is_omitted_for_a_run_without_predictions(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("predictions"))
    monkeypatch.syspath_prepend(EXAMPLES)
    registered = ("report_view", "astrodome_sood.plugin")
    run("sdo", "sood", "report", tmp_path / "run", plugin=registered).succeeded()
    page = (tmp_path / "run" / "report.html").read_text()
    assert re.findall("<h2>(.*)</h2>", page) == ["Training", "Settings and versions"]


EXAMPLES = Path(__file__).parents[2] / "examples"
THIRD_PARTY = """
from astrodome import ViewSpec, hookimpl

class Failing:
    def section(self, report):
        raise RuntimeError("no ephemeris")

@hookimpl
def register_views():
    yield ViewSpec("sood-report", "failing", "alien_views:Failing", "Fails.")
"""


def test_a_section_of_another_plugin_is_on_the_page_and_a_failing_one_is_named(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "alien_views.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "alien_views", raising=False)
    monkeypatch.syspath_prepend(EXAMPLES)
    registered = ("alien_views", "report_view", "astrodome_sood.plugin")
    ran = run("sdo", "sood", "report", scored, "--export", "jsonl", plugin=registered)
    assert ran.code == 1 and "failed  failing (alien_views): RuntimeError: no ephemeris" in ran.err
    page = (scored / "report.html").read_text()
    assert re.findall("<h2>(.*)</h2>", page) == [
        "Training",
        "Predictions",
        "Observation times",
        "Settings and versions",
    ]
    assert "<p>48 images, 2013-06-24T17:31:30Z to 2013-06-24T17:31:30Z.</p>" in page
    rows = [json.loads(line) for line in (scored / "report.jsonl").read_text().splitlines()]
    assert len(rows) == 48 and list(rows[0]) == ["path", "t_obs", "score"]
    modules = {"alien": import_module("alien_views"), "sood": plugin}
    with plugins.using(plugins.of("sdo", **modules)), pytest.warns(InputWarning, match="failing"):
        assert write_report(scored) == scored / "report.html"
