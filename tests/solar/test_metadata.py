"""The metadata table of a folder of images."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_solar import metadata, read_metadata

NAME = "2012-03-07T000208__94.jpeg"
ROW = {
    "QUALITY": 4096,
    "DSUN": 1.4838e11,
    "X0": 2048.5,
    "R_SUN": 1614.5,
    "Y0": 2047.5,
    "CDELT": 0.6,
    "FILE_NAME": NAME,
}
LONG = b"x" * (csv.field_size_limit() + 1)


def test_a_row_is_read_as_numbers(tmp_path: Path) -> None:
    metadata.add_rows(tmp_path, [ROW, {"FILE_NAME": "b.jpeg", "NOTE": "by hand"}])
    for place in (tmp_path, str(tmp_path / "meta.csv")):
        table = read_metadata(place)
        assert table.index.name == "FILE_NAME" and list(table.index) == [NAME, "b.jpeg"]
        assert table.loc[NAME].drop("NOTE").to_dict() == {
            key: value for key, value in ROW.items() if key != "FILE_NAME"
        }
        assert str(table.dtypes["QUALITY"]) == "Int64" and table["NOTE"].tolist() == ["", "by hand"]
        assert table.loc["b.jpeg"].drop("NOTE").isna().all()


def test_rows_replace_those_with_the_same_name_and_keep_the_others(tmp_path: Path) -> None:
    metadata.add_rows(tmp_path, [ROW, ROW | {"FILE_NAME": "b.jpeg"}])
    metadata.add_rows(tmp_path, [ROW | {"X0": 1}])
    rows = metadata.read_rows(tmp_path)
    assert [row["X0"] for row in rows.values()] == ["1", "2048.5"]


def test_a_row_is_found_by_name_or_stem_here_above_or_in_another_table(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    metadata.add_rows(tmp_path, [ROW])
    for path in (tmp_path / NAME, folder / NAME, (folder / NAME).with_suffix(".png")):
        assert metadata.find_row(path)["X0"] == "2048.5"
    metadata.add_rows(folder, [{"FILE_NAME": "other.jpeg"}])
    assert metadata.find_row(folder / NAME)["X0"] == "2048.5"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    metadata.add_rows(elsewhere, [ROW | {"X0": 7}])
    assert metadata.find_row(folder / NAME, elsewhere / "meta.csv")["X0"] == "7"


def test_a_changed_table_is_read_again(tmp_path: Path) -> None:
    metadata.add_rows(tmp_path, [ROW])
    assert metadata.find_row(tmp_path / NAME)["X0"] == "2048.5"
    metadata.add_rows(tmp_path, [ROW | {"X0": 7}])
    assert metadata.find_row(tmp_path / NAME)["X0"] == "7"


def test_a_missing_row_table_or_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match=r"meta\.csv not found in its folder"):
        metadata.find_row(tmp_path / NAME)
    metadata.add_rows(tmp_path, [{"FILE_NAME": "other.jpeg"}])
    with pytest.raises(AstrodomeError, match=f"{NAME} has no row in {tmp_path}"):
        metadata.find_row(tmp_path / NAME)
    with pytest.raises(AstrodomeError, match="Metadata table not found") as failed:
        metadata.find_row(tmp_path / NAME, tmp_path / "no.csv")
    assert failed.value.exit_code == 2
    with pytest.raises(AstrodomeError, match="Metadata table not found"):
        read_metadata(tmp_path / "no")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "has no column FILE_NAME"),
        (b"FILE_NAME,X0\nx.jpeg,1,2\n", "line 2: the row does not match the columns"),
        (b"FILE_NAME,X0\n,1\n", "line 2: the row does not match the columns"),
        (b"FILE_NAME\n\xff\n", "is not encoded in UTF-8"),
        pytest.param(b"FILE_NAME\n" + LONG, "line 2: field larger than field limit", id="row"),
        pytest.param(LONG + b"\nx\n", "line 1: field larger than field limit", id="header"),
    ],
)
def test_a_malformed_table_is_an_error(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "meta.csv").write_bytes(content)
    for read in (read_metadata, metadata.read_rows, lambda folder: metadata.find_row(folder / "x")):
        with pytest.raises(AstrodomeError, match=reason):
            read(tmp_path)


def test_a_table_of_numbers_is_written_as_csv_and_parquet(tmp_path: Path) -> None:
    row = dict(zip(metadata.COLUMNS, [0, 1.5e11, 2048.0, None, 2047.25, 0.6, NAME], strict=True))
    metadata.add_rows(tmp_path, [row], parquet=True)
    text = (tmp_path / "meta.csv").read_text()
    assert text.splitlines()[1] == f"0,150000000000,2048,,2047.25,0.6,{NAME}"
    parquet = pd.read_parquet(tmp_path / "meta.parquet")
    assert parquet["Y0"].tolist() == [2047.25] and parquet["R_SUN"].isna().all()
    before = (tmp_path / "meta.csv").stat().st_mtime_ns
    metadata.add_rows(tmp_path, [row], parquet=True)
    assert (tmp_path / "meta.csv").stat().st_mtime_ns == before
