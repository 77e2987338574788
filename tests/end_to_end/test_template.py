"""The template for plugin authors is valid, and the other distributions do not refer to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples/plugin_template"


def test_the_tests_of_the_template_pass_with_the_host_alone(tmp_path: Path) -> None:
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


def test_the_host_and_our_plugins_do_not_refer_to_the_template() -> None:
    references = [
        path
        for folder in ("core", "plugins")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".toml")
        and any(name in path.read_text("utf-8") for name in ("astrodome_template", "-template"))
    ]
    assert not references
