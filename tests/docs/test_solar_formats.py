"""The tables on the page about file formats contain the columns of the files and databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from astrodome.testing import run
from sunpy.data.test import get_test_filepath

from docs import solar_services

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats" / "solar.md"
GOES_README = Path(__file__).parents[2] / "plugins" / "goes" / "README.md"
PLUGINS = tuple(f"astrodome_{name}.plugin" for name in ("goes", "hek_events", "sdo_data", "sood"))
SMALL = ("--target-size=32", "--z-dim=4", "--fmap-sizes=4,8", "--epochs=1")
FILES = {
    "meta.csv": "aia/meta.csv",
    "manifest.parquet": "aia/manifest.parquet",
    "parameters/{image}.parquet": "aia/parameters/*.parquet",
    "year=…/month=…/xrs.parquet": "goes/year=*/month=*/xrs.parquet",
    "goes_cache/{year}/{month}/goes_ts.csv": "goes/goes_cache/*/*/goes_ts.csv",
    "iou.parquet": "analytics/*/iou.parquet",
    "events.parquet": "analytics/*/events.parquet",
    "types.parquet": "analytics/*/types.parquet",
    "metrics.csv": "ae/metrics.csv",
    "predictions.txt": "scores/predictions.txt",
    "predictions.parquet": "scores/predictions.parquet",
    "maps.parquet": "maps/maps.parquet",
    "reconstruction_loss.csv": "reconstructed/reconstruction_loss.csv",
    "evaluation.parquet": "evaluation/evaluation.parquet",
}
"""The file that the commands in the fixture write, for each heading of the page."""


def tables() -> dict[str, dict[str, str]]:
    """Return the columns and types in the table below each heading."""
    text = PAGE.read_text("utf-8")
    parts = re.findall(r"^### (.*?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    rows = r"^\| `(\w+)` \| ([^|]+?) \|"
    return {name: dict(re.findall(rows, part, re.MULTILINE)) for name, part in parts}


def sdo(*args: object) -> None:
    run("sdo", *args, plugin=PLUGINS).succeeded()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder in which the commands have written one file of each format."""
    made = tmp_path_factory.mktemp("formats")
    patch = pytest.MonkeyPatch()
    with solar_services.environment() as environment, patch.context() as context:
        context.chdir(made)
        for name, value in environment.items():
            context.setenv(name, value)
        context.setenv("DB_CONNECTION_STRING", "sqlite:///events.sqlite")
        write_data()
        write_results()
        yield made


def write_data() -> None:
    hour = ("--start=2011-06-07T06:00", "--end=2011-06-07T07:00", "--freq=12min", "--size=256")
    sdo("goes", "import", get_test_filepath("go1520110607.fits"), "--store=goes", "--csv")
    sdo("data", "download", "--path=aia", *hour, "--metadata", "--parameters")
    sdo("events", "get", "--start=2011-06-07", "--end=2011-06-07", "--event-type=all")
    sdo("data", "patch", "--path=aia", "--targetpath=patches", "--size=64", "--max-patches=10")


def write_results() -> None:
    data, rate = "--data-dir=patches", "--false-alarm-rate=0.01"
    pixels = ("--pred-dir=maps", "--predict-mode=pixel", rate)
    sdo("sood", "ae", "train", data, "--log-dir=ae", *SMALL)
    sdo("sood", "ae", "predict", "--load-path=ae", "--data-dir=aia", *pixels)
    sdo("sood", "ae", "reconstruct", "--load-path=ae", data, "--pred-dir=reconstructed")
    sdo("sood", "statistics", "train", data, "--log-dir=statistics", "--target-size=32")
    sdo("sood", "statistics", "predict", "--load-path=statistics", data, "--pred-dir=scores", rate)
    sdo("sood", "evaluate", "ae", data, "--bootstrap=10", "--kinds=brighten")
    found = ("--event-type=AR", "--observatory=any", "--instrument=any", "--any-channel")
    sdo("events", "analyze", "--src-dir=aia", "--sood-dir=maps", "--out-dir=analytics", *found)


def schema(path: Path) -> pa.Schema:
    """Return the schema of a Parquet file, or of the table in a CSV file."""
    if path.suffix == ".parquet":
        return pq.read_schema(path)
    return pa.Schema.from_pandas(pd.read_csv(path), preserve_index=False)


def columns(path: Path) -> dict[str, str]:
    return {field.name: str(field.type).removeprefix("large_") for field in schema(path)}


@pytest.mark.parametrize("name", FILES)
def test_the_table_contains_the_columns_of_the_file(name: str, folder: Path) -> None:
    on_page = tables()[name]
    path = next(folder.glob(FILES[name]))
    found = columns(path)
    assert list(on_page) == list(found)
    for column, kind in found.items():
        # A column without values has no type, and an integer column with a gap is read as floats.
        if kind != "null" and (path.suffix == ".parquet" or kind == "string"):
            assert on_page[column] == kind, column


def test_the_metadata_table_in_parquet_has_the_columns_of_the_csv_file(folder: Path) -> None:
    found = {
        f.name: str(f.type).removeprefix("large_") for f in schema(folder / "aia/meta.parquet")
    }
    assert found == tables()["meta.csv"]


def test_the_scores_of_an_evaluation_have_one_more_column_for_each_model(folder: Path) -> None:
    found = {
        f.name: str(f.type).removeprefix("large_")
        for f in schema(folder / "evaluation/scores.parquet")
    }
    assert found == {**tables()["scores.parquet"], "ae": "double"}


@pytest.mark.parametrize("page", [PAGE, GOES_README], ids=["formats", "goes"])
def test_the_python_code_reads_a_store_with_csv_files(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(folder.glob("goes/goes_cache/*/*/goes_ts.csv"))
    parts = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = [part for part in parts if "pd.read_parquet" in part]
    monkeypatch.chdir(folder)
    found: dict[str, Any] = {}
    exec(code, found)
    flux = found["flux"]
    names = list(tables()["year=…/month=…/xrs.parquet"])
    assert list(flux) == [*names, "year", "month"]
    assert len(flux) > 40_000
    assert flux["xrsb_quality"].isna().any()
    assert flux["xrsb_quality"].dtype == "float64"
    if "table" in found:
        assert found["table"].num_rows == len(flux)


@pytest.mark.parametrize("table", ["hek_records", "hek_windows"])
def test_the_table_contains_the_columns_of_the_database(table: str, folder: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{folder / 'events.sqlite'}")
    known = sa.inspect(engine).get_columns(table)
    found = {one["name"]: str(one["type"]).lower() for one in known}
    engine.dispose()
    assert list(tables()[f"Table {table}"].items()) == list(found.items())


def test_every_table_of_the_page_is_compared() -> None:
    others = {"scores.parquet", "Table hek_records", "Table hek_windows"}
    assert set(tables()) == set(FILES) | others


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("parquet")])
def test_parquet_files_contain_their_provenance(name: str, folder: Path) -> None:
    assert b"astrodome" in schema(next(folder.glob(FILES[name]))).metadata


def test_the_files_of_a_run_are_on_the_page(folder: Path) -> None:
    text = PAGE.read_text("utf-8")
    names = [path.name for path in (folder / "ae").iterdir() if not path.name.startswith(".")]
    assert len(names) > 5
    assert [name for name in names if f"| `{name}` |" not in text] == []
