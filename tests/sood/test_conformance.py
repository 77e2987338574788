"""Conformance of the plugin, its commands and its models with their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from astrodome.testing import CommandContract, PluginContract
from astrodome_sood.testing import AnomalyModelContract

PLUGIN = "astrodome_sood.plugin"
SMALL = {"model": {"z_dim": 4, "fmap_sizes": [4, 8]}, "train": {"n_epochs": 1, "lr": 1e-3}}


class TestConformance(PluginContract):
    plugin = PLUGIN


class TestCommand(CommandContract):
    plugin = PLUGIN
    app = "sdo"
    command = "sood"
    invalid = [
        ("threshold", "predict", "--target-size", "many"),
        ("ce_vae", "train", "--set", "model.no_such_key=1"),
        ("no-such-model", "train"),
    ]

    @pytest.fixture(autouse=True)
    def folder(self, patches: Path, astrodome_home: Path) -> None:
        data = ("--data-dir", patches, "--target-size", 32)
        self.arguments = [("threshold", "predict", *data, "--pred-dir", astrodome_home / "out")]


class TestThreshold(AnomalyModelContract):
    plugin = PLUGIN
    model = "threshold"


class TestStatistics(AnomalyModelContract):
    plugin = PLUGIN
    model = "statistics"


class TestSegmentation(AnomalyModelContract):
    plugin = PLUGIN
    model = "segmentation"
    config = {**SMALL, "data": {"batch_size": 8}}


class TestDetect(AnomalyModelContract):
    plugin = PLUGIN
    model = "detect"
    config = {**SMALL, "data": {"batch_size": 8}}


class TestCeVae(AnomalyModelContract):
    plugin = PLUGIN
    model = "ce_vae"
    config = SMALL


class TestAe(AnomalyModelContract):
    plugin = PLUGIN
    model = "ae"
    config = SMALL
