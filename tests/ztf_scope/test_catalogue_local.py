"""A folder of Parquet files as a catalogue: ``local:FOLDER``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astrodome import AstrodomeError, sources
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues.local import LocalCatalogue
from astrodome_ztf_scope.catalogues.protocol import Catalogue
from astrodome_ztf_scope.marshal.classifications import photometry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pd.DataFrame(
        {
            "_id": [10, 11, 12, 13, 14],
            "ra": [0.0001, 359.9999, 150.0, 30.0, 210.0],
            "dec": [5.0, 5.0, 20.0, 89.9999, 89.9999],
            "filter": [1, 2, 1, 1, 2],
            "nobs": [10, 20, 30, 40, None],
        }
    ).to_parquet(tmp_path / "ZTF_sources_20240117.parquet")
    pd.DataFrame({"_id": [11, 10], "vnv_xgb": [0.99, 0.2], "vnv_dnn": [0.1, 0.95]}).to_parquet(
        tmp_path / "classifications.parquet"
    )
    pd.DataFrame(
        {
            "objectid": [10, 11],
            "filterid": [1, 2],
            "objra": [0.0001, 359.9999],
            "objdec": [5.0, 5.0],
            "hmjd": [[58000.0, 58001.5], [58002.0]],
            "mag": [[18.0, 18.5], [17.0]],
            "magerr": [[0.1, 0.1], [0.05]],
            "catflags": [[0, 32768], [0]],
        }
    ).to_parquet(tmp_path / "light_curves.parquet")
    return tmp_path


def ids(documents) -> list[int]:
    return [document["_id"] for document in documents]


def test_documents_are_found_by_conditions_in_the_order_of_their_ids(folder: Path) -> None:
    catalogue = LocalCatalogue(folder)
    assert ids(catalogue.find("sources", {})) == [10, 11, 12, 13, 14]
    assert ids(catalogue.find("sources", {"nobs": {"$gte": 20}, "filter": 1})) == [12, 13]
    assert ids(catalogue.find("sources", {"_id": {"$in": [14, 10, 99]}})) == [10, 14]
    assert ids(catalogue.find("sources", {}, skip=1, limit=2)) == [11, 12]
    either = {"$or": [{"vnv_xgb": {"$gt": 0.9}}, {"vnv_dnn": {"$gt": 0.9}}]}
    assert list(catalogue.find("classifications", either, ["vnv_dnn"])) == [
        {"_id": 10, "vnv_dnn": 0.95},
        {"_id": 11, "vnv_dnn": 0.1},
    ]
    with pytest.raises(AstrodomeError, match=r"20240117\.parquet has no column 'fieldid'") as error:
        list(catalogue.find("sources", {"fieldid": 1}))
    assert "nobs" in error.value.hint


def test_a_collection_is_found_by_its_role_or_its_name_in_kowalski(folder: Path) -> None:
    catalogue = LocalCatalogue(folder)
    for name in ("sources", "ZTF_sources_20240117", "ZTF_sources_20210401"):
        assert len(list(catalogue.find(name, {}))) == 5
    with pytest.raises(AstrodomeError, match="no collection 'features'") as failure:
        list(catalogue.find("features", {}))
    assert "features.parquet" in failure.value.message


def test_positions_match_across_ra_zero_and_at_the_pole_the_nearest_first(folder: Path) -> None:
    catalogue = LocalCatalogue(folder)
    seam, pole, empty = catalogue.cone("sources", [0.0, 30.0, 90.0], [5.0, 90.0, 0.0], 2, ["nobs"])
    assert ids(seam) == [10, 11] and [round(d["separation"], 2) for d in seam] == [0.36, 0.36]
    assert sorted(ids(pole)) == [13, 14] and pole[0]["ra"] in (30.0, 210.0)
    assert empty == []
    (nearest,) = catalogue.cone("sources", 359.9999, 5.0, 2)
    assert ids(nearest) == [11, 10]


def test_light_curves_in_the_public_layout_are_returned_as_epochs(folder: Path) -> None:
    found = LocalCatalogue(folder).light_curves([10])
    assert list(found["hjd"]) == [2458000.5, 2458002.0]
    assert list(found["catflags"]) == [0, 32768]
    assert set(found["id"]) == {10} and set(found["filter"]) == {1} and set(found["ra"]) == {0.0001}


def test_a_missing_or_damaged_directory_is_one_short_error(folder: Path) -> None:
    with pytest.raises(AstrodomeError, match="not found"):
        LocalCatalogue(folder / "other")
    with pytest.raises(AstrodomeError, match="local:FOLDER"):
        LocalCatalogue()
    (folder / "features.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(AstrodomeError, match=r"features\.parquet is not a valid Parquet file"):
        list(LocalCatalogue(folder).find("features", {}))


def test_a_catalogue_is_opened_by_name_and_argument(folder: Path) -> None:
    from astrodome import plugins  # the registry that a command line makes
    from astrodome_ztf_scope import plugin

    with plugins.using(plugins.of("scope", plugin=plugin)):
        found = sources.get("catalogue", f"local:{folder}")
        assert isinstance(found, LocalCatalogue) and found.folder == folder
        assert isinstance(found, Catalogue)
        with pytest.raises(AstrodomeError, match="Source 'nowhere' of kind 'catalogue' not found"):
            sources.get("catalogue", "nowhere:x")


def release(count: int = 3) -> pd.DataFrame:
    """Return light curves, each in another quadrant, in the layout of the data releases of ZTF."""
    channels = np.arange(count, dtype=np.int8) * 21
    epochs = [np.linspace(58300, 58300 + n, 20 + n) for n in range(count)]
    return pd.DataFrame(
        {
            "objectid": 250101100000001 + np.arange(count),
            "filterid": np.ones(count, np.int8),
            "fieldid": np.full(count, 250, np.int16),
            "rcid": channels,
            "objra": 41.0 + np.arange(count),
            "objdec": -26.25,
            "nepochs": [len(times) for times in epochs],
            "hmjd": epochs,
            **{name: [np.full(len(t), 0.5, np.float32) for t in epochs] for name in ("mag",)},
            **{name: [np.full(len(t), 0.1, np.float32) for t in epochs] for name in ("magerr",)},
            "clrcoeff": [np.zeros(len(t), np.float32) for t in epochs],
            "catflags": [np.zeros(len(t), np.int32) for t in epochs],
        }
    )


def nested(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the layout of HATS catalogues, with a struct of lists."""
    inner = ["hmjd", "mag", "magerr", "clrcoeff", "catflags"]
    lists = [pa.array(table[name]) for name in inner]
    whole = pa.Table.from_pandas(table.drop(columns=[*inner, "nepochs"]), preserve_index=False)
    curves = pa.StructArray.from_arrays(lists, inner)
    pq.write_table(whole.append_column("lightcurve", curves), path)


def a_row_per_epoch(table: pd.DataFrame, path: Path) -> None:
    """Write a table in the layout of light curves of IRSA."""
    names = {"objectid": "oid", "fieldid": "field", "objra": "ra", "objdec": "dec"}
    long = table.rename(columns=names).assign(ccdid=table.rcid // 4 + 1, qid=table.rcid % 4 + 1)
    long = long.drop(columns=["rcid", "nepochs", "filterid"]).assign(filtercode="zg")
    lists = ["hmjd", "mag", "magerr", "clrcoeff", "catflags"]
    pa_table = pa.Table.from_pandas(long.explode(lists, ignore_index=True).infer_objects())
    pq.write_table(pa_table, path)


@pytest.mark.parametrize("write", [pd.DataFrame.to_parquet, nested, a_row_per_epoch])
def test_ids_of_a_quadrant_are_found_in_every_public_layout(
    tmp_path: Path, scope: Callable[..., Result], write: Callable[..., None]
) -> None:
    write(release(), tmp_path / "light_curves.parquet")
    place = ("--catalogue", f"local:{tmp_path}", "--field", 250)
    for number, (ccd, quad) in enumerate(((1, 1), (6, 2), (11, 3))):  # channels 0, 21 and 42
        args = (*place, "--ccd", ccd, "--quad", quad)
        found = scope("get-field-ids", *args).succeeded()
        assert found.out.split() == [str(250101100000001 + number)]
        more = scope("get-field-ids", *args, "--minobs", 21 + number).succeeded()
        assert more.out == "" and "No light curves with at least" in more.err
    assert scope("get-field-ids", *place, "--ccd", 1, "--quad", 2).succeeded().out == ""
    assert scope("get-field-ids", "--catalogue", f"local:{tmp_path}").succeeded().out == ""
    catalogue = LocalCatalogue(tmp_path)
    (near,) = catalogue.cone("sources", 42.0, -26.25, 2, ("field", "ccd", "quad", "nobs"))
    wanted = {"_id": 250101100000002, "field": 250, "ccd": 6, "quad": 2, "nobs": 21}
    assert {name: near[0][name] for name in wanted} == wanted and len(near) == 1
    epochs = catalogue.light_curves([250101100000002])
    assert len(epochs) == 21 and set(epochs["filter"]) == {1}
    assert epochs["hjd"].iloc[0] == 2458300.5


@pytest.mark.parametrize("column", ["fieldid", "rcid"])
def test_a_layout_without_a_quadrant_is_an_error_that_names_the_column(
    tmp_path: Path, scope: Callable[..., Result], column: str
) -> None:
    release().drop(columns=column).to_parquet(tmp_path / "light_curves.parquet")
    failed = scope("get-field-ids", "--catalogue", f"local:{tmp_path}", "--field", 250)
    assert failed.code == 1 and "light_curves.parquet has no column" in failed.err
    assert column in failed.err and "Existing columns: objectid, filterid" in failed.err


def test_light_curves_without_a_filter_are_not_uploaded(tmp_path: Path) -> None:
    release().drop(columns="filterid").to_parquet(tmp_path / "light_curves.parquet")
    epochs = LocalCatalogue(tmp_path).light_curves([250101100000001])
    with pytest.raises(AstrodomeError, match="no column filter"):
        photometry.select_epochs(epochs)
