"""The pages for variable stars: tutorials, Slurm scripts and file formats.

The tutorials are run, also against a fake Fritz server. The tables of the file formats are compared
with the files that the tutorials write.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astrodome.testing import run
from astrodome_ztf_scope.catalogues import column_layouts, light_curves
from astrodome_ztf_scope.config import taxonomy_maps
from astrodome_ztf_scope.features import statistics
from astrodome_ztf_scope.features.damped_random_walk import drw_features
from astrodome_ztf_scope.features.extraction import results
from astrodome_ztf_scope.features.extraction.crossmatch import SURVEYS
from astrodome_ztf_scope.features.flares import flare_features
from docs.transcripts import replay
from filelock import FileLock
from services.fritz import Fritz

pytestmark = pytest.mark.timeout(900)  # The first test that needs the tutorials runs both.
DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = ("photometry-to-classes", "vet-and-upload")
TOKEN = "0f3c9b1e-token-that-nobody-may-see"
TYPES = {"int64", "float64", "float32", "string", "bool"}
"""Types on the page that are compared with the files."""


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which both tutorials were run, which all test processes share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ztf_tutorials"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            for name in TUTORIALS:
                replay(DOCS / "tutorials" / f"{name}.md", folder)
            (folder / "done").touch()
    return folder


@pytest.fixture
def fritz() -> Iterator[tuple[Fritz, dict[str, str]]]:
    """Start a fake Fritz with the taxonomies in the map ``tags``; yield it with its settings."""
    classes: dict[int, list[str]] = {}
    for found in taxonomy_maps.read("tags").values():
        if found:
            classes.setdefault(found.taxonomy_id, []).append(found.name)
    fake = Fritz(token=TOKEN, taxonomies=classes)
    with fake.server() as server:
        yield fake, {"ASTRODOME_FRITZ_URL": server.url, "ASTRODOME_FRITZ_TOKEN": TOKEN}


def test_the_tutorials_run(tutorial: Path) -> None:
    page = (tutorial / "results" / "sources.html").read_text("utf-8")
    assert page.count("<img") >= 20
    assert len((tutorial / "vetted.csv").read_text("utf-8").splitlines()) > 10


def test_the_commands_for_fritz_run(
    tutorial: Path, fritz: tuple[Fritz, dict[str, str]], tmp_path: Path
) -> None:
    fake, env = fritz
    text = (DOCS / "tutorials" / "vet-and-upload.md").read_text("utf-8")
    _, marker, rest = text.partition("<!-- fritz: upload -->\n```console\n")
    code, end, _ = rest.partition("```")
    assert marker and end
    lines = code.splitlines()
    shown = [f"{one}\n…" if not one.endswith("\\") else one for one in lines]
    page = tmp_path / "fritz.md"
    page.write_text("<!-- run: fritz -->\n```console\n" + "\n".join(shown) + "\n```\n", "utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "vetted.csv").write_bytes((tutorial / "vetted.csv").read_bytes())
    (folder / "survey").symlink_to(tutorial / "survey")
    replay(page, folder, env)
    sources = len((folder / "vetted.csv").read_text("utf-8").splitlines()) - 1
    assert fake.count("sources") == sources
    assert fake.count("classifications") >= 2 * sources
    assert fake.count("photometry") > 100 * sources
    origins = {row["origin"] for row in fake.rows("SELECT DISTINCT origin FROM annotations")}
    assert origins == {"uploadedperiod", "revisedperiod"}
    data = fake.rows("SELECT data FROM annotations WHERE origin = 'revisedperiod'")
    assert all(json.loads(row["data"])["period"] > 0 for row in data)


def test_the_slurm_scripts_run(tmp_path: Path) -> None:
    replay(DOCS / "how-to" / "slurm.md", tmp_path)
    assert (tmp_path / "features.parquet").stat().st_size > 0
    assert (tmp_path / "all.parquet").stat().st_size > 0
    assert list((tmp_path / "models" / "experiment" / "xgb" / "vnv").glob("1/model.ubj"))


def tables(marker: str) -> dict[str, str]:
    """Return the names in the first column of the tables with a marker, and their types."""
    text = (DOCS / "reference" / "formats" / "ztf.md").read_text("utf-8")
    found: dict[str, str] = {}
    for table in re.findall(rf"<!-- {marker} -->\n((?:\|.*\n)+)", text):
        header, _, *rows = (re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines())
        kind = next((n for n, cell in enumerate(header) if cell.strip() == "type"), None)
        for row in rows:
            names = re.findall(r"`([^`]+)`", row[0])
            found |= dict.fromkeys(names, row[kind].strip() if kind else "")
    assert found, marker
    return found


def written(path: Path) -> dict[str, str]:
    """Return the columns of a Parquet file, with the names of the types on the page."""
    names = {"double": "float64", "float": "float32", "large_string": "string"}
    return {
        field.name: names.get(str(field.type), str(field.type)) for field in pq.read_schema(path)
    }


def generic(columns: dict[str, str]) -> dict[str, str]:
    """Replace the names of score columns by patterns."""
    tags = re.compile(r"(?:ew|mir|rrab|rrc|vnv)_xgb")
    return {
        tags.sub("<tag>_<algorithm>", n).replace("nonvar_xgb", "nonvar_<algorithm>"): kind
        for n, kind in columns.items()
    }


def agree(documented: dict[str, str], actual: dict[str, str]) -> None:
    """Check that both contain the same columns, with the same types where the page has one."""
    assert set(documented) == set(actual)
    known = {name: kind for name, kind in documented.items() if kind in TYPES}
    assert {name: actual[name] for name in known} == known


def test_the_columns_of_features_are_documented(tutorial: Path) -> None:
    documented, actual = tables("columns: features"), written(tutorial / "features.parquet")
    periodic = {name for name in documented if name.startswith("f1_")}
    periodic |= {"period", "significance", "pdot"}
    suffixes = ("_ELS_ECE_EAOV", "_LS", "_CE", "_AOV")
    expected = {f"{name}{suffix}" for name in periodic for suffix in suffixes}
    assert {n for n in actual if n not in documented} == expected
    assert set(documented) <= set(actual)
    for name, kind in documented.items():
        assert kind not in TYPES or actual[name] == kind, name
    assert actual["dmdt"].startswith("list")
    assert set(statistics.NAMES) <= set(documented)


def test_the_columns_of_optional_features_are_documented() -> None:
    time = np.linspace(0, 300, 100)
    optional = set(flare_features(time, 15 + 0 * time, 0.1 + 0 * time))
    optional |= set(drw_features(time, 15 + 0 * time, 0.1 + 0 * time))
    optional |= {"n_ztf_alerts", "mean_ztf_alert_braai"}
    for survey in SURVEYS.values():
        optional |= {f"{survey.prefix}__{name}" for name in (*survey.numbers, *survey.texts)}
    assert set(tables("columns: optional")) == optional


@pytest.mark.parametrize(
    ("marker", "file"),
    [
        ("split", "models/experiment/xgb/ew/42/split.parquet"),
        ("scores", "results/scores.parquet"),
        ("sample", "results/sample.parquet"),
        ("sample", "sample/sample.parquet"),
        ("assigned", "results/light_curves.parquet"),
    ],
)
def test_the_columns_of_tables_are_documented(tutorial: Path, marker: str, file: str) -> None:
    agree(tables(f"columns: {marker}"), generic(written(tutorial / file)))


def test_the_sources_have_the_columns_of_the_sample(tutorial: Path) -> None:
    columns = tables("columns: sample")
    del columns["selected_for"]
    agree(columns, generic(written(tutorial / "results" / "sources.parquet")))


def test_the_columns_of_refined_periods_are_documented(tutorial: Path, tmp_path: Path) -> None:
    data, refined = tutorial / "results", tmp_path / "refined.parquet"
    options = ("--features", data / "features.parquet", "--classes", data / "scores.parquet")
    curves = tutorial / "survey" / "light_curves.parquet"
    run(
        *("scope", "refine-periods", *options, "--file", curves, "--output", refined),
        plugin="astrodome_ztf_scope.plugin",
    ).succeeded()
    columns = written(refined)
    identity = {"_id", "ra", "dec", "field", "ccd", "quad", "filter"}
    identity |= {"class", "class_score", "period"}
    agree(tables("columns: refined"), {n: k for n, k in columns.items() if n not in identity})
    assert identity <= set(columns)


def test_the_other_files_are_documented(tutorial: Path) -> None:
    folder = tutorial / "models" / "experiment" / "xgb" / "ew" / "42"
    listed = {name.rstrip("/") for name in tables("files: run")}
    assert {path.name for path in folder.iterdir()} <= listed
    header = (tutorial / "vetted.csv").read_text("utf-8").splitlines()[0].split(",")
    tags = {"ew", "mir", "rrab", "rrc", "vnv", "nonvar"}
    assert {"<tag>" if name in tags else name for name in header} == set(tables("columns: vetted"))
    downloaded = (tutorial / "vetted_fritzDownload.csv").read_text("utf-8").splitlines()[0]
    added = [name for name in downloaded.split(",") if name not in header]
    added += ["period"]
    assert set(added) == {*tables("columns: downloaded"), "period_input"}
    undo = json.loads((tutorial / "before.json").read_text("utf-8"))["annotations"][0]
    assert set(undo) == set(tables("keys: undo"))
    assert set(results.PROBLEM_COLUMNS) == set(tables("columns: skipped"))


def test_the_databases_are_documented(tutorial: Path) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    with closing(sqlite3.connect(tutorial / "marshal.db")) as marshal:
        assert {row[0] for row in marshal.execute(query)} == set(tables("tables: marshal"))
    (path,) = (tutorial / ".home" / "scope" / "journal").glob("*.db")
    with closing(sqlite3.connect(path)) as journal:
        columns = [row[1] for row in journal.execute("PRAGMA table_info(calls)")]
    assert columns and set(columns) == set(tables("columns: journal"))


def test_the_columns_of_light_curves_are_documented() -> None:
    text = (DOCS / "reference" / "formats" / "ztf.md").read_text("utf-8")
    names = set(tables("columns: light_curves"))
    assert names == {"_id", *light_curves.COLUMNS[1:], "field", "ccd", "quad"}
    others = {name for found in light_curves.ALIASES.values() for name in found} - {"_id"}
    others |= {name for key in ("field", "ccd", "quad") for name in column_layouts.NAMES[key]}
    assert [name for name in sorted(others) if f"`{name}`" not in text] == []
