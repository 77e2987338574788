"""Help and completion of the command line with all of our plugins."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"astropy", "matplotlib", "numpy", "pandas", "pydantic", "rich", "sunpy", "torch"}
OURS = "goes,hek_events,sdo_data,solar,sood,ztf_scope"


def python(code: str, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env=os.environ | {"ASTRODOME_PLUGINS": OURS, "COLUMNS": "100"} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def sdo(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return python("from astrodome.app import main; main('sdo')", *args, **environ)


@pytest.mark.parametrize("app", ["sdo", "scope"])
def test_help_loads_no_library_of_a_plugin(app: str) -> None:
    code = (
        "import sys, atexit, astrodome.app\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        f"astrodome.app.main({app!r}, ['--help'])"
    )
    ran = python(code)
    assert ran.returncode == 0 and "Usage" in ran.stdout
    assert not HEAVY & set(ran.stderr.split())


def test_help_of_the_root_lists_every_domain() -> None:
    shown = sdo("--help").stdout
    for name in ("data", "events", "goes", "sood", "plugins", "config"):
        assert f"\n  {name} " in shown
    assert "\x1b" not in shown and "─" not in shown


def test_help_on_a_terminal_has_panels() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from astrodome.app import main; main('sdo')", "--help"],
        env=os.environ | {"ASTRODOME_PLUGINS": OURS, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as shown:
        os.close(theirs)
        text = read_all(ours).decode()
    assert shown.returncode == 0 and "\x1b[" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "╭─ Data ─" in plain and "│ goes " in plain


def read_all(terminal: int) -> bytes:
    text = b""
    try:
        while part := os.read(terminal, 65536):
            text += part
    except OSError:  # Linux raises this after the last writer has closed the terminal.
        pass
    finally:
        os.close(terminal)
    return text


@pytest.mark.parametrize(
    ("shell", "typed", "offered"),
    [
        ("bash", "sdo ", {"data", "events", "goes", "sood", "plugins", "config"}),
        ("bash", "sdo goes ", {"import", "get", "flares"}),
        ("bash", "sdo goes get --", {"--timestamp", "--json"}),
        ("bash", "sdo sood ", {"ce_vae", "threshold", "report"}),
        ("bash", "sdo sood ce_vae ", {"train", "predict"}),
        ("zsh", "sdo goes ", {"import", "get", "flares"}),
        ("fish", "sdo goes ", {"import", "get", "flares"}),
    ],
)
def test_completion_offers_commands_and_options(shell: str, typed: str, offered: set[str]) -> None:
    words = typed.split()
    environ = {"_SDO_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        position = len(words) - (not typed.endswith(" "))
        environ |= {"COMP_WORDS": typed, "COMP_CWORD": str(position)}
    else:
        environ |= {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ran = sdo(**environ)
    found = ran.stdout.replace('"', " ").replace(":", " ").split()
    assert offered <= set(found) and ran.stderr == ""


def test_names_can_be_written_with_underscores_or_dashes(tmp_path: Path) -> None:
    for name in ("ce_vae", "ce-vae"):
        assert "\n  train " in sdo("sood", name, "--help").stdout
    for option in ("--data_dir", "--data-dir"):
        ran = sdo("sood", "threshold", "predict", option, str(tmp_path / "absent"))
        assert ran.returncode == 1 and str(tmp_path / "absent") in ran.stderr
