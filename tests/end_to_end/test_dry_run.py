"""A dry run changes nothing, and plans what the command does without ``--dry-run``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from astrodome import app as host
from astrodome import outputs, plugins
from astrodome.registry import Registry
from astrodome_goes import Store
from end_to_end import every_command
from end_to_end.test_every_command import world as world
from jsonschema import Draft202012Validator

NEVER_PLANNED = {"meta.csv"}
"""Files that describe the planned files."""
MARSHAL = {
    "scope manage-annotation",
    "scope taxonomy post",
    "scope upload-classification",
    "scope upload-disagreements",
}
"""Commands whose dry runs show requests; see tests/ztf_scope."""
OTHER = {
    *("sdo data download", "scope select-sample"),
    *("sdo plugins doctor", "scope plugins doctor"),
}
"""Commands whose dry runs print another document; see their tests."""
LINES = {
    "sdo data import": ("{fits}", "--path=imported"),
    "sdo data patch": ("--path={images}", "--targetpath=patches", "--size=64", "--max-patches=3"),
    "sdo data resize": ("--path={images}", "--targetpath=small"),
    "sdo events get": ("--start=2014-01-01", "--end=2014-01-01"),
    "sdo events import": ("{hek}",),
    "sdo events plot": ("{images}/2014-01-01T000011__171.jpeg", "--out=plots", "--size=200"),
    "sdo goes download": ("--start=2012-12-31", "--end=2012-12-31"),
    "sdo goes import": ("{xrs}",),
    "sdo sood dataset build": ("{disks}", "--out=store", "--size=64"),
    "scope fetch-datasets": ("datasets",),
    "scope fetch-models": ("models",),
}
FILES = {
    *("sdo data import", "sdo data patch", "sdo data resize", "sdo events plot"),
    *("scope fetch-datasets", "scope fetch-models"),
}
"""Commands that plan the paths of the files that they write."""
REPEATED = {"sdo events import", "sdo events plot", "sdo goes import", "sdo sood dataset build"}
"""Commands that process all items again when they are repeated, or fail."""


def content(*folders: Path) -> dict[str, str]:
    """Return the paths below some folders, with the digests of the files."""
    found = (path for folder in folders for path in sorted(folder.rglob("*")))
    return {
        str(path): hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in found
    }


def run(path: str, words: list[str]) -> Any:
    app, *command = path.split()
    result = every_command.run(app, plugins.load(app), [*command, *words])
    assert result.code == 0, result.err
    return result


@pytest.mark.parametrize("path", LINES)
def test_a_dry_run_plans_what_the_command_does(
    path: str, world: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    if path == "sdo events plot":
        run("sdo events import", [world["hek"]])
    words = [word.format(**world) for word in LINES[path]]
    before = content(tmp_path)

    planned = run(path, [*words, "--dry-run", "--json"])
    names = run(path, [*words, "--dry-run"]).out.splitlines()
    assert content(tmp_path) == before
    plan = planned.json
    Draft202012Validator(outputs.json_schema(outputs.PlanDocument)).validate(plan)
    schema = every_command.output_schema(plugins.load(path.split()[0]), path)
    assert not every_command.differences(schema, planned.out)
    assert plan["planned"] == names and names

    run(path, words)
    written = {str(Path(name).absolute()) for name in names}
    new = {name for name in content(here) if Path(name).is_file() and Path(name).name[0] != "."}
    if path in FILES:
        assert written == {name for name in new if Path(name).name not in NEVER_PLANNED}
    elif path == "sdo goes download":
        assert set(names) == Store().source_files("2012-12")
    elif path == "sdo goes import":
        assert {Path(name).name for name in names} == Store().source_files("2011-06")
    elif path == "sdo events import":
        stored = run("sdo events list", ["--json"]).json
        assert set(names) == {row["kb_archivid"] for row in stored}
    if path not in REPEATED:
        again = run(path, [*words, "--dry-run", "--json"]).json
        assert again["planned"] == [] and again["failed"] == []


def test_a_plan_contains_the_patches_that_would_be_deleted(
    world: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.format(**world) for word in LINES["sdo data patch"]]
    run("sdo data patch", words)
    fewer = [*words[:-1], "--max-patches=1"]
    plan = run("sdo data patch", [*fewer, "--dry-run", "--json"]).json
    assert [name.rpartition("__")[2] for name in plan["deleted"]] == ["1.jpeg", "2.jpeg"]
    assert "delete patches" in run("sdo data patch", [*fewer, "--dry-run"]).out
    before = content(tmp_path / "patches")
    run("sdo data patch", fewer)
    gone = before.keys() - content(tmp_path / "patches").keys()
    assert gone == {str(Path(name).absolute()) for name in plan["deleted"]} and gone


def test_items_that_cannot_be_processed_are_in_the_plan(
    world: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.fits").write_bytes(b"SIMPLE")
    for path in ("sdo goes import", "sdo data import"):
        app, *command = path.split()
        words = [*command, "bad.fits", "--dry-run", "--json"]
        words += ["--path=imported"] if "data" in command else []
        result = every_command.run(app, plugins.load(app), words)
        assert result.code == 1 and result.json["planned"] == []
        assert "bad.fits" in result.json["failed"][0]["name"]
        assert "bad.fits" in result.err
    assert not Path("imported").exists()


@pytest.mark.parametrize("app", ("sdo", "scope"))
def test_every_command_with_a_dry_run_is_tested(app: str) -> None:
    registry: Registry = plugins.load(app)
    with plugins.using(registry):
        commands = list(every_command.walk(host.build(app, registry), app))
    offered = {
        path
        for path, command in commands
        if any("--dry-run" in param.opts for param in command.params)
    }
    known = {path for path in (*LINES, *MARSHAL, *OTHER) if path.startswith(f"{app} ")}
    assert offered == known
