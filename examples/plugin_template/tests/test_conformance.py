"""The plugin keeps to what the host asks of every plugin."""

from __future__ import annotations

from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_template.plugin"
