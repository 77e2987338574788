"""Conformance of the plugin with the interface of the host."""

from astrodome.testing import PluginContract


class TestConformance(PluginContract):
    plugin = "astrodome_ztf_scope.plugin"
    app = "scope"
