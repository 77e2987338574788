"""Installing distributions with whatever installed this environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from . import plugins
from .errors import AstrodomeError


def distribution(name: str) -> str:
    """The distribution that is meant by a short name of ours (``goes``); others as they are."""
    ours = {
        plugins.normal(short): dist for app in plugins.OURS.values() for short, dist in app.items()
    }
    return ours.get(plugins.normal(name), name)


def command(action: str, name: str) -> list[str]:
    """The command line that installs or uninstalls ``name`` into this environment.

    An environment made by ``uv tool`` or ``pipx`` is changed by its owner, or the
    next upgrade would forget the plugin.
    """
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").exists():
        kept = {*plugins.remembered()["installed"]} - {name}
        wanted = sorted(kept | {name} if action == "install" else kept)
        return ["uv", "tool", "install", "astrodome", *(f"--with={dist}" for dist in wanted)]
    if (prefix / "pipx_metadata.json").exists():
        return ["pipx", "inject" if action == "install" else "uninject", prefix.name, name]
    if find_spec("pip"):
        confirm = ["--yes"] if action == "uninstall" else []
        return [sys.executable, "-m", "pip", action, *confirm, name]
    if uv := shutil.which("uv"):
        return [uv, "pip", action, "--python", sys.executable, name]
    raise AstrodomeError(
        f"No installer is at hand to {action} {name}: neither pip, uv nor pipx.",
        f"Install pip into {sys.prefix} (python -m ensurepip), or uv.",
    )


def change(action: str, name: str) -> None:
    """Install or uninstall a distribution and remember it, or raise AstrodomeError."""
    line = command(action, name)
    try:
        code = subprocess.run(line, check=False, stdout=sys.stderr).returncode
    except OSError as error:
        raise AstrodomeError(f"{line[0]} could not be started: {error.strerror}.") from error
    if code:
        raise AstrodomeError(
            f"{' '.join(line)} ended with code {code}.", "Its own message is above."
        )
    plugins.remember("installed", name, action == "install")
