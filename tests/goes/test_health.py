"""The health checks of the GOES store and of the archives."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from astrodome.testing import Result, run
from astrodome_goes import Store

pytestmark = pytest.mark.usefixtures("astrodome_home")


def doctor(*args: object) -> Result:
    return run("sdo", "plugins", "doctor", *args, "--json", plugin="astrodome_goes.plugin")


def wrong(result: Result) -> list[str]:
    return [row["finding"] for row in result.json if row["status"] == "wrong"]


@pytest.fixture
def store(day_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A copy of the store with one month, which is the default store."""
    folder = shutil.copytree(day_store, tmp_path / "store")
    monkeypatch.setenv("ASTRODOME_GOES_STORE", str(folder))
    return Store(folder)


def test_a_store_without_problems_passes(store: Store) -> None:
    assert wrong(doctor().succeeded()) == []


def test_the_settings_are_checked_if_they_contain_the_store(
    day_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(f"goes: {{store: {day_store}, timeout: soon}}\n")
    failed = run("sdo", "goes", "info", plugin="astrodome_goes.plugin")
    assert failed.code != 0 and "'goes.timeout'" in failed.err
    Path("config.yaml").write_text(f"goes: {{store: {day_store}}}\n")
    run("sdo", "goes", "info", plugin="astrodome_goes.plugin").succeeded()


def test_a_missing_store_passes() -> None:
    assert wrong(doctor().succeeded()) == []


@pytest.mark.parametrize("kept", [0, 1000])
def test_a_damaged_file_is_renamed_so_that_the_month_can_be_imported(
    store: Store, xrs: Any, goes: Any, kept: int
) -> None:
    (path,) = store.months().values()
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])
    (found,) = wrong(doctor())
    assert f"goes-store: {path} is damaged" in found
    planned = doctor("--fix", "--dry-run")
    assert planned.code == 1 and path.exists()
    assert "rename" in planned.json[0]["repair"]
    repaired = doctor("--fix", "--yes").succeeded()
    assert [row["status"] for row in repaired.json] == ["repaired", "note", "ok"]
    assert not path.exists() and path.with_name("xrs.parquet.damaged").stat().st_size == kept
    goes("import", xrs("go1520110607.fits"), "--store", store.folder).succeeded()
    assert wrong(doctor().succeeded()) == []


def test_archives_are_checked_with_online(archives: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong(doctor("--online").succeeded()) == []
    monkeypatch.setenv("ASTRODOME_GOES_URL_NASA", "http://127.0.0.1:9")
    (found,) = wrong(doctor("--online"))
    assert "the NASA archive" in found and "http://127.0.0.1:9" in found
    assert wrong(doctor().succeeded()) == []
