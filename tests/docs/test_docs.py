"""The documents say what is so: snippets, commands, names, links."""

from __future__ import annotations

import dataclasses
import inspect
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import astrodome
import pytest
from astrodome import hookspecs
from astrodome.testing import run
from sunpy.data.test import get_test_filepath

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = ("guide.md", "plugins.md")
INSTALLING = "## Installing one domain only"
TEMPLATE = ROOT / "examples/plugin_template/src"
PLUGINS = {
    "sdo": tuple(
        f"astrodome_{name}.plugin" for name in ("goes", "hek_events", "sdo_data", "solar", "sood")
    ),
    "scope": ("astrodome_ztf_scope.plugin",),
}


def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def section(page: str, heading: str) -> str:
    """What stands under a heading, until the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    below = page.partition(f"\n{heading}\n")[2]
    return re.split(rf"\n#{{1,{level}}} ", below)[0]


def blocks(name: str) -> list[tuple[str, str, str]]:
    """The file that a block of code is cut from, if it names one; its language; the block."""
    found = re.findall(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```", text(name), re.DOTALL)
    assert found
    return found


def test_the_reference_of_commands_is_what_make_docs_writes() -> None:
    generate = runpy.run_path(str(DOCS / "generate.py"))
    assert generate["page"]() == text("commands.md"), "Commands changed: run make docs."


@pytest.mark.parametrize("name", GUIDES)
def test_snippets_are_cut_from_files(name: str) -> None:
    for file, _, code in blocks(name):
        if file:
            assert code in (ROOT / file).read_text("utf-8"), f"not so in {file}:\n{code}"


def test_every_snippet_of_the_authors_guide_is_code_that_is_tested() -> None:
    assert [code for file, language, code in blocks("plugins.md") if not file] == [
        code for _, language, code in blocks("plugins.md") if language == "console"
    ]


def command_lines() -> list[str]:
    """What a reader may type: the console blocks of the guides, up to a pipe."""
    consoles = [code for name in GUIDES for _, kind, code in blocks(name) if kind == "console"]
    return [
        line.removeprefix("$ ").partition(" | ")[0]
        for code in consoles
        for line in code.splitlines()
        if line.startswith(("$ sdo ", "$ scope "))
    ]


@pytest.mark.parametrize("line", command_lines())
def test_every_command_in_the_guides_can_be_typed(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TEMPLATE))
    app, *args = shlex.split(line)
    run(app, *args, "--help", plugin=(*PLUGINS[app], "astrodome_template.plugin")).succeeded()


def test_the_copy_that_the_authors_guide_makes_passes_its_own_tests(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    steps, _, tests = blocks("plugins.md")[0][2].replace("$ ", "", 4).partition("$ pip install")
    assert "cp -r" in steps and tests.rstrip().endswith("$ pytest")
    runs = f'{steps}\nPYTHONPATH=src "$0" -m pytest -q -p no:cacheprovider --basetemp=../runs'
    ran = subprocess.run(
        ["bash", "-ec", runs, sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
    copied = (tmp_path / "astrodome-corona").rglob("*.py")
    assert not [path for path in copied if "astrodome_template" in path.read_text("utf-8")]


def test_the_python_of_the_user_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path))
    day = get_test_filepath("go1520110607.fits")
    run("sdo", "goes", "import", day, plugin="astrodome_goes.plugin").succeeded()
    (code,) = [code for _, language, code in blocks("guide.md") if language == "python"]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["flux"] == pytest.approx([2.5e-5], rel=0.05)
    assert "ce_vae" in capsys.readouterr().out


def test_every_hook_is_in_the_authors_guide_with_its_signature() -> None:
    hooks = [f for f in vars(hookspecs).values() if hasattr(f, "astrodome_spec")]
    assert len(hooks) == 3
    for hook in hooks:
        signature = str(inspect.signature(hook)).replace("'", "")
        assert f"`{hook.__name__}{signature}`" in text("plugins.md")


@pytest.mark.parametrize("spec", ["CommandSpec", "SourceSpec", "ModelSpec"])
def test_every_field_of_a_spec_is_in_the_authors_guide(spec: str) -> None:
    about = section(text("plugins.md"), f"### {spec}")
    rows = re.findall(r"^\| `(\w+)` \|", about, re.MULTILINE)
    assert rows == [field.name for field in dataclasses.fields(getattr(astrodome, spec))]


def test_every_public_name_is_in_the_authors_guide() -> None:
    about = section(text("plugins.md"), "## The public interface")
    assert [name for name in astrodome.__all__ if f"`{name}`" not in about] == []


def test_every_name_of_the_public_interface_exists() -> None:
    about = section(text("plugins.md"), "## The public interface")
    for module, names in re.findall(r"^\| `([a-z]+)` \| (.*) \|$", about, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(getattr(astrodome, module), name), f"astrodome.{module}.{name}"


def test_every_kind_and_task_is_in_the_authors_guide_with_its_methods() -> None:
    page = text("plugins.md")
    for protocols, heading in (
        (astrodome.sources.KINDS, "## Sources"),
        (astrodome.models.TASKS, "## Models"),
    ):
        about = section(page, heading)
        for kind, protocol in protocols.items():
            (row,) = re.findall(rf"^\| `{kind}` \| (.*)$", about, re.MULTILINE)
            methods = [
                n for n, f in vars(protocol).items() if inspect.isfunction(f) and n[0] != "_"
            ]
            for method in methods:
                names = [*inspect.signature(getattr(protocol, method)).parameters][1:]
                assert f"`{method}({', '.join(names)})`" in row


def test_the_readme_installs_from_folders_that_are_distributions() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    folders = set(re.findall(r" \./((?:core|plugins/)\S*)", section(page, INSTALLING)))
    assert folders == {"core", "plugins/*"} | {f"plugins/{path.name}" for path in plugins()}
    assert all((ROOT / folder / "pyproject.toml").is_file() for folder in folders - {"plugins/*"})


def plugins() -> list[Path]:
    return [path.parent for path in ROOT.glob("plugins/*/pyproject.toml")]


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    page = path.read_text("utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page):
        file = path.parent / target if target else path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, anchor
