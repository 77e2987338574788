"""Light curves in files: layouts, order, and errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astrodome import AstrodomeError, InvalidInputError
from astrodome.errors import InputWarning
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues import epochs
from astrodome_ztf_scope.features.extraction import partitioning

LISTS = ["hjd", "mag", "magerr", "catflags"]


def table(sources: int = 5, points: int = 7, seed: int = 1) -> pd.DataFrame:
    """One row per epoch, in random order, with two filters for each source."""
    random = np.random.default_rng(seed)
    count = sources * 2 * points
    rows = pd.DataFrame(
        {
            "_id": 10_487_402_158_260 + np.repeat(np.arange(sources), 2 * points),
            "filter": np.tile(np.repeat([1, 2], points), sources),
            "ra": 250 + random.random(count),
            "dec": random.uniform(-20, 20, count),
            "field": 487,
            "ccd": 2,
            "quad": 3,
            "hjd": 2_458_000 + random.uniform(0, 100, count),
            "mag": random.uniform(14, 20, count),
            "magerr": random.uniform(0.01, 0.1, count),
            "catflags": random.choice([0, 32768], count),
        }
    )
    return rows.sample(frac=1, random_state=seed, ignore_index=True)


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """The same light curves, grouped with pandas."""
    ordered = frame.sort_values(["_id", "filter", "hjd"])
    return ordered.groupby(["_id", "filter"])[LISTS].agg(list).reset_index()


def read(*paths: Path) -> pa.Table:
    return epochs.group(pa.concat_tables([t for path in paths for t in epochs.read(path)]))


def same(found: pa.Table, expected: pd.DataFrame) -> None:
    frame = found.to_pandas()
    assert frame["_id"].tolist() == expected["_id"].tolist()
    assert frame["filter"].tolist() == expected["filter"].tolist()
    for name in LISTS:
        for one, other in zip(frame[name], expected[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-15)


def renamed(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of the public data releases."""
    frame = frame.assign(hmjd=frame["hjd"] - 2400000.5, rcid=4 * (2 - 1) + 3 - 1)
    frame = frame.drop(columns=["hjd", "ccd", "quad"])
    names = {"_id": "objectid", "filter": "filterid", "field": "fieldid", "ra": "objra"}
    return frame.rename(columns={**names, "dec": "objdec"})


def lists_of(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per light curve, with lists of epochs."""
    keys = [name for name in ("objectid", "filterid") if name in frame]
    single = dict.fromkeys(("fieldid", "rcid", "objra", "objdec"), "first")
    return frame.groupby(keys).agg(
        {**single, **dict.fromkeys(("hmjd", "mag", "magerr", "catflags"), list)}
    ).reset_index()  # fmt: skip


@pytest.mark.parametrize("layout", ["parquet", "csv", "tsv", "public", "lists", "nested", "words"])
def test_all_layouts_give_the_same_light_curves(layout: str, tmp_path: Path) -> None:
    frame, path = table(), tmp_path / "light_curves.parquet"
    expected = grouped(frame)
    if layout == "parquet":
        frame.to_parquet(path, row_group_size=9)
    elif layout in ("csv", "tsv"):
        path = path.with_suffix(f".{layout}")
        frame.to_csv(path, index=False, sep=",\t"[layout == "tsv"])
    elif layout == "words":
        frame.assign(filter=frame["filter"].map({1: "zg", 2: "zr"})).to_parquet(path)
    elif layout == "public":
        renamed(frame).to_parquet(path)
    else:
        lists = lists_of(renamed(frame))
        if layout == "nested":
            names = ["hmjd", "mag", "magerr", "catflags"]
            cells = pa.StructArray.from_arrays([pa.array(lists[name]) for name in names], names)
            found = pa.Table.from_pandas(lists.drop(columns=names), preserve_index=False)
            pq.write_table(found.append_column("lightcurve", cells), path)
        else:
            lists.to_parquet(path)
    found = read(path)
    same(found, expected)
    for name, value in (("field", 487), ("ccd", 2), ("quad", 3)):
        assert found[name].to_pylist() == [value] * 10


def test_a_light_curve_without_epochs_is_not_lost(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "objectid": [3, 1, 2],
            "hmjd": [[], [58000.5], None],
            "mag": [[], [15.0], None],
            "magerr": [[], [0.1], None],
        }
    )
    frame.to_parquet(tmp_path / "few.parquet")
    found = read(tmp_path / "few.parquet")
    assert found["_id"].to_pylist() == [1, 2, 3]
    assert found["mag"].to_pylist() == [[15.0], [None], [None]]


@pytest.mark.parametrize("text", [False, True])
def test_many_epochs_are_sorted_in_buckets(
    text: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result of several buckets is the same as that of one, also for identifiers as text."""
    monkeypatch.setattr(partitioning, "STRIDE", 7)
    frame = table(40, 9)
    if text:
        frame["_id"] = "x" + frame["_id"].astype(str)
    paths = (tmp_path / "a.parquet", tmp_path / "b.csv")
    frame[:300].to_parquet(paths[0], row_group_size=50)
    frame[300:].to_csv(paths[1], index=False)
    tables = []
    for name, bucket in (("one", 10_000), ("many", 100)):
        monkeypatch.setattr(partitioning, "BUCKET", bucket)
        folder = tmp_path / name
        folder.mkdir()
        summary = partitioning.partition(paths, folder, 4)
        assert sum(summary.light_curves) == 80 and summary.flagged
        assert (len(summary.light_curves) > 5) == (name == "many")
        assert not list(folder.glob("*.arrow"))
        groups = sum(-(-count // 4) for count in summary.light_curves)
        found = [partitioning.read_chunk(folder, summary, n, 4) for n in range(groups)]
        tables.append(pa.concat_tables(found))
    assert tables[0].equals(tables[1])
    same(tables[0], grouped(frame))


def test_the_mean_position_is_correct_at_ra_0_and_at_the_pole() -> None:
    def mean(ra: list[float], dec: list[float]) -> tuple[float, float]:
        n = len(ra)
        columns = {"_id": [1] * n, "hjd": np.arange(n), "mag": [15.0] * n, "magerr": [0.1] * n}
        found = epochs.group(
            epochs.normalize(pa.table({**columns, "ra": ra, "dec": dec}), "the table")
        )
        return found["ra"][0].as_py(), found["dec"][0].as_py()

    assert mean([359.9999, 0.0001], [5.0, 5.0]) == pytest.approx((0, 5), abs=1e-8)
    assert mean([10.0, 190.0, 100.0, 280.0], [89.9] * 4)[1] == pytest.approx(90, abs=1e-6)
    assert mean([12.3456789, 12.3456789], [-1.0, -1.0]) == (12.3456789, -1.0)
    assert mean([np.nan, 12.0], [np.nan, -1.0]) == pytest.approx((12, -1))
    assert np.isnan(mean([np.nan], [np.nan])).all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"mag": None}, "has no column mag or magnitude"),
        ({"magerr": None}, "has no column magerr"),
        ({"hjd": None}, "has no column hjd or hmjd"),
        ({"_id": None}, "has no column _id or ztf_id or objectid"),
        ({"mag": "bright"}, "invalid value in column 'mag'"),
        ({"filter": "zu"}, "invalid filter 'zu': expected 1, 2 or 3"),
        ({"_id": 1e19 / 3}, "lost"),
    ],
)
def test_an_invalid_file_is_one_short_error(
    columns: dict[str, object], words: str, tmp_path: Path
) -> None:
    frame = table()
    for name, value in columns.items():
        frame = frame.drop(columns=name) if value is None else frame.assign(**{name: value})
    path = tmp_path / "wrong.parquet"
    frame.to_parquet(path)
    with pytest.raises(AstrodomeError) as error:
        read(path)
    assert words in error.value.message and "wrong.parquet" in error.value.message


def test_lists_of_different_lengths_are_an_error(tmp_path: Path) -> None:
    lists = {"objectid": [1], "hmjd": [[1.0, 2.0]], "mag": [[15.0]], "magerr": [[0.1]]}
    pd.DataFrame(lists).to_parquet(tmp_path / "wrong.parquet")
    with pytest.raises(AstrodomeError, match=r"different lengths \(2 and 1\)"):
        read(tmp_path / "wrong.parquet")


def test_folders_are_searched_and_must_contain_tables(tmp_path: Path) -> None:
    inside = tmp_path / "field" / "ccd"
    inside.mkdir(parents=True)
    for name in ("b.parquet", "a.csv"):
        (inside / name).touch()
    (inside / "notes.txt").touch()
    assert [path.name for path in epochs.light_curve_files([tmp_path])] == ["a.csv", "b.parquet"]
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "absent.parquet"):
        with pytest.raises(AstrodomeError, match="not found"):
            epochs.light_curve_files([path])


@pytest.mark.parametrize("lists", [False, True])
def test_times_that_are_rounded_to_hours_are_an_error_and_to_minutes_a_warning(
    lists: bool, tmp_path: Path, scope: Callable[..., Result]
) -> None:
    frame = grouped(table()) if lists else table()
    path = tmp_path / "rounded.parquet"

    def write(name: str, zero: float) -> None:
        def rounded(times: object) -> object:
            return np.asarray(times - np.float64(zero), np.float32)  # type: ignore[operator]

        times = [rounded(np.array(t)) for t in frame["hjd"]] if lists else rounded(frame["hjd"])
        frame.drop(columns="hjd").assign(**{name: times}).to_parquet(path)

    write("hjd", 0)
    with pytest.raises(InvalidInputError, match=r"'hjd' have the type float32.* of 0\.25 d"):
        read(path)
    write("hmjd", 2_400_000.5)
    with pytest.warns(InputWarning, match=r"'hmjd' have the type float32.* of 0\.0039 d") as found:
        read(path)
    assert len(found) == 1
    line = ("features", "--file", path, "--algorithms=LS", "--max-freq=1", "--min-points=3")
    shown = scope(*line, "--out", tmp_path / "features.parquet")
    assert "Warning: " in shown.err and "of 0.0039 d. Periods of less than" in shown.err
    write("hjd", 2_458_000)  # Relative to a recent date, float32 is accurate.
    read(path)
