"""Run command lines in tests."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from .. import app as host
from .. import plugins, settings
from . import effects


@dataclass(frozen=True)
class Result:
    """The exit status, standard output and standard error of a command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """JSON document that was printed to standard output."""
        return json.loads(self.out)

    def succeeded(self) -> Result:
        """Return this result; raise AssertionError with the output if the exit status is not 0."""
        assert self.code == 0, f"exit status {self.code}\n{self.out}\n{self.err}"
        return self


def run(app: str, *args: object, plugin: str | tuple[str, ...] = ()) -> Result:
    """Run an app with the given plugin modules. Installed plugins are not loaded.

    Parameters
    ----------
    app
        Name of the app, for example ``"sdo"``.
    *args
        Command-line arguments, which are converted to strings.
    plugin
        Import name of a plugin module, or a tuple of import names.
    """
    names = (plugin,) if isinstance(plugin, str) else plugin
    modules = {name.split(".")[0]: effects.load(name) for name in names}
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    options = settings.options
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            host.main(app, [str(arg) for arg in args], plugins.of(app, **modules))
        except SystemExit as left:
            code = left.code
        finally:
            settings.options = options
    return Result(
        code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue()
    )
