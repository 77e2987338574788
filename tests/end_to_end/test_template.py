"""The template that plugin authors copy is sound, and the program does not know it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples/plugin_template"


def test_its_own_tests_pass_with_the_host_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'runs'}"],
        cwd=TEMPLATE,
        env=os.environ | {"PYTHONPATH": str(TEMPLATE / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout and "skipped" not in ran.stdout


def test_nothing_in_the_host_or_our_plugins_names_it() -> None:
    knowing = [
        path
        for folder in ("core", "plugins")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".toml")
        and any(name in path.read_text("utf-8") for name in ("astrodome_template", "-template"))
    ]
    assert not knowing
