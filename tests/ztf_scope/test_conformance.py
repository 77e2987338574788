"""The plugin keeps what the host expects of every plugin."""

from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_ztf_scope.plugin"
    app = "scope"
