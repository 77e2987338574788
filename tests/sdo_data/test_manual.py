"""Commands of the manual of sdo-cli."""

from __future__ import annotations

from pathlib import Path

from astrodome.testing import run


def test_resize_and_patch_accept_the_commands_of_the_manual(archive: Path, tmp_path: Path) -> None:
    small, parts = tmp_path / "small", tmp_path / "parts"
    plugin = "astrodome_sdo_data.plugin"
    options = (f"--path={archive}", f"--targetpath={small}", "--wavelength=171", "--size=256")
    run("sdo", "data", "resize", *options, plugin=plugin).succeeded()
    options = (f"--path={small}", f"--targetpath={parts}", "--wavelength=171", "--size=32")
    run("sdo", "data", "patch", *options, "--max_patches=8", plugin=plugin).succeeded()
    assert len(list(parts.iterdir())) == 8
