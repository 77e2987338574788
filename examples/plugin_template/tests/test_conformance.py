"""The plugin follows the rules of the host."""

from __future__ import annotations

from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_template.plugin"
