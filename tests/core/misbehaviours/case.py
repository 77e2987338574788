"""The description of a misbehaving plugin."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

HEAD = """
from astrodome import (
    CheckSpec, CommandSpec, KindSpec, ModelSpec, SourceSpec, ViewSpec, hookimpl
)
"""


def hook(body: str, name: str = "register_commands", before: str = "") -> str:
    """Return the text of a plugin module with one hook."""
    code = f"\n@hookimpl\ndef {name}():\n{indent(body, '    ')}\n"
    return f"{HEAD}{before}{code}"


@dataclass(frozen=True)
class Misbehaviour:
    """A plugin that misbehaves, and what is expected of the host.

    ``plugin`` and ``cli`` are the texts of the modules ``obs_odd.plugin`` and ``obs_odd.cli``.
    ``listed``, ``doctor`` and ``kit`` are texts in the error of ``plugins list``, in the findings
    of ``plugins doctor`` and in the problems that the conformance tests report; an empty text
    means that the misbehaviour is not reported. ``message`` is the default of all three.

    ``run`` is a command line of the plugin, which must end with the exit status ``code`` and print
    ``out`` and ``err``. If ``out`` is None, the output is not compared. ``contract`` names the
    contract class that reports the misbehaviour: ``command``, ``model`` or ``images``. ``process``
    means that the plugin ends or blocks the process, which Python cannot prevent: ``code`` is then
    the exit status of the whole app, or None if it does not end. ``other`` is the exit status of
    the command of another plugin.
    """

    name: str
    host: str
    plugin: str
    message: str = ""
    cli: str = ""
    status: str = "active"
    listed: str | None = None
    doctor: str | None = None
    kit: str | None = None
    finding: str = "wrong"
    run: tuple[str, ...] = ()
    code: int | None = 0
    out: str | None = ""
    err: str = ""
    contract: str = ""
    arguments: tuple[str, ...] = ()
    process: bool = False
    other: int = 0

    def named(self, by: str) -> str:
        """Return the text with which ``listed``, ``doctor`` or ``kit`` report the misbehaviour."""
        text: str | None = getattr(self, by)
        return self.message if text is None else text
