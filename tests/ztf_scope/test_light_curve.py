"""``scope lightcurve``: the analysis of one source, its plots and its page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import astrodome_ztf_scope as scope_api
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError, console
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues import source_light_curves
from astrodome_ztf_scope.features import folding, inspection
from astrodome_ztf_scope.features.extraction.options import FeatureOptions
from astrodome_ztf_scope.vetting import links, text_plots

FAST = ("--max-freq", "6", "--samples-per-peak", "5")
"""A small frequency grid, which contains the periods of the simulated RR Lyrae stars."""
EVIL = "<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def simulation() -> scope_api.Simulation:
    """Three RR Lyrae stars in g and r."""
    return scope_api.simulate_light_curves(
        3, classes=["rrab"], seed=5, points=(110, 130), bands="gr", magnitude=(15, 16)
    )


@pytest.fixture
def file(simulation: scope_api.Simulation, tmp_path: Path) -> Path:
    path = tmp_path / "light_curves.parquet"
    return scope_api.write_table(path, simulation.epochs)


@pytest.fixture
def star(simulation: scope_api.Simulation) -> pd.Series:
    """The r light curve of the second star."""
    truth = simulation.truth
    return truth[(truth["filter"] == 2) & (truth["obj_id"] == truth["obj_id"].unique()[1])].iloc[0]


def is_alias(period: float, true: float, span: float = 2500) -> bool:
    """Return whether two periods differ by a simple ratio."""
    ratios = (1, 2, 1 / 2)
    return any(abs(1 / period - ratio / true) < 2 / span for ratio in ratios)


def test_the_period_of_a_source_is_found_in_all_bands_together(
    scope: Callable[..., Result], file: Path, star: pd.Series
) -> None:
    position = f"{star['ra']:.6f},{star['dec']:.6f}"
    document = json.loads(
        scope("lightcurve", position, "--file", file, *FAST, "--json").succeeded().out
    )
    assert [curve["band"] for curve in document["light_curves"]] == ["g", "r"]
    assert is_alias(document["period"], star["period"])
    assert document["significance"] > 5 and document["algorithm"]
    best = {row["algorithm"]: row for row in document["periods"] if row["rank"] == 1}
    assert list(best) == ["LS", "CE", "AOV"]
    assert all(row["log10_fap"] is not None for row in best.values())
    best_period = pytest.approx(document["period"], rel=1e-4)
    same = [row for row in document["periods"] if row["period"] == best_period]
    assert document["log10_fap"] == min(row["log10_fap"] for row in same) < -3
    assert document["algorithm"] == ", ".join(row["algorithm"] for row in same)
    assert document["ra"] == pytest.approx(star["ra"], abs=1e-4)


def test_one_light_curve_has_the_values_of_the_feature_table(
    scope: Callable[..., Result], file: Path, star: pd.Series
) -> None:
    line = ("lightcurve", star["_id"], "--file", file, *FAST, "--json")
    document = json.loads(scope(*line).succeeded().out)
    table = scope_api.compute_features(file, max_frequency=6.0, samples_per_peak=5)
    row = table.set_index("_id").loc[star["_id"]]
    (curve,) = document["light_curves"]
    assert (curve["id"], curve["band"], curve["epochs"]) == (star["_id"], "r", row["n"])
    for name, value in curve["statistics"].items():
        assert value == pytest.approx(row[name], rel=1e-12), name
    for name, value in {**document["fourier"], "period": document["period"]}.items():
        assert value == pytest.approx(row[name], rel=1e-12), name
    assert document["significance"] == row["significance"]
    for name, value in document["agreement"].items():
        assert value == pytest.approx(row[name], nan_ok=True), name
    for one in document["periods"]:
        if one["rank"] == 1:
            assert one["period"] == row[f"period_{one['algorithm']}"]


def test_a_multiple_of_a_listed_period_has_the_false_alarm_probability_of_the_listed_period(
    scope: Callable[..., Result], tmp_path: Path
) -> None:
    hjd = 2_458_000 + np.sort(np.random.default_rng(3).uniform(0, 900, 250))
    phase = hjd / 0.7 % 1
    depth = np.where(phase < 0.5, 0.6, 0.3)  # Two different eclipses, as in a binary.
    mag = 15 + depth * np.exp(-(((phase % 0.5 - 0.25) / 0.06) ** 2))
    binary = pd.DataFrame({"_id": 7, "hjd": hjd, "mag": mag, "magerr": 0.02})
    scope_api.write_table(tmp_path / "binary.parquet", binary)
    page = tmp_path / "binary.html"
    line = ("lightcurve", "7", "--file", tmp_path / "binary.parquet", "--max-freq=4")
    line += ("--algorithms=LS", "--top-n-periods=1")
    found = scope(*line, "--out", page, "--json").succeeded().json
    (listed,) = found["periods"]
    assert found["period"] == pytest.approx(0.7, rel=1e-3)
    assert found["algorithm"] == "2 × the period of LS"
    assert found["log10_fap_period"] == listed["period"] == pytest.approx(0.35, rel=1e-3)
    assert found["log10_fap"] == listed["log10_fap"] < -3
    label = f"log₁₀ false-alarm probability of {listed['period']:.8g} d"
    assert label in page.read_text() and "log10_fap_period" in scope(*line).succeeded().out


def test_a_specified_period_is_used(
    scope: Callable[..., Result], file: Path, star: pd.Series
) -> None:
    line = ("lightcurve", star["_id"], "--file", file, *FAST, "--period", "0.5", "--json")
    document = json.loads(scope(*line).succeeded().out)
    assert (document["period"], document["algorithm"]) == (0.5, "given")
    assert document["significance"] is None and len(document["periods"]) > 3
    for period in ("0", "-1", "nan"):
        failed = scope("lightcurve", star["_id"], "--file", file, "--period", period)
        assert failed.code == 2 and f"Invalid period {period}" in failed.err


def test_light_curves_are_found_in_a_catalogue(
    scope: Callable[..., Result], file: Path, star: pd.Series
) -> None:
    catalogue = f"local:{file.parent}"
    for source, count in ((star["_id"], 1), (f"{star['ra']:.6f},{star['dec']:.6f}", 2)):
        line = ("lightcurve", source, "--catalogue", catalogue, *FAST, "--algorithms=LS", "--json")
        document = json.loads(scope(*line).succeeded().out)
        assert len(document["light_curves"]) == count


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("12345", 1, "No light curve found with the id 12345 in"),
        ("ZTFJ1", 1, "No light curve found with the id ZTFJ1 in"),
        ("10.0,-80.0", 1, "No light curve found within 2 arcsec of 10.0,-80.0 in"),
        ("10,95", 2, "Invalid position (10, 95)"),
        ("10:20,5", 2, "Invalid position '10:20,5': expected RA,DEC in degrees"),
        ("1,2,3", 2, "Invalid position '1,2,3': expected RA,DEC in degrees"),
    ],
)
@pytest.mark.parametrize("place", ["--file", "--catalogue"])
def test_a_missing_source_is_an_error(
    source: str, code: int, message: str, place: str, scope: Callable[..., Result], file: Path
) -> None:
    where = file if place == "--file" else f"local:{file.parent}"
    failed = scope("lightcurve", source, place, where)
    assert failed.code == code and message in failed.err and not failed.out
    by_file = code == 1 and place == "--file"
    assert ("Hint: The first identifier is " in failed.err) == by_file


def test_errors_of_files_and_options(
    scope: Callable[..., Result], file: Path, star: pd.Series, tmp_path: Path
) -> None:
    name = star["_id"]
    failed = scope("lightcurve", name, "--file", tmp_path / "missing.csv")
    assert failed.code == 2 and "File not found" in failed.err
    failed = scope("lightcurve", name, "--file", file, "--out", "plot.bmp")
    assert failed.code == 2 and "Unsupported file extension in 'plot.bmp'" in failed.err
    failed = scope("lightcurve", name, "--file", file, "--min-points", "5000")
    assert failed.code == 1 and "has at least 5000 epochs after cleaning" in failed.err
    failed = scope("lightcurve", name, "--file", file, "--algorithms", "XX")
    assert failed.code == 2 and "XX" in failed.err
    epochs = pd.read_parquet(file).drop(columns=["ra", "dec"])
    epochs.to_parquet(tmp_path / "plain.parquet")
    failed = scope("lightcurve", "10,20", "--file", tmp_path / "plain.parquet")
    assert failed.code == 1 and "contains no positions" in failed.err


@pytest.mark.parametrize("points", [1, 2, 5])
def test_short_light_curves_have_plots_without_period(
    points: int, scope: Callable[..., Result], tmp_path: Path
) -> None:
    epochs = pd.DataFrame(
        {"_id": 7, "hjd": 2458000.5 + np.arange(points), "mag": 15.0, "magerr": 0.1}
    )
    epochs.to_csv(tmp_path / "short.csv", index=False)
    out = [tmp_path / f"short.{extension}" for extension in ("png", "html")]
    line = ("lightcurve", 7, "--file", tmp_path / "short.csv", "--json")
    document = json.loads(scope(*line, "--out", out[0], "--out", out[1]).succeeded().out)
    assert document["period"] is None and document["periods"] == []
    assert document["light_curves"][0]["epochs"] == points
    assert all(path.stat().st_size > 1000 for path in out)
    assert "no period" in out[1].read_text()


def test_the_plots_are_images_and_do_not_depend_on_the_time(
    scope: Callable[..., Result], file: Path, star: pd.Series, tmp_path: Path
) -> None:
    from PIL import Image

    line = ("lightcurve", star["_id"], "--file", file, *FAST, "--algorithms=LS")
    for folder in ("first", "second"):
        names = [tmp_path / folder / f"plot.{extension}" for extension in ("png", "svg", "pdf")]
        words = [word for name in names for word in ("--out", name)]
        result = scope(*line, *words).succeeded()
        assert all(f"Wrote {name}." in result.err for name in names)
    for extension in ("png", "svg", "pdf"):
        first, second = (tmp_path / folder / f"plot.{extension}" for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), extension
    image = np.asarray(Image.open(tmp_path / "first/plot.png").convert("RGB"))
    assert image.shape[0] > 900 and image.shape[1] > 1400
    red = np.abs(image.astype(int) - (0xD1, 0x49, 0x5B)).max(axis=2) < 40
    assert red.sum() > 300, "the r light curve is drawn in its color"


def test_the_page_is_self_contained_and_escapes_names(
    scope: Callable[..., Result], simulation: scope_api.Simulation, tmp_path: Path
) -> None:
    epochs = simulation.epochs[simulation.epochs["_id"] == simulation.epochs["_id"].iloc[0]]
    epochs.assign(_id=EVIL).to_parquet(tmp_path / "evil.parquet")
    page = tmp_path / "page.html"
    scope("lightcurve", EVIL, "--file", tmp_path / "evil.parquet", *FAST, "--out", page).succeeded()
    text = page.read_text()
    assert "<script" not in text and "&lt;script&gt;" in text
    loaded = re.findall(r"<(?:img|script|link|iframe)[^>]*(?:src|href)=\"(?!data:)[^\"]*", text)
    assert not loaded and text.count("<svg") == 8
    assert "simbad.cds.unistra.fr" in text and "stetson_k" in text and "f1_power" in text


def test_the_page_opens_in_a_browser(
    browser: Any, scope: Callable[..., Result], file: Path, star: pd.Series, tmp_path: Path
) -> None:
    from selenium.webdriver.common.by import By

    position = f"{star['ra']:.6f},{star['dec']:.6f}"
    page = tmp_path / "star.html"
    scope("lightcurve", position, "--file", file, *FAST, "--out", page).succeeded()
    browser.get(page.as_uri())
    assert browser.find_element(By.TAG_NAME, "h1").text == position
    assert len(browser.find_elements(By.CSS_SELECTOR, ".panel svg")) == 8
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    wide = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page does not scroll horizontally"


def test_the_summary_on_a_terminal_contains_a_plot(
    scope: Callable[..., Result],
    file: Path,
    star: pd.Series,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = ("lightcurve", star["_id"], "--file", file, *FAST)
    piped = scope(*line).succeeded().out
    assert "\u28ff" not in piped and f"source\t{star['_id']}" in piped
    monkeypatch.setattr(console, "on_terminal", lambda stream=None: True)
    shown = scope(*line).succeeded().out
    assert any("\u2801" <= character <= "\u28ff" for character in shown)
    assert "two cycles, period" in shown and "LS" in shown


def test_dots_in_the_text_plot_are_at_the_phases_of_the_epochs() -> None:
    curve = folding.FoldedLightCurve(
        "r", *(np.array(v) for v in ([0.0, 0.5], [15.0, 16.0], [0, 0]))
    )
    lines = text_plots.folded([curve], width=4, height=2)
    assert lines == ["\u2801\u2800\u2801\u2800", "\u2800\u2840\u2800\u2840"]
    assert text_plots.folded([]) == []


class Curve:
    """A light curve with the given epochs."""

    band = "g"

    def __init__(self, time: Any, mag: Any) -> None:
        self.epochs = np.asarray(time, float), np.asarray(mag, float), np.full(len(time), 0.01)


def test_phases_are_relative_to_the_maximum_brightness() -> None:
    random = np.random.default_rng(2)
    time = 2_458_000 + np.sort(random.uniform(0, 500, 400))
    period, maximum = 0.7319, 2_458_003.2
    mag = 15 - 0.4 * np.cos(2 * np.pi * (time - maximum) / period)
    (folded,) = folding.fold([Curve(time, mag)], period)
    assert (folded.phase >= 0).all() and (folded.phase < 1).all()
    expected = ((time - maximum) / period) % 1
    difference = (folded.phase - expected + 0.5) % 1 - 0.5
    assert np.ptp(difference) < 1e-6 and abs(difference.mean()) < 1.5 / folding.BINS
    for invalid in (np.nan, 0.0, -1.0, np.inf):
        assert folding.fold([Curve(time, mag)], invalid) == []


def test_the_phase_of_a_time_just_before_the_zero_point_is_below_one() -> None:
    phases = folding.phase(np.array([-1e-20, 0.0, 1e-20]), 0.3)
    assert (phases >= 0).all() and (phases < 1).all()


def test_several_light_curves_are_combined_without_their_median_magnitudes() -> None:
    times = [np.array([3.0, 1.0]), np.array([2.0])]
    curves = [
        inspection.InspectedLightCurve(
            n, "g", np.sort(t), 15.0 + 2 * n + np.arange(len(t)), np.full(len(t), 0.1),
            np.ones(len(t), bool), {}, {},
        )
        for n, t in enumerate(times)
    ]  # fmt: skip
    time, mag, _ = inspection.combined(curves)
    assert time.tolist() == [1, 2, 3] and mag.tolist() == [-0.5, 0, 0.5]
    assert inspection.combined(curves[:1])[1].tolist() == [15, 16]


def test_a_periodogram_keeps_its_best_value_and_marks_bands(file: Path, star: pd.Series) -> None:
    table = source_light_curves.in_files([file], str(star["_id"]), 2.0)
    options = FeatureOptions.from_names(max_frequency=6.0, samples_per_peak=5, min_points=1)
    found = inspection.inspect_source(table, "", options)
    for name, periodogram in found.periodograms.items():
        assert (np.diff(periodogram.period) > 0).all()
        assert len(periodogram.period) <= inspection.PERIODOGRAM_BINS
        searched = periodogram.value[~periodogram.masked]
        best = searched.min() if periodogram.minimum else searched.max()
        assert best == pytest.approx(found.peaks[name].value[0], rel=1e-9), name
        near_one_day = np.abs(1 / periodogram.period - 1) < 0.02
        assert periodogram.masked[near_one_day].all() and near_one_day.any()
        assert any(low < 1 < high for low, high in periodogram.masked_bands)


def test_links_contain_the_position() -> None:
    found = links.of_position(10.5, -3.25)
    assert "10.500000+-3.250000" in found["SIMBAD"]
    assert links.of_position(None, 5.0) == {} == links.of_position(np.nan, 5.0)


def test_epochs_that_are_not_used_are_counted(tmp_path: Path) -> None:
    time = 2_458_000 + np.array([0, 0.001, 1, 2, 3, 4, 5, 6, 7, 8.0])
    epochs = pd.DataFrame({"_id": 1, "hjd": time, "mag": 15 + 0.1 * np.arange(10), "magerr": 0.02})
    epochs["catflags"] = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    epochs.loc[3, "magerr"] = -1
    epochs.to_parquet(tmp_path / "one.parquet")
    table = source_light_curves.in_files([tmp_path], "1", 2.0)
    (curve,) = inspection.prepare_light_curves(table)
    assert dict(curve.removed) == {"invalid": 1, "flagged": 1, "too close": 1}
    assert len(curve.time) == 8 and curve.used.sum() == 7


def test_the_options_of_the_search_are_used(file: Path, star: pd.Series) -> None:
    table = source_light_curves.in_files([file], str(star["_id"]), 2.0)
    options = FeatureOptions.from_names(algorithms=("LS",), max_frequency=0.5, min_points=1)
    found = inspection.inspect_source(table, "", options)
    assert list(found.peaks) == ["LS"] and np.nanmin(found.peaks["LS"].period) >= 2
    late = FeatureOptions.from_names(max_timestamp_hjd=2_400_000.0, min_points=1)
    with pytest.raises(AstrodomeError, match="has too few epochs"):
        inspection.inspect_source(table, "star", late)
