"""A folder of Parquet files as a catalogue: ``local:FOLDER``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from astrodome import AstrodomeError, sources
from astrodome_ztf_scope.catalogue.local import LocalCatalogue


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
    assert list(catalogue.find("sources", {"no_such_column": 1})) == []


def test_a_collection_has_its_role_or_the_name_of_the_service(folder: Path) -> None:
    catalogue = LocalCatalogue(folder)
    for name in ("sources", "ZTF_sources_20240117", "ZTF_sources_20210401"):
        assert len(list(catalogue.find(name, {}))) == 5
    with pytest.raises(AstrodomeError, match="no collection 'features'") as failure:
        list(catalogue.find("features", {}))
    assert "features.parquet" in failure.value.hint


def test_positions_match_across_ra_zero_and_at_the_pole_the_nearest_first(folder: Path) -> None:
    catalogue = LocalCatalogue(folder)
    seam, pole, empty = catalogue.cone("sources", [0.0, 30.0, 90.0], [5.0, 90.0, 0.0], 2, ["nobs"])
    assert ids(seam) == [10, 11] and [round(d["separation"], 2) for d in seam] == [0.36, 0.36]
    assert sorted(ids(pole)) == [13, 14] and pole[0]["ra"] in (30.0, 210.0)
    assert empty == []
    (nearest,) = catalogue.cone("sources", 359.9999, 5.0, 2)
    assert ids(nearest) == [11, 10]


def test_light_curves_come_as_epochs_from_the_layout_of_the_public_releases(folder: Path) -> None:
    found = LocalCatalogue(folder).light_curves([10])
    assert list(found["hjd"]) == [2458000.5, 2458002.0]
    assert list(found["catflags"]) == [0, 32768]
    assert set(found["id"]) == {10} and set(found["filter"]) == {1} and set(found["ra"]) == {0.0001}


def test_a_folder_that_is_not_there_or_broken_is_one_sentence(folder: Path) -> None:
    with pytest.raises(AstrodomeError, match="no folder"):
        LocalCatalogue(folder / "other")
    with pytest.raises(AstrodomeError, match="local:FOLDER"):
        LocalCatalogue()
    (folder / "features.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(AstrodomeError, match=r"features\.parquet is no Parquet file"):
        list(LocalCatalogue(folder).find("features", {}))


def test_a_source_is_named_with_its_argument(folder: Path) -> None:
    from astrodome import plugins  # the registry that a command line makes
    from astrodome_ztf_scope import plugin

    with plugins.using(plugins.of("scope", plugin=plugin)):
        found = sources.get("catalogue", f"local:{folder}")
        assert isinstance(found, LocalCatalogue) and found.folder == folder
        assert isinstance(found, sources.Catalogue)
        with pytest.raises(AstrodomeError, match="no source 'nowhere'"):
            sources.get("catalogue", "nowhere:x")
