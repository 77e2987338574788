"""``plugins doctor`` runs health checks and repairs what they find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
    from astrodome import CheckSpec, hookimpl

    @hookimpl
    def register_checks():
        yield CheckSpec("dome", "obs_sky.cli:check", summary="The dome.", fix="obs_sky.cli:{fix}")
        yield CheckSpec("weather", "obs_sky.cli:weather", summary="The weather.", online=True)
"""
CLI = """
from pathlib import Path
from astrodome import Finding

FOLDER = Path(__file__).parent

def check():
    for path in sorted(FOLDER.glob("*.leak")):
        yield Finding(f"{path.name} leaks", path)
    if (FOLDER / "broken").exists():
        yield "the motor is broken"

def close(finding, dry_run):
    if not dry_run:
        finding.subject.unlink()
    return f"close {finding.subject.name}"

def fail(finding, dry_run):
    raise RuntimeError("the crane is missing")

def weather():
    return ["the weather service does not respond"]
"""


@pytest.fixture
def sky(observatory: Any) -> Any:
    """A plugin whose check finds two problems that can be repaired."""
    observatory.add("sky", PLUGIN.replace("{fix}", "close"), cli=CLI)
    for name in ("a.leak", "b.leak"):
        (observatory.folder / "obs_sky" / name).touch()
    return observatory


def leaks(observatory: Any) -> list[str]:
    return sorted(path.name for path in (observatory.folder / "obs_sky").glob("*.leak"))


def rows(ran: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(ran.stdout)
    return found


def test_a_dry_run_shows_the_repairs_and_changes_nothing(sky: Any) -> None:
    ran = sky.run("plugins", "doctor", "--fix", "--dry-run", "--json")
    assert ran.returncode == 1, ran.stderr
    planned = [(row["finding"], row["repair"]) for row in rows(ran) if "repair" in row]
    assert planned == [
        ("dome: a.leak leaks", "close a.leak"),
        ("dome: b.leak leaks", "close b.leak"),
    ]
    assert leaks(sky) == ["a.leak", "b.leak"]


def test_the_repair_is_checked_again(sky: Any) -> None:
    ran = sky.run("plugins", "doctor", "--fix", "--yes", "--json")
    assert ran.returncode == 0, ran.stderr
    assert [row["status"] for row in rows(ran)] == ["repaired", "repaired", "ok"]
    assert leaks(sky) == []
    assert sky.run("plugins", "doctor", "--fix", "--yes").returncode == 0


def test_a_problem_without_a_repair_remains(sky: Any) -> None:
    (sky.folder / "obs_sky" / "broken").touch()
    ran = sky.run("plugins", "doctor", "--fix", "--yes", "--json")
    assert ran.returncode == 1
    assert [row["finding"] for row in rows(ran) if row["status"] == "wrong"] == [
        "dome: the motor is broken"
    ]


def test_a_repair_without_a_terminal_needs_yes(sky: Any) -> None:
    ran = sky.run("plugins", "doctor", "--fix")
    assert ran.returncode == 2 and "--fix --dry-run" in ran.stderr
    assert leaks(sky) == ["a.leak", "b.leak"]


@pytest.mark.parametrize("given", ["--yes", "--dry-run"])
def test_options_for_repairs_require_fix(sky: Any, given: str) -> None:
    ran = sky.run("plugins", "doctor", given)
    assert ran.returncode == 2 and f"{given} requires --fix" in ran.stderr


def test_a_repair_that_fails_is_reported(observatory: Any) -> None:
    observatory.add("sky", PLUGIN.replace("{fix}", "fail"), cli=CLI)
    (observatory.folder / "obs_sky" / "a.leak").touch()
    ran = observatory.run("plugins", "doctor", "--fix", "--yes", "--json")
    assert ran.returncode == 1
    assert "sky, dome: the repair failed: RuntimeError: the crane is missing" in ran.stderr
    assert [row["status"] for row in rows(ran)] == ["wrong", "ok"]


def test_a_repair_function_that_does_not_exist_is_a_problem(observatory: Any) -> None:
    observatory.add("sky", PLUGIN.replace("{fix}", "nothing"), cli=CLI)
    ran = observatory.run("plugins", "doctor")
    assert ran.returncode == 1 and "obs_sky.cli:nothing, which does not exist" in ran.stdout


def test_services_are_checked_only_on_request(sky: Any) -> None:
    service = "weather: the weather service does not respond"
    assert service not in sky.run("plugins", "doctor").stdout
    assert service in sky.run("plugins", "doctor", "--online").stdout


def test_temporary_files_of_ended_processes_are_deleted(observatory: Any, tmp_path: Path) -> None:
    home = tmp_path / "store"
    (home / "year").mkdir(parents=True)
    code = (
        "import sys, os, pathlib\nfrom astrodome import temporary\n"
        "print(temporary.new(pathlib.Path(sys.argv[1]))[1])\n"
        "sys.stdout.flush(); sys.stdin.readline()\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(home / "year" / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("ended.csv", "running.csv")
    ]
    ended, running = (Path(process.stdout.readline().strip()) for process in started)  # type: ignore[union-attr]
    started[0].communicate("\n")
    old = home / ".other.part"
    old.touch()
    os.utime(old, (time.time() - 1e6,) * 2)
    (home / ".recent.part").touch()
    try:
        checked = observatory.run("--home", str(home), "plugins", "doctor")
        assert checked.returncode == 1 and str(ended) in checked.stdout
        ran = observatory.run("--home", str(home), "plugins", "doctor", "--fix", "--yes")
        assert ran.returncode == 0, ran.stdout
        assert not ended.exists() and not old.exists()
        assert running.exists() and (home / ".recent.part").exists()
    finally:
        started[1].communicate("\n")


def test_a_data_folder_that_cannot_be_created_is_a_problem(
    observatory: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    ran = observatory.run("plugins", "doctor", ASTRODOME_HOME=str(tmp_path / "file" / "data"))
    assert ran.returncode == 1 and "is not a folder, so data cannot be stored" in ran.stdout


def test_versions_that_a_requirement_excludes_are_a_problem(observatory: Any) -> None:
    observatory.add("sky")
    metadata = next(observatory.folder.glob("obs_sky-*.dist-info")) / "METADATA"
    with metadata.open("a") as text:
        text.write("Requires-Dist: pluggy!=2.6.2,<0.1\n")
    ran = observatory.run("plugins", "doctor")
    assert ran.returncode == 1
    assert "obs-sky requires pluggy" in ran.stdout
