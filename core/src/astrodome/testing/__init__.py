"""The conformance kit: what a plugin author runs against a plugin.

Subclass :class:`PluginContract` in a test module::

    from astrodome.testing import PluginContract

    class TestConformance(PluginContract):
        plugin = "astrodome_goes.plugin"

``run`` starts a command line in this process and returns what it printed.
"""

from .contract import PluginContract, problems
from .runner import Result, run

__all__ = ["PluginContract", "Result", "problems", "run"]
