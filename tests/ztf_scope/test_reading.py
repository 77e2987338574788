"""Data sets in all SCoPe formats contain the same rows, and damaged files cause errors."""

from __future__ import annotations

import contextlib
import gzip
import json
import pickle
import pickletools
import re
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astrodome_ztf_scope.tables import csv_format, datasets, safe_pickle, table_io
from selection import need

ENDINGS = (".csv", ".parquet", ".h5")
Files = Callable[..., Path]

pytestmark = [  # of the library that writes these files
    pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning"),
    pytest.mark.filterwarnings("ignore:.*track_times"),
]


@pytest.fixture(params=ENDINGS)
def file(request: pytest.FixtureRequest, dataset: Files) -> Path:
    if request.param == ".h5":
        need("tables")
    return dataset(request.param, 300)


@pytest.fixture
def small() -> pd.DataFrame:
    images = np.arange(3 * 676, dtype=float).reshape(3, 26, 26)
    return pd.DataFrame({"ad": [1.0, 2.0, 3.0], "dmdt": images.tolist()})


def as_csv(table: pd.DataFrame, path: Path) -> Path:
    cells = [c if isinstance(c, str) else json.dumps(c) for c in table["dmdt"]]
    table.assign(dmdt=cells).to_csv(path, index=False)
    return path


def test_every_format_gives_the_same_rows_and_images(file: Path, sky: Callable) -> None:
    expected = sky(300)
    frame = datasets.read_dataset(file)
    assert len(frame) == 300
    assert set(frame.table) == set(expected.table)
    pd.testing.assert_frame_equal(
        frame.table[list(expected.table)], expected.table, check_dtype=False, rtol=1e-12
    )
    np.testing.assert_allclose(frame.dmdt, expected.dmdt, atol=1e-6)


def test_batches_of_any_size_contain_the_file_in_order(file: Path) -> None:
    columns = ["obj_id", "ad", "dmdt", "Gaia_EDR3__parallax"]
    whole = datasets.read_dataset(file, columns)
    assert list(whole.table) == ["obj_id", "ad", "Gaia_EDR3__parallax"]
    for rows in (7, 100, 1000):
        parts = list(datasets.read_batches(file, columns, rows))
        assert all(0 < len(part) <= rows for part in parts)
        pd.testing.assert_frame_equal(pd.concat([p.table for p in parts]), whole.table)
        np.testing.assert_array_equal(np.concatenate([p.dmdt for p in parts]), whole.dmdt)


def test_batches_can_start_in_the_middle_and_rows_keep_their_numbers(file: Path) -> None:
    whole = datasets.read_dataset(file, ["ad"]).table
    parts = [part.table for part in datasets.read_batches(file, ["ad"], 40, start=210)]
    assert all(0 < len(part) <= 40 for part in parts)
    pd.testing.assert_frame_equal(pd.concat(parts), whole[210:])


def test_blocks_of_a_csv_give_the_same_result(
    dataset: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = datasets.read_dataset(dataset(".csv", 300))
    monkeypatch.setattr(csv_format, "BLOCK", 300_000)
    again = datasets.read_dataset(dataset(".csv", 300))
    pd.testing.assert_frame_equal(again.table, whole.table)
    np.testing.assert_array_equal(again.dmdt, whole.dmdt)


def test_parquet_with_many_row_groups_can_start_anywhere(dataset: Files, tmp_path: Path) -> None:
    table = pd.DataFrame({"ad": np.arange(100.0)})
    table.to_parquet(tmp_path / "a.parquet", row_group_size=7)
    for start in (0, 7, 50, 99):
        parts = list(datasets.read_batches(tmp_path / "a.parquet", ["ad"], 20, start))
        assert np.concatenate([part.table["ad"] for part in parts]).tolist() == list(
            range(start, 100)
        )


def test_a_compressed_csv_is_read(dataset: Files, tmp_path: Path) -> None:
    with dataset(".csv", 300).open("rb") as plain, gzip.open(tmp_path / "a.csv.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    found = datasets.read_dataset(tmp_path / "a.csv.gz")
    np.testing.assert_array_equal(found.dmdt, datasets.read_dataset(dataset(".csv", 300)).dmdt)


@pytest.mark.parametrize("missing", ["", "nan", "None"])
def test_a_cell_without_an_array_becomes_zeros(
    small: pd.DataFrame, tmp_path: Path, missing: str
) -> None:
    small.loc[1, "dmdt"] = missing
    images = datasets.read_dataset(as_csv(small, tmp_path / "a.csv")).dmdt
    assert not images[1].any()
    assert images[2, 0, 0] == 2 * 676
    small.loc[1, "dmdt"] = None
    small.to_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(datasets.read_dataset(tmp_path / "a.parquet").dmdt, images)


def test_an_image_divided_by_its_own_zero_norm_becomes_zeros(
    small: pd.DataFrame, tmp_path: Path
) -> None:
    small.at[1, "dmdt"] = np.full((26, 26), np.nan).tolist()
    assert not datasets.read_dataset(as_csv(small, tmp_path / "a.csv")).dmdt[1].any()
    small.to_parquet(tmp_path / "a.parquet")
    assert not datasets.read_dataset(tmp_path / "a.parquet").dmdt[1].any()


def test_long_ids_keep_all_their_digits_beside_missing_ones(tmp_path: Path) -> None:
    gaia = pd.array([1360405469217254400, None, 1360405469217254401], dtype="Int64")
    pd.DataFrame({"Gaia_EDR3___id": gaia}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"Gaia_EDR3___id": gaia}).to_parquet(tmp_path / "a.parquet")
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        assert datasets.read_dataset(path).table["Gaia_EDR3___id"].tolist() == gaia.tolist()


def test_both_layouts_of_pandas_hdf5_are_read_with_their_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"obj_id": ["ZTFJ1", "ZTFJ22"], "ad": [1.0, 2.0], "n": [3, 4]})
    for kind in ("table", "fixed"):
        table.to_hdf(tmp_path / f"{kind}.h5", key="df", format=kind)
        found = datasets.read_dataset(tmp_path / f"{kind}.h5").table
        pd.testing.assert_frame_equal(found, table, check_dtype=False)


def test_images_of_arrays_and_plain_images_in_hdf5_are_read_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"ad": [1.0, 2.0]})
    images = np.random.default_rng(1).random((2, 26, 26))
    nested = [np.array([*map(np.array, image)], dtype=object) for image in images]
    nested[0] = images[0]
    cells = pd.Series([None, None], dtype=object)
    cells[0], cells[1] = nested
    with pd.HDFStore(tmp_path / "arrays.h5") as store:
        store.put("df", table)
        store.put("dmdt", cells)
    table.to_hdf(tmp_path / "plain.h5", key="df")
    with h5py.File(tmp_path / "plain.h5", "a") as file:
        file["dmdt"] = images
    for name in ("arrays.h5", "plain.h5"):
        np.testing.assert_allclose(datasets.read_dataset(tmp_path / name).dmdt, images, rtol=1e-6)


class Rude:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('the file ran its own code')",)


def test_a_pickle_never_calls_functions(tmp_path: Path) -> None:
    pd.DataFrame({"ad": [1.0]}).to_hdf(tmp_path / "a.h5", key="df")
    with pd.HDFStore(tmp_path / "a.h5", "a") as store:
        store.put("dmdt", pd.Series([Rude()], dtype=object))
    assert datasets.read_dataset(tmp_path / "a.h5", ["ad"]).table["ad"].tolist() == [1.0]
    with pytest.raises(AstrodomeError, match=r"the pickle refers to (builtins|__builtin__)\.exec"):
        datasets.read_dataset(tmp_path / "a.h5")


BOMBS = {
    "memo index": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "memo index as text": b"Np2147483647\n.",
    "LONG4": b"\x80\x04\x8b\xff\xff\xff\x7f.",
    "negative LONG4": b"\x80\x04\x8b\xff\xff\xff\xff.",
    "BINUNICODE": b"\x80\x04X\xff\xff\xff\xff.",
    "BINUNICODE8": b"\x80\x04\x8d" + (2**40).to_bytes(8, "little") + b".",
    "BINBYTES": b"\x80\x04B\xff\xff\xff\xff.",
    "BINBYTES8": b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b".",
    "BYTEARRAY8": b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
    "FRAME": b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"N.",
}


def refused_cheaply(data: bytes) -> str:
    """Load a pickle that must fail within 32 MiB of memory, and return the message."""
    tracemalloc.start()
    try:
        with pytest.raises(pickle.UnpicklingError) as error:
            safe_pickle.load(data)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    return str(error.value)


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_pickle_cannot_allocate_much_memory(name: str) -> None:
    message = refused_cheaply(BOMBS[name])
    assert re.search(
        r"declares -?\d+ bytes, but only \d+ bytes follow|memo index \d+ at byte", message
    )


@pytest.mark.requires("tables")
def test_the_error_for_such_a_pickle_contains_the_file(small: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pd.HDFStore(path) as store:
        store.put("df", small[["ad"]])
        store.put("dmdt", small["dmdt"])
    with h5py.File(path, "a") as file:
        file["dmdt"]["values"][0] = np.frombuffer(BOMBS["memo index"], np.uint8)
    with pytest.raises(
        AstrodomeError, match=r"a\.h5 contains a pickle .* memo index 2147483647 at byte 3"
    ):
        datasets.read_dataset(path)


def test_a_list_that_is_referenced_many_times_is_converted_once() -> None:
    value: list[object] = [1]
    for _ in range(60):
        value = [value, value]
    shared = safe_pickle.load(pickle.dumps(value))
    assert shared[0] is shared[1]
    value.append(value)
    itself = safe_pickle.load(pickle.dumps(value))
    assert itself[2] is itself


def test_the_size_of_a_pickle_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickle.dumps([1.5, 2.5])
    monkeypatch.setenv(safe_pickle.LIMIT, str(len(data)))
    assert safe_pickle.load(data) == [1.5, 2.5]
    monkeypatch.setenv(safe_pickle.LIMIT, str(len(data) - 1))
    with pytest.raises(
        pickle.UnpicklingError, match=f"the pickle has {len(data)} bytes, but the limit"
    ):
        safe_pickle.load(data)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_whole_pickle_passes_the_check_of_its_opcodes(protocol: int) -> None:
    value = [[1.5, "text", None, 2**80, -1, b"bytes"] * 300, {"a": "x" * 70_000}, ("é",), True]
    assert safe_pickle.load(pickle.dumps(value, protocol)) == value


def test_the_error_for_a_truncated_or_invalid_pickle_contains_its_cause() -> None:
    for data, cause in ((pickle.dumps([1.5], 2)[:-1], "EOFError"), (b"Ix\n.", "ValueError")):
        with pytest.raises(pickle.UnpicklingError, match=rf"the pickle is damaged \({cause}\)"):
            safe_pickle.load(data)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_damaged_pickle_is_an_error(protocol: int, torture: Callable[[int, int], int]) -> None:
    images = np.random.default_rng(2).random((2, 26, 26))
    value = [images, [1.5, "text", None], {"a": images[0].astype(np.float32)}, 2**80]
    whole = pickle.dumps(value, protocol)
    random = np.random.default_rng(protocol)
    codes = [ord(opcode.code) for opcode in pickletools.opcodes]
    starts = [at for _, _, at in pickletools.genops(whole) if at is not None]
    tracemalloc.start()
    try:
        for _ in range(torture(60, 5_000)):
            broken = bytearray(whole)
            for place in random.integers(0, 200, random.integers(1, 4)):
                broken[place] = random.integers(256)
            place = int(random.choice(starts))
            size = bytes(random.choice([0, 1, 127, 255], 8).tolist())
            broken[place : place + random.integers(0, 10)] = bytes([random.choice(codes)]) + size
            with contextlib.suppress(pickle.UnpicklingError):
                safe_pickle.load(bytes(broken))
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def mangle(table: pd.DataFrame, how: str) -> pd.DataFrame:
    images = {
        "short": np.zeros((10, 26)).tolist(),
        "narrow": np.zeros((26, 10)).tolist(),
        "flat": np.zeros(676).tolist(),
        "ragged": [*np.zeros((25, 26)).tolist(), [0.0] * 25],
    }
    table.at[1, "dmdt"] = images[how]
    return table


@pytest.mark.parametrize("how", ["short", "narrow", "flat", "ragged"])
def test_an_image_of_another_shape_is_an_error_with_its_row(
    small: pd.DataFrame, tmp_path: Path, how: str
) -> None:
    path = as_csv(mangle(small, how), tmp_path / "a.csv")
    with pytest.raises(AstrodomeError, match=r"a\.csv: the dmdt image in row 1 .*26 x 26"):
        datasets.read_dataset(path)
    if how != "flat":  # Parquet has one type a column
        small.to_parquet(tmp_path / "a.parquet")
        with pytest.raises(AstrodomeError, match=r"a\.parquet: the dmdt image in row 1 .*26 x 26"):
            datasets.read_dataset(tmp_path / "a.parquet")
    with pd.HDFStore(tmp_path / "a.h5") as store:
        store.put("df", small[["ad"]])
        store.put("dmdt", small["dmdt"])
    with pytest.raises(AstrodomeError, match=r"a\.h5: the dmdt image in row 1 .*26 x 26"):
        datasets.read_dataset(tmp_path / "a.h5")


@pytest.mark.requires("tables")
def test_an_hdf5_file_needs_one_image_per_row(small: pd.DataFrame, tmp_path: Path) -> None:
    for count in (2, 4):
        small[["ad"]].to_hdf(tmp_path / "a.h5", key="df", mode="w")
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["dmdt"] = np.zeros((count, 26, 26))
        with pytest.raises(AstrodomeError, match=rf"a\.h5 has 3 rows, but {count} dmdt images"):
            datasets.read_dataset(tmp_path / "a.h5")
        assert len(datasets.read_dataset(tmp_path / "a.h5", ["ad"])) == 3


def test_an_image_that_is_not_json_is_an_error_with_its_row(
    small: pd.DataFrame, tmp_path: Path
) -> None:
    small.loc[2, "dmdt"] = "[[0.1 0.2]\n [0.3 0.4]]".replace("\n", "")
    with pytest.raises(AstrodomeError, match="the dmdt image in row 2 is not valid JSON"):
        datasets.read_dataset(as_csv(small, tmp_path / "a.csv"))


def test_a_missing_column_is_an_error_with_a_similar_name(dataset: Files) -> None:
    for ending in ENDINGS:
        with pytest.raises(AstrodomeError, match="has no column 'chi2re'") as error:
            datasets.read_dataset(dataset(ending, 300), ["ad", "chi2re"])
        assert error.value.hint == "Did you mean 'chi2red'?"


def test_an_unreadable_file_is_one_short_error(tmp_path: Path, dataset: Files) -> None:
    for ending in (".parquet", ".h5"):
        whole = dataset(ending, 300).read_bytes()
        for name, content in (
            ("nonsense", b"not what the name says" * 100),
            ("cut", whole[: len(whole) // 2]),
            ("empty", b""),
        ):
            path = tmp_path / f"{name}{ending}"
            path.write_bytes(content)
            with pytest.raises(AstrodomeError, match=f"{name}{ending} cannot be read: .+"):
                datasets.read_dataset(path)
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(AstrodomeError, match=r"a\.csv is empty"):
        datasets.read_dataset(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("ad,b\n1,2\n3\n")
    with pytest.raises(AstrodomeError, match=r"a\.csv cannot be read: row 1 has 1 values inst"):
        datasets.read_dataset(tmp_path / "a.csv")
    with pytest.raises(AstrodomeError, match="not found"):
        datasets.read_dataset(tmp_path / "none.parquet")
    with pytest.raises(AstrodomeError, match=r"extension in .*: expected one of \.csv, \.parquet"):
        datasets.read_dataset(tmp_path / "a.txt")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_damaged_file_is_read_or_is_an_error(
    ending: str, sky: Callable, tmp_path: Path, torture: Callable[[int, int], int]
) -> None:
    whole = sky(40).write(tmp_path / f"whole{ending}").read_bytes()
    random = np.random.default_rng(4)
    refused = 0
    for _ in range(torture(15, 500)):
        damaged = bytearray(whole)
        for place in random.integers(0, min(len(whole), 20_000), random.integers(1, 30)):
            damaged[place] = random.integers(256)
        (tmp_path / f"a{ending}").write_bytes(damaged)
        try:
            assert len(datasets.read_dataset(tmp_path / f"a{ending}")) > 0
        except AstrodomeError as error:
            assert f"a{ending}" in error.message
            refused += 1
    assert refused


def test_an_hdf5_file_without_a_data_set_is_one_short_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(AstrodomeError, match="the key 'df' is missing"):
        datasets.read_dataset(tmp_path / "a.h5")


def test_late_text_in_a_column_of_numbers_affects_no_other_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_format, "BLOCK", 1000)
    lines = ["ad,name", *["1.5,2"] * 1000, "2.5,two", "3.5,"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    table = datasets.read_dataset(tmp_path / "a.csv").table
    assert table["ad"].sum() == 1506
    assert table["name"].iloc[[0, 1000]].tolist() == ["2", "two"]


PLAIN = "ra,dec,obj_id\n10.5,-3.25,ZTF1\n11.5,4.0,ZTF2\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "|"),
        PLAIN.replace(",", ", "),
        " ra , dec ,obj_id\n" + PLAIN.partition("\n")[2],
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        "# written by a survey\n#\n" + PLAIN.replace("ZTF1\n", "ZTF1\n# a remark, with commas\n"),
        "\n\n" + PLAIN,
        "\ufeff# remark\r\n" + PLAIN.replace("\n", "\r\n").replace(",", ";"),
        'ra,dec,obj_id\n"10.5","-3.25","ZTF1"\n"11.5","4.0","ZTF2"\n',
    ],
)
@pytest.mark.parametrize("block", [20, 1 << 20])
def test_separators_comments_and_line_ends_of_other_programs_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, block: int
) -> None:
    monkeypatch.setattr(csv_format, "BLOCK", max(block, len(content) // 2 + 60))
    (tmp_path / "a.csv").write_bytes(content.encode())
    table = datasets.read_dataset(tmp_path / "a.csv").table
    assert list(table) == ["ra", "dec", "obj_id"]
    assert table["ra"].tolist() == [10.5, 11.5] and table["dec"].tolist() == [-3.25, 4.0]
    assert table["obj_id"].tolist() == ["ZTF1", "ZTF2"]


def test_a_header_in_a_comment_line_is_read_if_it_fits(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# stars\n# ra,dec\n10,5\n11,6\n")
    assert datasets.read_dataset(tmp_path / "a.csv").table["dec"].tolist() == [5, 6]


@pytest.mark.parametrize(
    ("content", "words", "remedy"),
    [
        (b"10.5,3\n11,4\n", "a.csv has no header", "names of the columns"),
        (b"10301001000154\n10301001000155\n", "a.csv has no header", "names of the columns"),
        (b"ra dec label\n10 5 1\n", "a.csv: columns separated by spaces", "commas"),
        (b"ra,dec\n1,2\n3,4\n5,6,7\n", "row 2 has 3 values instead of 2: '5,6,7'", "Correct"),
        ("ra,dec\n1,2\n".encode("utf-16"), "a.csv is not UTF-8 text", "iconv"),
        (b"# only a remark\n", "a.csv is empty", ""),
    ],
)
def test_a_text_file_that_cannot_be_read_is_one_error_with_a_remedy(
    tmp_path: Path, content: bytes, words: str, remedy: str
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(AstrodomeError) as error:
        datasets.read_dataset(tmp_path / "a.csv")
    assert words in error.value.message and remedy in error.value.hint


def test_the_error_for_a_directory_names_it_as_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").mkdir()
    (tmp_path / "a.parquet" / "part-0.parquet").write_bytes(b"")
    for read in (datasets.read_dataset, table_io.read_table):
        with pytest.raises(AstrodomeError, match=r"a\.parquet is a directory: expected") as error:
            read(tmp_path / "a.parquet")
        assert "part-0.parquet" in error.value.hint and error.value.exit_code == 2


@pytest.mark.parametrize("ending", [".parq", ".pq", ".PARQUET"])
def test_other_extensions_of_parquet_are_read_and_written(tmp_path: Path, ending: str) -> None:
    table = pd.DataFrame({"ra": [1.5], "obj_id": ["ZTF1"]})
    path = table_io.write_table(tmp_path / f"a{ending}", table)
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)
    pd.testing.assert_frame_equal(table_io.read_table(path), table, check_dtype=False)
