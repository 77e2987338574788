"""Commands, errors, help and completion of an app."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest
from astrodome.testing import run


def test_listing_imports_no_command(observatory: Any) -> None:
    observatory.add("mirror", cli="print('imported')")
    shown = observatory.run("--help").stdout
    assert "Look at mirror." in shown and "imported" not in shown


@pytest.mark.parametrize("name", ["ce_vae", "ce-vae"])
@pytest.mark.parametrize("option", ["--size_of_it=3", "--size-of-it=3"])
def test_underscore_and_dash_are_the_same(observatory: Any, name: str, option: str) -> None:
    observatory.add("mirror")
    assert observatory.run("mirror", name, option).stdout == "looked 3\n"


def test_an_expected_failure_prints_an_error_and_a_hint(observatory: Any) -> None:
    observatory.add("mirror")
    ran = observatory.run("mirror", "refuse")
    assert ran.returncode == 1
    assert ran.stderr == "Error: The dome is closed.\nHint: Open it.\n"


def test_an_unexpected_failure_shows_a_traceback_only_with_debug(observatory: Any) -> None:
    observatory.add("mirror")
    ran = observatory.run("mirror", "fall")
    assert ran.returncode == 1 and "the dome is stuck" in ran.stderr
    assert "Traceback" not in ran.stderr and "--debug" in ran.stderr
    assert "Traceback" in observatory.run("--debug", "mirror", "fall").stderr


@pytest.mark.parametrize(
    "args", [["nothing"], ["mirror", "ce_vae", "--sise=1"], ["mirror", "ce_vae", "--size-of-it=x"]]
)
def test_invalid_usage_exits_with_status_2(observatory: Any, args: list[str]) -> None:
    observatory.add("mirror")
    ran = observatory.run(*args)
    assert ran.returncode == 2 and ran.stdout == "" and "Traceback" not in ran.stderr


def test_a_mistyped_name_gets_a_suggestion(observatory: Any) -> None:
    observatory.add("mirror")
    assert "Did you mean" in observatory.run("miror").stderr
    assert "--size" in observatory.run("mirror", "ce_vae", "--sise-of-it=1").stderr


def test_an_app_of_a_third_party_has_its_own_description_and_version(observatory: Any) -> None:
    observatory.add("mirror", version="1.2.0")
    host = f"astrodome {metadata.version('astrodome')}"
    assert observatory.run("--version").stdout == f"{host}\n"
    assert observatory.run("--help").stdout.startswith("Usage: observatory [OPTIONS] COMMAND")
    info = observatory.folder / "obs_mirror-1.2.0.dist-info"
    with (info / "entry_points.txt").open("a") as file:
        file.write("\n[console_scripts]\nobservatory = astrodome.start:run\n")
    with (info / "METADATA").open("a") as file:
        file.write("Summary: Look at the sky\n")
    assert observatory.run("--version").stdout == f"observatory 1.2.0 ({host})\n"
    found = json.loads(observatory.run("--version", "--json").stdout)
    expected = {"name": "observatory", "version": "1.2.0", "distribution": "obs-mirror"}
    assert found["app"] == expected and found["host"]["name"] == "astrodome"
    shown = observatory.run("--help").stdout
    assert re.search(r"\[ARGS\]\.\.\.\n+ *Look at the sky\.\n", shown), shown


def test_the_apps_of_the_host_have_its_version() -> None:
    host = f"astrodome {metadata.version('astrodome')}\n"
    for app in ("sdo", "scope"):
        assert run(app, "--version").succeeded().out == host
        assert run(app, "--version", "--json").succeeded().json["app"] == {
            "name": app,
            "version": metadata.version("astrodome"),
            "distribution": "astrodome",
        }


def test_an_app_without_plugins_names_the_distributions_to_install() -> None:
    assert "pip install astrodome-sdo-data" in run("sdo", "--help").succeeded().out
    left = run("scope", "train", "--tag=vnv")
    assert left.code == 2 and "pip install astrodome-ztf-scope" in left.err
    left = run("sdo", "goes", "get")
    assert left.code == 2 and "pip install astrodome-goes" in left.err


def test_piped_help_is_plain_and_needs_no_rich(observatory: Any) -> None:
    observatory.add("mirror")
    code = (
        "import sys\nfrom astrodome.app import main\n"
        "try:\n    main('observatory', ['mirror', '--help'])\nexcept SystemExit: pass\n"
        "heavy = {'rich', 'pydantic', 'numpy', 'pandas', 'yaml', 'requests', 'typer.rich_utils'}\n"
        "sys.exit(','.join(heavy & set(sys.modules)) or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": observatory.search_path},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "ce_vae" in ran.stdout and "\x1b" not in ran.stdout and "╭" not in ran.stdout


@pytest.mark.parametrize("words", [[], ["mirror"], ["mirror", "ce_vae"]])
def test_all_help_pages_on_a_terminal_have_panels(observatory: Any, words: list[str]) -> None:
    observatory.add("mirror")
    ours, theirs = pty.openpty()
    code = f"from astrodome.app import main; main('observatory', {[*words, '--help']})"
    env = os.environ | {"PYTHONPATH": str(observatory.folder), "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=env
    ) as ran:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:
                break
            shown += block
            if not block:
                break
    os.close(ours)
    assert ran.returncode == 0
    page = re.sub(r"\x1b\[[\d;]*m", "", shown.decode())
    assert page.lstrip().startswith(f"Usage: {' '.join(['observatory', *words])} ")
    assert "╭─ Options" in page


def complete(observatory: Any, words: str) -> list[str]:
    ran = observatory.run(
        _OBSERVATORY_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split()))
    )
    assert "Error" not in ran.stderr and "Warning" not in ran.stderr
    return ran.stdout.split()


def test_completion_includes_the_commands_of_lazy_groups(observatory: Any) -> None:
    observatory.add("mirror")
    assert "mirror" in complete(observatory, "observatory ")
    assert complete(observatory, "observatory mirror ") == ["ce_vae", "fall", "refuse"]


def test_completion_prints_no_error_of_a_broken_plugin(observatory: Any) -> None:
    observatory.add("mirror", cli="import no_such_library")
    observatory.add("bad", "import no_such_library")
    assert "mirror" in complete(observatory, "observatory ")
    assert complete(observatory, "observatory mirror ") == []


def test_every_option_can_be_set_in_the_environment(observatory: Any) -> None:
    observatory.add("mirror")
    ran = observatory.run("mirror", "ce_vae", OBSERVATORY_MIRROR_CE_VAE_SIZE_OF_IT="7")
    assert ran.stdout == "looked 7\n"


def test_the_home_folder_is_expanded_in_paths(observatory: Any) -> None:
    """The shell does not expand it in ``--out=~/a``."""
    observatory.add(
        "mirror",
        cli="import typer\nfrom pathlib import Path\nfrom typing import Annotated\n"
        "app = typer.Typer()\n@app.command()\n"
        "def look(paths: list[Path], out: Path = Path('.')) -> None:\n"
        "    print(*paths, out)\n@app.command()\ndef other() -> None: ...\n",
    )
    line = ("mirror", "look", "~/b", "c", "~unknown-user/d", "--out=~/a")
    assert observatory.run(*line, HOME="/h").stdout == "/h/b c ~unknown-user/d /h/a\n"
