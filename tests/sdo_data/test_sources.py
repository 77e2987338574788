"""``sdo data sources``: the installed sources and their capabilities."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from astrodome.testing import Result
from astrodome_solar.protocols import source_info

Data = Callable[..., Result]
OURS = {"gsu", "helioviewer", "sdoml", "fido", "jsoc"}


@pytest.mark.requires("drms", "parfive")
def test_every_source_is_listed_with_its_capabilities_and_distribution(data: Data) -> None:
    listed = {row["name"]: row for row in data("sources", "--json").succeeded().json}
    assert set(listed) == OURS
    assert listed["gsu"]["options"] == ["size", "quality", "metadata", "parameters"]
    assert "calibrate" in listed["fido"]["options"]
    assert (listed["helioviewer"]["cadence_s"], listed["sdoml"]["sizes"]) == (36, ["512", "256"])
    for row in listed.values():
        assert row["connections"] >= 1 and 171 in row["wavelengths"] and row["summary"]
        assert row["since"].startswith("201") and row["problem"] is None


@pytest.mark.requires("drms", "parfive")
def test_the_table_has_one_line_per_source(data: Data) -> None:
    lines = data("sources").succeeded().out.splitlines()
    assert lines[0].split("\t")[:3] == ["name", "summary", "wavelengths"]
    assert {line.split("\t")[0] for line in lines[1:]} == OURS
    assert any("calibrate" in line for line in lines)


def test_a_source_with_a_missing_library_names_the_package_to_install(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    monkeypatch.delitem(sys.modules, "astrodome_sdo_data.sources.sdoml", raising=False)
    result = data("sources").succeeded()
    assert "Warning: The source sdoml cannot be used." in result.err
    assert "[sdoml]'" in result.err
    assert {line.split("\t")[0] for line in result.out.splitlines()[1:]} == OURS


def test_a_source_without_capabilities_has_one_connection() -> None:
    class Silent:
        pass

    assert source_info(Silent()).connections == 1  # type: ignore[arg-type]
