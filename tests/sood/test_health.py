"""The health check of the GPU, with a replacement for the program of the driver."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from astrodome.testing import Result, run

pytestmark = pytest.mark.usefixtures("astrodome_home")


def doctor() -> Result:
    return run("sdo", "plugins", "doctor", "--json", plugin="astrodome_sood.plugin")


def findings(result: Result) -> list[str]:
    return [row["finding"] for row in result.json if row["finding"].startswith("gpu: ")]


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program ``nvidia-smi`` that lists one GPU, and is the only program that can be found."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H200'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return program


def test_a_gpu_that_pytorch_cannot_use_is_a_problem(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (found,) = findings(doctor())
    assert "cannot use the GPU NVIDIA H200: it was built " in found


def test_a_usable_gpu_is_no_problem(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert findings(doctor()) == []


@pytest.mark.parametrize("content", ["exit 9", "true"])
def test_a_driver_without_gpus_is_no_problem(driver: Path, content: str) -> None:
    driver.write_text(f"#!/bin/sh\n{content}\n")
    assert findings(doctor()) == []


def test_a_computer_without_a_driver_is_no_problem(driver: Path) -> None:
    driver.unlink()
    assert findings(doctor()) == []
