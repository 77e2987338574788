"""The tests of the example distributions pass, and the examples are small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("fido_source", "scope_gradient_boosting", "sood_isolation_forest")
LONGEST = 150


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_few_lines(name: str) -> None:
    modules = (EXAMPLES / name / "src").rglob("*.py")
    assert sum(len(path.read_text("utf-8").splitlines()) for path in modules) <= LONGEST


@pytest.mark.parametrize("name", [name for name in NAMES if (EXAMPLES / name / "tests").is_dir()])
def test_the_tests_of_an_example_pass(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'runs'}", "tests"],
        cwd=EXAMPLES / name,
        env=os.environ | {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
