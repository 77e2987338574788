"""The plugin keeps to the rules of the host."""

from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_sdo_data.plugin"
