"""Conformance of the plugin, its commands and its flux source with their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from astrodome.testing import CommandContract, PluginContract
from astrodome_solar.testing import FluxSourceContract

PLUGIN = "astrodome_goes.plugin"


class TestConformance(PluginContract):
    plugin = PLUGIN


class TestCommand(CommandContract):
    plugin = PLUGIN
    app = "sdo"
    command = "goes"
    invalid = [
        ("get", "--timestamp", "yesterday"),
        ("flares", "--start", "2011-06-08", "--end", "2011-06-07"),
        ("no-such-command",),
    ]

    @pytest.fixture(autouse=True)
    def store(self, day_store: Path) -> None:
        store = ("--store", day_store)
        self.arguments = [
            ("info", *store),
            ("get", "--timestamp", "2011-06-07T06:41:00", *store),
            ("flares", "--start", "2011-06-07", "--end", "2011-06-07", *store),
        ]


class TestFlux(FluxSourceContract):
    plugin = PLUGIN
    source = "goes"
    times = ("2011-06-07T06:41", "2011-06-07T00:00:30", "2011-06-01")

    @pytest.fixture(autouse=True)
    def store(
        self, day_store: Path, astrodome_component: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ASTRODOME_GOES_STORE", str(day_store))
