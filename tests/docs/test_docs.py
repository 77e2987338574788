"""Snippets, commands, names and links in the documentation are correct."""

from __future__ import annotations

import dataclasses
import inspect
import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import astrodome
import pytest
from astrodome import errors, hookspecs, plugins
from astrodome.plugins import load_target
from astrodome.testing import run
from sunpy.data.test import get_test_filepath

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = ("guide.md", "plugins.md", "machine-readable.md")
CORONA = "astrodome-corona"
"""Distribution that ``plugins new`` writes, which is explained in the guide for authors."""
PLUGINS = {
    "sdo": tuple(
        f"astrodome_{name}.plugin" for name in ("goes", "hek_events", "sdo_data", "solar", "sood")
    ),
    "scope": ("astrodome_ztf_scope.plugin",),
}


def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def section(page: str, heading: str) -> str:
    """Return the text below a heading, up to the next heading of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    below = page.partition(f"\n{heading}\n")[2]
    return re.split(rf"\n#{{1,{level}}} ", below)[0]


def blocks(name: str) -> list[tuple[str, str, str]]:
    """Return (file, language, code) of each block of code; the file may be empty."""
    found = re.findall(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```", text(name), re.DOTALL)
    assert found
    return found


def test_the_reference_of_settings_is_up_to_date() -> None:
    generate = runpy.run_path(str(DOCS / "generate.py"))
    assert generate["settings_page"]() == text("settings.md"), "Settings changed: run make docs."


@pytest.fixture(scope="module")
def corona(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the distribution in the guide for authors."""
    folder = tmp_path_factory.mktemp("docs")
    (line,) = [line for line in command_lines() if line.startswith("sdo plugins new corona ")]
    with plugins.using(plugins.load_all()):
        run(*shlex.split(line), "--output", folder / CORONA).succeeded()
    return folder


@pytest.mark.parametrize("name", GUIDES)
def test_snippets_are_parts_of_their_files(name: str, corona: Path) -> None:
    for file, _, code in blocks(name):
        if file:
            path = corona / file if file.startswith(CORONA) else ROOT / file
            assert code in path.read_text("utf-8"), f"not in {file}:\n{code}"


def test_every_snippet_of_the_plugin_guide_is_part_of_a_file() -> None:
    assert [code for file, language, code in blocks("plugins.md") if not file] == [
        code for _, language, code in blocks("plugins.md") if language == "console"
    ]


def command_lines() -> list[str]:
    """Return the commands in the console blocks of the guides, up to a pipe."""
    consoles = [code for name in GUIDES for _, kind, code in blocks(name) if kind == "console"]
    return [
        line.removeprefix("$ ").partition(" | ")[0]
        for code in consoles
        for line in code.splitlines()
        if line.startswith(("$ sdo ", "$ scope "))
    ]


@pytest.mark.parametrize("line", command_lines())
def test_every_command_in_the_guides_is_valid(
    line: str, corona: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(corona / CORONA / "src"))
    monkeypatch.syspath_prepend(str(ROOT / "examples/one_file_plugin"))
    monkeypatch.syspath_prepend(str(ROOT / "examples/sood_isolation_forest/src"))
    app, *args = shlex.split(line)
    examples = ("astrodome_corona.plugin", "moon", "astrodome_isolation_forest.plugin")
    shown = run(app, *args, "--help", plugin=(*PLUGINS[app], *examples))
    for name in [name for name in sys.modules if name.startswith("astrodome_corona")]:
        del sys.modules[name]  # Otherwise, plugins new cannot use the name of the package.
    assert shown.code == 0 and shown.out.startswith(f"Usage: {app} "), shown.err


def test_the_python_of_the_user_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    day = get_test_filepath("go1520110607.fits")
    run("sdo", "goes", "import", day, plugin="astrodome_goes.plugin").succeeded()
    monkeypatch.chdir(tmp_path)
    codes = [code for _, language, code in blocks("guide.md") if language == "python"]
    names: dict[str, Any] = {}
    for code in codes:
        if ".download(" not in code:  # it would need the network
            exec(code, names)
    assert (tmp_path / "day.png").exists()
    assert names["flux"] == pytest.approx([2.5e-5], rel=0.05)
    assert "ce_vae" in capsys.readouterr().out


def test_every_hook_is_in_the_plugin_guide_with_its_signature() -> None:
    hooks = [f for f in vars(hookspecs).values() if hasattr(f, "astrodome_spec")]
    assert len(hooks) == len(plugins.HOOKS) == 6
    for hook in hooks:
        signature = str(inspect.signature(hook)).replace("'", "")
        assert f"`{hook.__name__}{signature}`" in text("plugins.md")


@pytest.mark.parametrize(
    "spec", ["CommandSpec", "SourceSpec", "ModelSpec", "ViewSpec", "KindSpec", "CheckSpec"]
)
def test_every_field_of_a_spec_is_in_the_plugin_guide(spec: str) -> None:
    about = section(text("plugins.md"), f"### {spec}")
    rows = re.findall(r"^\| `(\w+)` \|", about, re.MULTILINE)
    assert rows == [field.name for field in dataclasses.fields(getattr(astrodome, spec))]


def test_every_public_name_is_in_the_plugin_guide() -> None:
    about = section(text("plugins.md"), "## The public interface")
    assert [name for name in astrodome.__all__ if f"`{name}`" not in about] == []


def test_every_code_of_an_error_is_documented_with_its_meaning() -> None:
    for code, meaning in errors.CODES.items():
        assert f"| `{code}` | {meaning} |" in text("machine-readable.md")


def test_every_name_of_the_public_interface_exists() -> None:
    about = section(text("plugins.md"), "## The public interface")
    for module, names in re.findall(r"^\| `([a-z]+)` \| (.*) \|$", about, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(getattr(astrodome, module), name), f"astrodome.{module}.{name}"


@pytest.mark.parametrize(
    ("role", "heading"), [("source", "## Sources"), ("model", "## Models"), ("view", "## Views")]
)
def test_every_kind_and_task_is_in_the_plugin_guide_with_its_methods(
    role: str, heading: str
) -> None:
    about = section(text("plugins.md"), heading)
    declared = plugins.load_all().kinds(role)
    assert declared
    for kind, ((_, spec),) in declared.items():
        (row,) = re.findall(rf"^\| `{kind}` \| (.*)$", about, re.MULTILINE)
        assert spec.protocol.replace(":", ".") in row
        for name, method in inspect.getmembers(load_target(spec.protocol), inspect.isfunction):
            if not name.startswith("_"):
                parameters = [*inspect.signature(method).parameters][1:]
                assert f"`{name}({', '.join(parameters)})`" in row


@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_the_pages_install_existing_distributions(page: str) -> None:
    content = (ROOT / page).read_text("utf-8")
    folders = set(re.findall(r" \./((?:core|plugins/)[\w*]*)", content))
    assert all((ROOT / folder / "pyproject.toml").is_file() for folder in folders - {"plugins/*"})
    if page == "docs/install.md":
        assert folders == {"core", "plugins/*", *(f"plugins/{p.name}" for p in plugin_folders())}


def plugin_folders() -> list[Path]:
    return [path.parent for path in ROOT.glob("plugins/*/pyproject.toml")]
