"""Conformance of the plugin, its commands and its event source with their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from astrodome.testing import CommandContract, PluginContract
from astrodome_hek_events import EventStore
from astrodome_solar.testing import EventSourceContract
from services import hek

PLUGIN = "astrodome_hek_events.plugin"
DAY = {"start": "2023-03-29", "end": "2023-03-29"}


@pytest.fixture
def store(astrodome_home: Path) -> EventStore:
    """The default store, with the ten events of a day."""
    made = EventStore("")
    made.add(hek.day())
    return made


class TestConformance(PluginContract):
    plugin = PLUGIN


@pytest.mark.usefixtures("store")
class TestCommand(CommandContract):
    plugin = PLUGIN
    app = "sdo"
    command = "events"
    arguments = [("list",), ("stats",)]
    invalid = [
        ("list", "--start", "yesterday"),
        ("list", "--start", "2023-03-30", "--end", "2023-03-29"),
        ("no-such-command",),
    ]


@pytest.mark.usefixtures("store")
class TestHek(EventSourceContract):
    plugin = PLUGIN
    source = "hek"
    search = DAY
