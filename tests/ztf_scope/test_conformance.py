"""Conformance of the plugin, its commands and its models with their contracts."""

from __future__ import annotations

import pytest
from astrodome.testing import CommandContract, PluginContract
from astrodome_ztf_scope.testing import ClassifierContract

PLUGIN = "astrodome_ztf_scope.plugin"


class TestConformance(PluginContract):
    plugin = PLUGIN


class TestClasses(CommandContract):
    plugin = PLUGIN
    app = "scope"
    command = "classes"
    arguments = [()]
    invalid = [("--no-such-option",)]


class TestTrain(CommandContract):
    plugin = PLUGIN
    app = "scope"
    command = "train"
    invalid = [("--tag", "no-such-class", "--path-dataset", "missing.parquet"), ("--jobs", "many")]


class TestXgb(ClassifierContract):
    plugin = PLUGIN
    model = "xgb"


class TestDnn(ClassifierContract):
    plugin = PLUGIN
    model = "dnn"
    config = {"class": {"epochs": 2, "lr": 1e-2}}

    @pytest.fixture(autouse=True)
    def keras(self) -> None:
        pytest.importorskip("keras")
        pytest.importorskip("tensorflow")
