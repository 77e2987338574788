"""The features are the same with compiled and with interpreted numerical functions.

The compiled functions do not check indices, and integers overflow in them. The interpreted
functions raise an error instead, so that the comparison finds such faults.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

COMPUTE = """
import sys
import astrodome_ztf_scope as scope

made = scope.simulate_light_curves(1, classes=["rrab"], points=120, bands="g", seed=1)
options = {"algorithms": sys.argv[2:], "min_frequency": 2.3, "max_frequency": 2.32}
scope.compute_features(made.epochs, **options).to_pickle(sys.argv[1])
"""


def features(path: Path, **environment: str) -> pd.DataFrame:
    """Compute features in another process with environment variables."""
    command = [sys.executable, "-c", COMPUTE, str(path), "LS", "CE", "AOV", "FPW", "MHF"]
    subprocess.run(command, env=os.environ | environment, check=True)
    return pd.read_pickle(path)


def test_compiled_and_interpreted_functions_compute_the_same_features(tmp_path: Path) -> None:
    compiled = features(tmp_path / "compiled.pkl")
    interpreted = features(tmp_path / "interpreted.pkl", NUMBA_DISABLE_JIT="1")
    assert len(compiled) == 1 and compiled.notna().sum(axis=1).min() > 60
    pd.testing.assert_frame_equal(compiled, interpreted, rtol=1e-9)
