"""``scope vet``: the web page, its server, and the decisions."""

from __future__ import annotations

import base64
import contextlib
import csv
import html
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
import requests
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues.local import LocalCatalogue
from astrodome_ztf_scope.features import dmdt
from astrodome_ztf_scope.tables import table_io
from astrodome_ztf_scope.vetting import browser_page, candidates, light_curve_plots
from astrodome_ztf_scope.vetting.decisions import Decisions
from astrodome_ztf_scope.vetting.server import HEADER, VettingServer
from astrodome_ztf_scope.vetting.sorted_light_curves import SortedLightCurves
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from ztf_scope import survey as surveys

EVIL = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"


@pytest.fixture
def table(survey: surveys.Survey, tmp_path: Path) -> Path:
    """Write scores for the stars of the survey; the name of the second star contains markup."""
    rows = survey.table[["ra", "dec", "period"]].copy()
    rows["obj_id"] = [f"ZTFJ{n:04}" for n in range(len(rows))]
    rows.loc[1, "obj_id"] = EVIL
    rows["rrlyr_dnn"], rows["rrlyr_xgb"] = np.linspace(0.1, 0.9, len(rows)), 0.2
    rows["e_xgb"], rows["iqr"] = np.linspace(0.95, 0.05, len(rows)), 0.321
    path = tmp_path / "predictions.parquet"
    rows.to_parquet(path)
    return path


@pytest.fixture
def found(table: Path, survey: surveys.Survey) -> candidates.Candidates:
    return candidates.read(table, catalogue=LocalCatalogue(survey.folder))


@pytest.fixture
def server(found: candidates.Candidates, tmp_path: Path) -> Iterator[VettingServer]:
    with VettingServer(found, Decisions(tmp_path / "vetted.csv", found)) as running:
        yield running


def ask(server: VettingServer, path: str, **more: object) -> requests.Response:
    headers = {HEADER: server.token, **more.pop("headers", {})}  # type: ignore[dict-item]
    method = "POST" if "json" in more else "GET"
    url = f"http://127.0.0.1:{server.port}{path}"
    return requests.request(method, url, headers=headers, timeout=60, **more)  # type: ignore[arg-type]


def result(server: VettingServer) -> list[dict[str, str]]:
    with server.decisions.target.open() as lines:
        return list(csv.DictReader(lines))


def test_the_dmdt_image_counts_pairs_by_time_and_magnitude():
    random = np.random.default_rng(3)
    time_, mag = random.uniform(0, 900, 40), random.normal(17, 0.4, 40)
    expected = np.zeros((26, 26))
    order = np.argsort(time_)
    for n, first in enumerate(order):
        for second in order[n + 1 :]:
            column = np.searchsorted(dmdt.DT, time_[second] - time_[first], "right") - 1
            row = np.searchsorted(dmdt.DM, mag[second] - mag[first], "right") - 1
            expected[row, column] += 1
    np.testing.assert_allclose(
        dmdt.dmdt_image(time_, mag), expected / np.linalg.norm(expected), rtol=1e-6
    )
    assert not dmdt.dmdt_image([5.0], [17.0]).any()


def test_the_page_contains_scores_features_light_curves_and_dmdt_image(
    server: VettingServer, survey: surveys.Survey
):
    overview = ask(server, "/api/overview").json()
    assert overview["labels"] == ["rrlyr", "e"] and len(overview["rows"]) == 6
    source = ask(server, "/api/source?number=2").json()
    assert source["scores"] == pytest.approx({"rrlyr": 0.42, "e": 0.59})
    assert source["features"] == {"iqr": 0.321}
    assert [curve["band"] for curve in source["curves"]] == ["g", "r"]
    curves = pd.read_parquet(survey.folder / "light_curves.parquet")
    own = curves[np.isclose(curves["dec"], survey.table["dec"][2])]
    good = sum(np.count_nonzero(np.asarray(flags) == 0) for flags in own["catflags"])
    shown, _ = server.candidates.light_curves(2)
    assert sum(len(curve.time) for curve in shown) == good
    assert [curve["epochs"] for curve in source["curves"]] == [c.used.sum() for c in shown]
    assert set(source["figures"]) == {"unfolded", "folded", "dmdt"}
    for figure in source["figures"].values():
        assert base64.b64decode(figure.removeprefix("data:image/png;base64,")).startswith(
            b"\x89PNG"
        )
    double = ask(server, "/api/source?number=2&factor=2").json()["figures"]
    changed = {name for name, figure in double.items() if figure != source["figures"][name]}
    assert changed == {"folded"}


def test_the_plots_have_axis_labels_a_legend_and_the_refined_period(
    found: candidates.Candidates, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}

    def keep(draw: Callable[[Axes], object], width: float, height: float) -> str:
        axes = Figure((width, height)).subplots()
        draw(axes)
        drawn[axes.get_title()] = axes
        return ""

    monkeypatch.setattr(light_curve_plots, "image", keep)
    found.page(2)
    period = found.rows[2].period
    unfolded, folded, image = (drawn[n] for n in ("", f"P = {period:.8g} d", "dmdt, band g"))
    assert (unfolded.get_xlabel(), unfolded.get_ylabel()) == ("HJD − 2458000 (d)", "magnitude")
    assert [text.get_text() for text in unfolded.get_legend().get_texts()] == ["g", "r"]
    assert (folded.get_xlabel(), folded.get_ylabel()) == ("phase", "magnitude")
    assert (image.get_xlabel(), image.get_ylabel()) == ("Δt (d)", "Δm (mag)")
    rows = pd.read_parquet(table).assign(period_refined=[0.5, *[np.nan] * 5])
    rows.to_parquet(table)
    refined = candidates.read(table, catalogue=found.catalogue)
    assert [refined.rows[n].period for n in (0, 1)] == [0.5, rows["period"][1]]
    assert [refined.rows[n].period_column for n in (0, 1)] == ["period_refined", "period"]
    refined.page(0)
    assert "P = 0.5 d" in drawn


def test_a_source_without_position_has_the_light_curve_with_its_id(
    survey: surveys.Survey, tmp_path: Path
) -> None:
    curves = pd.read_parquet(survey.folder / "light_curves.parquet")
    ids = curves["_id"].tolist()
    table = pd.DataFrame({"_id": [ids[0], None, None], "ztf_id": [ids[1], ids[1], None]})
    table.astype("Int64").assign(vnv_xgb=0.9).to_parquet(tmp_path / "scores.parquet")
    found = candidates.read(tmp_path / "scores.parquet", catalogue=LocalCatalogue(survey.folder))
    pages = [found.page(number) for number in (0, 1, 2)]
    assert [[curve["band"] for curve in page["curves"]] for page in pages] == [["g"], ["r"], []]
    assert [page["problem"] for page in pages] == ["", "", "not found in the catalogue"]


def light_curve_file(survey: surveys.Survey, folder: Path, layout: str) -> Path:
    """Write the light curves of the survey in a layout that scope features --file accepts."""
    curves = pd.read_parquet(survey.folder / "light_curves.parquet")
    if layout == "lists":
        curves["hmjd"] = [[hjd - 2400000.5 for hjd in values] for values in curves.pop("hjd")]
        path = folder / "lists.parquet"
        names = {"_id": "objectid", "filter": "filterid", "ra": "objra", "dec": "objdec"}
        curves.rename(columns=names).to_parquet(path)
        return path
    names = ["_id", "filter", "ra", "dec", "hjd", "mag", "magerr", "catflags"]
    epochs = curves[names].explode(names[4:], ignore_index=True)
    if layout == "public":
        epochs["hmjd"] = epochs.pop("hjd").astype(float) - 2400000.5
        epochs = epochs.rename(columns={"_id": "objectid", "filter": "filterid"})
    path = folder / f"{layout}.csv"
    epochs.sample(frac=1, random_state=1).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("layout", ["epochs", "public", "lists"])
def test_light_curves_in_files_are_shown_like_those_in_a_catalogue(
    survey: surveys.Survey, table: Path, found: candidates.Candidates, tmp_path: Path, layout: str
) -> None:
    path = light_curve_file(survey, tmp_path, layout)
    (tmp_path / "sorted").mkdir()
    files = SortedLightCurves([path], tmp_path / "sorted")
    own = candidates.read(table, catalogue=files)
    for number in range(len(found.rows)):
        (curves, problem), (others, _) = own.light_curves(number), found.light_curves(number)
        assert [curve.band for curve in curves] == ["g", "r"] and not problem
        for curve, other in zip(curves, others, strict=True):
            np.testing.assert_allclose(curve.epochs, other.epochs, rtol=0, atol=2e-6)
        assert own.rows[number] == found.rows[number]
    far = table.with_name("far.csv")
    pd.DataFrame({"obj_id": ["x"], "ra": [1.0], "dec": [89.0], "vnv_xgb": [0.9]}).to_csv(far)
    page = candidates.read(far, catalogue=files).page(0)
    assert (page["curves"], page["problem"]) == ([], "not found in the light-curve files")


@pytest.mark.parametrize("text", [False, True])
def test_light_curves_in_files_without_positions_are_found_by_identifier(
    survey: surveys.Survey, tmp_path: Path, text: bool
) -> None:
    epochs = pd.read_csv(light_curve_file(survey, tmp_path, "epochs")).drop(columns=["ra", "dec"])
    ids = sorted(epochs["_id"].unique())
    if text:
        epochs["_id"] = "star" + epochs["_id"].astype(str)
    (tmp_path / "curves").mkdir()
    epochs.to_parquet(tmp_path / "curves/epochs.parquet")
    rows = pd.DataFrame({"_id": [ids[2], 7], "ra": 10.0, "dec": 5.0, "vnv_xgb": 0.9})
    rows["_id"] = "star" + rows["_id"].astype(str) if text else rows["_id"]
    rows.to_parquet(tmp_path / "scores.parquet")
    (tmp_path / "sorted").mkdir()
    files = SortedLightCurves([tmp_path / "curves"], tmp_path / "sorted")
    assert not files.has_positions
    found = candidates.read(tmp_path / "scores.parquet", catalogue=files)
    assert [len(found.light_curves(number)[0]) for number in (0, 1)] == [1, 0]


def test_the_command_reads_light_curves_from_files(
    survey: surveys.Survey,
    table: Path,
    tmp_path: Path,
    scope: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = []

    def vet_at_once(server: VettingServer) -> VettingServer:
        pages.append(server.candidates.page(2))
        server.decisions.decide(2, "accept", ["e"])
        server.finished.set()
        return server

    path = light_curve_file(survey, tmp_path, "public")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(VettingServer, "__enter__", vet_at_once)
    monkeypatch.setattr(VettingServer, "__exit__", lambda server, *_: server._http.server_close())
    line = ("vet", "--file", table, "--light-curves", path, "--no-browser", "--json")
    assert scope(*line, "--out", tmp_path / "done.csv").succeeded().json["accept"] == 1
    assert [one["band"] for one in pages[0]["curves"]] == ["g", "r"] and not pages[0]["problem"]
    assert not any((tmp_path / "temporary").iterdir()), "the sorted copy is deleted"
    both = scope(*line, "--catalogue", survey.catalogue)
    assert both.code == 2 and "either --light-curves or --catalogue" in both.err
    missing = scope("vet", "--file", table, "--light-curves", "missing.parquet")
    assert missing.code != 0 and "missing.parquet" in missing.err
    plain = tmp_path / "plain.csv"
    pd.read_csv(path).drop(columns=["ra", "dec"]).to_csv(plain, index=False)
    warned = scope("vet", "--file", table, "--light-curves", plain, "--no-browser", "--json")
    assert "contain no positions" in warned.err and not pages[1]["curves"]


@pytest.mark.parametrize(
    "headers",
    [
        {HEADER: ""},
        {HEADER: "wrong"},
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "http://evil.example"},
    ],
)
def test_requests_without_the_token_or_from_other_sites_are_rejected(
    server: VettingServer, headers: dict[str, str]
):
    decision = {"number": 0, "action": "reject"}
    for more in ({}, {"json": decision}):
        answer = ask(server, "/api/decide" if more else "/api/overview", headers=headers, **more)
        assert answer.status_code == 403 and "rrlyr" not in answer.text
    assert not server.decisions.made
    assert requests.get(f"http://127.0.0.1:{server.port}/", timeout=10).status_code == 403
    page = requests.get(server.url, timeout=10, headers={"Host": "evil.example"})
    assert page.status_code == 403


def test_the_page_runs_only_its_own_script_and_is_served_on_loopback(server: VettingServer):
    page = requests.get(server.url, timeout=10)
    policy = page.headers["Content-Security-Policy"]
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    assert "default-src 'none'" in policy and f'<script nonce="{nonce}">' in page.text
    assert page.headers["Cache-Control"] == "no-store" and server.token not in page.text
    again = requests.get(server.url, timeout=10).headers["Content-Security-Policy"]
    assert again != policy and server._http.server_address[0] == "127.0.0.1"


def test_decisions_are_written_to_a_table_for_the_upload(server: VettingServer):
    for number, action, labels in (
        (0, "accept", ["e"]),
        (1, "reject", []),
        (2, "relabel", ["rrlyr", "e"]),
        (3, "accept", ["rrlyr"]),
        (3, "undo", []),
    ):
        said = {"number": number, "action": action, "labels": labels}
        assert ask(server, "/api/decide", json=said).status_code == 200
    rows = result(server)
    assert [row["obj_id"] for row in rows] == ["ZTFJ0000", "ZTFJ0002"]
    assert [(row["rrlyr"], row["e"]) for row in rows] == [("0", "1"), ("1", "1")]
    assert {"ra", "dec", "period"} <= rows[0].keys()


def test_the_vetted_table_can_be_uploaded(
    server: VettingServer,
    scope: Callable[..., Result],
    survey: surveys.Survey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    ask(server, "/api/decide", json={"number": 0, "action": "accept", "labels": ["e"]})
    (tmp_path / "map.json").write_text(json.dumps({"rrlyr": "RR Lyrae", "e": "eclipsing"}))
    line = "-file vetted.csv -group_ids 500 -taxonomy_id 7 -classification read"
    args = [*line.split(), "-taxonomy_map", "map.json"]
    args += [
        "--marshal",
        surveys.local_marshal("marshal.db", 500, classes=["eclipsing", "RR Lyrae"]),
    ]
    scope("upload-classification", *args, "--catalogue", survey.catalogue).succeeded()
    kept = scope("sources", "--group-ids", 500, "--marshal", "local:marshal.db", "--json")
    assert [row["classifications"] for row in kept.succeeded().json] == ["eclipsing 1"]


def test_decisions_are_resumed_also_after_an_incomplete_line(
    found: candidates.Candidates, tmp_path: Path
):
    target = tmp_path / "out" / "vetted.csv"
    first = Decisions(target, found)
    first.decide(0, "accept", ["e"])
    first.decide(4, "reject", [])
    journal = target.with_name(".vetted.csv.decisions.jsonl")
    journal.write_text(journal.read_text() + '\n{"number": 5, "na')
    again = Decisions(target, found)
    assert {n: made["action"] for n, made in again.made.items()} == {0: "accept", 4: "reject"}
    again.decide(5, "accept", ["rrlyr"])
    assert sorted(Decisions(target, found).made) == [0, 4, 5]


def test_decisions_about_other_sources_are_an_error(
    found: candidates.Candidates, table: Path, tmp_path: Path
):
    target = tmp_path / "vetted.csv"
    Decisions(target, found).decide(0, "accept", ["e"])
    other = tmp_path / "other.parquet"
    pd.read_parquet(table).iloc[::-1].to_parquet(other)
    with pytest.raises(AstrodomeError, match="decisions about a different table"):
        Decisions(target, candidates.read(other))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"number": 99, "action": "reject"}, "Invalid row 99"),
        ({"number": 0, "action": "explode"}, "expected one of accept"),
        ({"number": 0, "action": "accept"}, "No label selected"),
        ({"number": 0, "action": "accept", "labels": ["agn"]}, "Unknown label"),
        ({"action": "accept"}, "Invalid decision"),
        ([1, 2], "Invalid decision"),
    ],
)
def test_an_invalid_decision_is_rejected(server: VettingServer, said, told: str):
    answer = ask(server, "/api/decide", json=said)
    assert answer.status_code == 400 and told in answer.json()["error"]
    assert not server.decisions.made


def test_the_command_serves_until_it_is_finished(table: Path, tmp_path: Path):
    script = Path(sys.executable).with_name("scope")
    args = [script, "vet", "--file", table, "--out", "done.csv", "--no-browser", "--json"]
    with subprocess.Popen(
        args, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr and child.stdout
        url = next(word for word in child.stderr.readline().split() if word.startswith("http"))
        parts = urlsplit(url)
        headers = {HEADER: parse_qs(parts.query)["token"][0]}
        base = f"http://{parts.netloc}/api"
        said = {"number": 0, "action": "accept", "labels": ["e"]}
        requests.post(f"{base}/decide", json=said, headers=headers, timeout=10).raise_for_status()
        requests.post(f"{base}/finish", json={}, headers=headers, timeout=10).raise_for_status()
        shown = json.loads(child.stdout.read())
    assert child.returncode == 0
    assert shown == {"file": "done.csv", "accept": 1, "relabel": 0, "reject": 0, "left": 5}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the command lines in /proc")
def test_no_command_line_contains_the_token_when_a_browser_is_started(table: Path, tmp_path: Path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/started\nsleep 30 > /dev/null 2>&1\n')
    browser.chmod(0o755)
    script = Path(sys.executable).with_name("scope")
    args = [script, "vet", "--file", table, "--out", "done.csv", "--json"]
    environment = os.environ | {"BROWSER": f"{browser} %s &"}
    with (
        subprocess.Popen(
            args,
            cwd=tmp_path,
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
        contextlib.ExitStack() as failed,
    ):
        failed.callback(child.kill)  # Otherwise, a failed assertion would wait forever.
        assert child.stderr
        url = next(word for word in child.stderr.readline().split() if word.startswith("http"))
        token = parse_qs(urlsplit(url).query)["token"][0]
        end = time.monotonic() + 60
        while not (tmp_path / "started").exists() or not (tmp_path / "started").read_text():
            assert time.monotonic() < end and child.poll() is None
            time.sleep(0.02)
        opened = (tmp_path / "started").read_text().strip()
        lines = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                lines[int(process.name)] = (process / "cmdline").read_bytes()
        ours = [number for number, line in lines.items() if opened.encode() in line]
        assert ours, "the browser is running"
        assert not any(token.encode() in line for line in lines.values())
        page = Path(opened.removeprefix("file://"))
        assert page.stat().st_mode & 0o777 == 0o600 and page.parent.stat().st_mode & 0o777 == 0o700
        assert html.unescape(page.read_text()).count(url) == 2
        assert requests.get(url, timeout=10).ok
        while page.parent.exists():
            assert time.monotonic() < end, "the file is removed once the page is open"
            time.sleep(0.02)
        headers = {HEADER: token}
        base = f"http://{urlsplit(url).netloc}/api"
        requests.post(f"{base}/finish", json={}, headers=headers, timeout=10).raise_for_status()
        for number in ours:
            os.kill(number, signal.SIGTERM)
        assert child.stdout and json.loads(child.stdout.read())["left"] == 6
        failed.pop_all()
    assert child.returncode == 0


def test_the_file_for_the_browser_is_removed_when_vetting_ends(
    table: Path, monkeypatch: pytest.MonkeyPatch
):
    with browser_page.redirecting("http://127.0.0.1:1/?token=a&b=c") as page:
        assert "token=a&amp;b=c" in page.read_text()
        assert page.stat().st_mode & 0o777 == 0o600
    assert not page.parent.exists()


def test_text_cells_of_the_result_cannot_become_formulas(tmp_path: Path):
    names = [
        "=HYPERLINK(1)",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "'=1",
        "star",
        "-1.5",
    ]
    table = pd.DataFrame({"obj_id": names, "ra": 1.5, "dec": -1.5, "period": 0.1, "vnv_xgb": 0.9})
    table_io.write_table(tmp_path / "list.csv", table)
    found = candidates.read(tmp_path / "list.csv")
    assert [row.name for row in found.rows] == names
    decisions = Decisions(tmp_path / "vetted.csv", found)
    for number in range(len(names)):
        decisions.decide(number, "accept", ["vnv"])
    cells = pd.read_csv(tmp_path / "vetted.csv", dtype=str)
    assert not cells["obj_id"].str.match(r"[=+@\t]|-[^\d]").any()
    assert list(cells["dec"]) == ["-1.5"] * len(names)
    back = table_io.read_table(tmp_path / "vetted.csv")
    assert list(back["obj_id"]) == names and list(back["dec"]) == [-1.5] * len(names)


def test_coordinates_in_capitals_are_found_and_written(tmp_path: Path):
    path = tmp_path / "list.csv"
    pd.DataFrame({"RA": [10.5], "DEC": [-5.25], "vnv_xgb": [0.9]}).to_csv(path, index=False)
    found = candidates.read(path)
    assert (found.rows[0].ra, found.rows[0].dec) == (10.5, -5.25)
    Decisions(tmp_path / "vetted.csv", found).decide(0, "accept", ["vnv"])
    written = pd.read_csv(tmp_path / "vetted.csv")
    assert written[["ra", "dec"]].to_numpy().tolist() == [[10.5, -5.25]]
    path.write_text("ra,dec,vnv_xgb\n10,-95,0.5\n")
    with pytest.raises(AstrodomeError, match=r"list\.csv: invalid coordinate '-95' in"):
        candidates.read(path)


def test_the_result_contains_every_period_of_the_scores(tmp_path: Path):
    path = tmp_path / "scores.csv"
    pd.DataFrame(
        {"_id": [1], "period_ELS": [0.25], "period_ELS_ECE": [0.5], "vnv_xgb": [0.9]}
    ).to_csv(path, index=False)
    Decisions(tmp_path / "vetted.csv", candidates.read(path)).decide(0, "accept", ["vnv"])
    written = pd.read_csv(tmp_path / "vetted.csv")
    assert written.to_dict("records") == [
        {"_id": 1, "period_ELS": 0.25, "period_ELS_ECE": 0.5, "vnv": 1}
    ]


def test_a_table_without_scores_and_labels_is_an_error(
    survey: surveys.Survey, tmp_path: Path, scope: Callable[..., Result]
):
    path = survey.csv(tmp_path / "plain.csv")
    failed = scope("vet", "--file", path, "--no-browser")
    assert failed.code == 1 and "has no score columns such as 'vnv_xgb'" in failed.err
    assert "--label 'RR Lyrae'" in failed.err
    assert candidates.read(path, ["variable", "bogus"]).labels == ["variable", "bogus"]


def test_sources_are_vetted_by_keyboard_and_markup_in_names_is_escaped(
    browser, server: VettingServer, tmp_path: Path
):
    from selenium.webdriver.common.by import By

    def name() -> str:
        return browser.find_element(By.ID, "name").text

    def wait(condition: Callable[[], object]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, browser.page_source
            time.sleep(0.05)

    def press(keys: str) -> None:
        browser.find_element(By.TAG_NAME, "body").send_keys(keys)

    browser.get(server.url)
    wait(lambda: name() == "ZTFJ0000")
    assert server.token not in browser.current_url
    on = [button.text for button in browser.find_elements(By.CSS_SELECTOR, "#labels .on")]
    assert len(on) == 1 and "e" in on[0] and "0.95" in on[0]
    press("a")
    wait(lambda: name() == EVIL)
    assert browser.title == EVIL and not browser.find_elements(By.CSS_SELECTOR, "h1 img")
    browser.save_screenshot(str(tmp_path / "vet.png"))
    press("r")
    wait(lambda: name() == "ZTFJ0002")
    press("1")
    press("a")
    wait(lambda: name() == "ZTFJ0003")
    press("k")
    wait(lambda: name() == "ZTFJ0002")
    assert browser.find_element(By.ID, "state").text == "relabel"
    width = "return document.getElementById('folded').naturalWidth"
    wait(lambda: browser.execute_script(width) > 100)
    assert browser.find_element(By.ID, "period").text == "period"
    press("d")
    wait(lambda: browser.find_element(By.ID, "period").text == "2 × period")
    made = {n: one["action"] for n, one in server.decisions.made.items()}
    assert made == {0: "accept", 1: "reject", 2: "relabel"}
    assert [(row["rrlyr"], row["e"]) for row in result(server)] == [("0", "1"), ("1", "1")]
    browser.find_element(By.ID, "finish").click()
    wait(server.finished.is_set)
