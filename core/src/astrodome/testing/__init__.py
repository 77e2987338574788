"""Conformance tests for plugins.

Subclass :class:`PluginContract` in a test module::

    from astrodome.testing import PluginContract

    class TestConformance(PluginContract):
        plugin = "astrodome_moon.plugin"

:func:`run` runs a command line in the current process and returns its output.
"""

from .contract import PluginContract, problems
from .runner import Result, run

__all__ = ["PluginContract", "Result", "problems", "run"]
