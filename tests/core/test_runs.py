"""Run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from astrodome import AstrodomeError, plugins
from astrodome.runs import Run, provenance


def test_a_run_describes_itself_and_is_resumed_in_its_folder(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "r", "sood", "ce_vae", {"model": {"z_dim": 8}}, seed=1)
    assert (
        run.record["status"] == "running" and "z_dim: 8" in (run.path / "config.yaml").read_text()
    )
    started = run.record["started"]
    again = Run.start(tmp_path / "r", "sood", "ce_vae", {"model": {"z_dim": 8}}, seed=1)
    assert again.record["started"] == started
    again.finish(loss=0.5)
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert record["status"] == "finished" and record["loss"] == 0.5 and record["seed"] == 1


def test_a_run_of_another_model_is_not_changed(tmp_path: Path) -> None:
    Run.start(tmp_path, "sood", "ce_vae", {})
    with pytest.raises(AstrodomeError, match="ce_vae"):
        Run.start(tmp_path, "sood", "ae", {})
    with pytest.raises(AstrodomeError, match="'ce_vae', not 'ae'"):
        Run.open(tmp_path, "sood", "ae")


def test_a_folder_without_a_valid_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AstrodomeError, match=r"no run\.json"):
        Run.open(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(AstrodomeError, match="not valid JSON"):
        Run.open(tmp_path)


def test_provenance_contains_versions() -> None:
    about = provenance(["pluggy", "no-such-distribution"])
    assert about["versions"]["pluggy"][0].isdigit()
    assert about["versions"]["no-such-distribution"] == "not installed"


def test_provenance_finds_the_distribution_that_provides_a_package() -> None:
    found = provenance(["yaml", "google"])["versions"]
    assert found["pyyaml"][0].isdigit() and "yaml" not in found


def test_provenance_includes_the_plugin_of_a_model_and_what_it_requires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "sdo_gauss-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: sdo-gauss\nVersion: 1.5\nRequires-Dist: PyYAML>=5\n"
        'Requires-Dist: platformdirs; extra == "fast"\nRequires-Dist: pluggy; extra == "slow"\n'
        "Requires-Dist: no-such-library\n"
    )
    (info / "entry_points.txt").write_text("[astrodome.sdo]\ngauss = sdo_gauss\n")
    (tmp_path / "sdo_gauss.py").write_text(
        "from astrodome import ModelSpec, hookimpl\n@hookimpl\ndef register_models():\n"
        "    yield ModelSpec('sood', 'gauss', 'sdo_gauss:Gauss', summary='Gauss.', extra='fast')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with plugins.using(plugins.load("sdo")):
        found = provenance(["pluggy"], "sood", ["gauss"])["versions"]
    assert found["sdo-gauss"] == "1.5"
    assert set(found) == {"astrodome", "pluggy", "sdo-gauss", "pyyaml", "platformdirs"}


def test_the_representation_of_a_run_is_short_and_never_fails(tmp_path: Path) -> None:
    run = Run.start(tmp_path / "r", "sood", "ae", {"model": {"z_dim": 8}})
    path = str(tmp_path / "r")
    assert repr(run) == f"Run({path!r}, task='sood', model='ae', status='running')"
    (run.path / "run.json").write_text("{")
    assert repr(run) == f"Run({path!r})"
