"""Run the conformance tests that astrodome provides for plugins."""

from __future__ import annotations

from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_template.plugin"
