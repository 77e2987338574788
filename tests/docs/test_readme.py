"""The commands in the main README run as they are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import astrodome_ztf_scope as scope
from docs.transcripts import replay
from sunpy.data.test import get_test_filepath

README = Path(__file__).parents[2] / "README.md"


def test_the_commands_print_what_the_readme_shows(tmp_path: Path) -> None:
    shutil.copy(get_test_filepath("go1520110607.fits"), tmp_path)
    stars = scope.simulate_light_curves(
        1, classes=["rrab"], seed=1, points=(120, 160), bands="gr", magnitude=(14.0, 18.0)
    )
    scope.write_table(tmp_path / "light_curves.parquet", stars.epochs)
    replay(README, tmp_path)
    assert (tmp_path / "star.html").stat().st_size > 10_000
