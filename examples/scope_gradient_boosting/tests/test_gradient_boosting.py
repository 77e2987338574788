"""Conformance tests of the classifier, and tests of its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from astrodome.testing import PluginContract, run
from astrodome_ztf_scope.config.loading import load_config
from astrodome_ztf_scope.testing import ClassifierContract

PLUGINS = ("astrodome_ztf_scope.plugin", "astrodome_gradient_boosting.plugin")


class TestPlugin(PluginContract):
    plugin = PLUGINS[1]


class TestClassifier(ClassifierContract):
    plugin = PLUGINS[1]
    model = "gradient_boosting"


def write_dataset(path: Path) -> None:
    """Write sources whose features depend on their label."""
    config = load_config()
    entry = config.classes["vnv"]
    random = np.random.default_rng(0)
    target = np.arange(400) % 2
    names = config.feature_sets[entry.features].columns.values()
    columns = {name: np.abs(random.normal(1 + target, 0.3)) for name in names}
    labels = {entry.label: target.astype(float), "non-variable": 1.0 - target}
    pd.DataFrame({"_id": np.arange(400), **columns, **labels}).to_parquet(path)


def test_a_changed_option_trains_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "dataset.parquet")
    train = ("scope", "train", "--tag=vnv", "--algorithm=gradient_boosting", "--no-plot", "--json")
    train += ("--path-dataset=dataset.parquet", "--fourier-convention=amplitudes", "--jobs=1")

    def trained(*options: str) -> dict[str, Any]:
        (row,) = run(*train, *options, plugin=PLUGINS).succeeded().json
        return dict(row)

    first = trained("--set", "trees=20")
    assert first["trained"] == "now" and first["roc_auc"] > 0.9
    assert trained("--set", "trees=20")["trained"] == "before"
    assert trained("--set", "trees=5")["trained"] == "now"
    config = yaml.safe_load(Path(first["run"], "config.yaml").read_text())
    assert config["options"] == {"trees": 5, "leaves": 31, "rate": 0.1, "early_stopping": 10}
    failed = run(*train, "--set", "trees=0", plugin=PLUGINS)
    assert failed.code == 2 and "greater than or equal to 1, got 0" in failed.err
