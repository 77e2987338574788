from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_solar.plugin"
