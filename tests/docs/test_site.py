"""The site mentions every part of the programs, and its pages and links are complete."""

from __future__ import annotations

import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest
from astrodome import plugins, settings_checks, suggestions

pytest.importorskip("sphinx", reason="requires the dependency group docs")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
API = DOCS / "reference" / "api"
LINKS = runpy.run_path(str(DOCS / "_extensions" / "repository_links.py"))
LIBRARIES = ("goes", "hek_events", "sdo_data", "solar", "sood", "ztf_scope")
BUILT = ("_build", "auto_gallery", "generated")
READMES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("plugins/*/README.md")]
READMES += [ROOT / "core" / "README.md", ROOT / "benchmarks" / "README.md"]


def pages() -> list[Path]:
    """Return the sources of all pages, without those that the build generates."""
    found = [*DOCS.rglob("*.md"), *DOCS.rglob("*.rst")]
    return sorted(
        path
        for path in found
        if not {*BUILT, "gallery", "_templates"} & set(path.relative_to(DOCS).parts)
    )


def text_of_site() -> str:
    included = LINKS["included"]()
    return "\n".join(path.read_text("utf-8") for path in [*pages(), *included])


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_public_name_has_a_page_in_the_api_reference(name: str) -> None:
    module = importlib.import_module(f"astrodome_{name}")
    page = (API / f"{name.replace('_', '-')}.rst").read_text("utf-8")
    assert f".. currentmodule:: astrodome_{name}\n" in page
    listed = re.findall(r"^(?:   |\.\. py:data:: )(\w+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(set(module.__all__) - {"__version__"})


def test_the_package_for_period_search_is_in_the_api_reference() -> None:
    from astrodome_ztf_scope.features import periods

    page = (API / "ztf-scope-periods.rst").read_text("utf-8")
    assert [name for name in periods.__all__ if not re.search(rf"\b{name}\b", page)] == []


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_docstrings_of_public_names_refer_to_existing_names(name: str) -> None:
    module = importlib.import_module(f"astrodome_{name}")
    values = {label: getattr(module, label) for label in module.__all__ if label[0] != "_"}
    docs = {"": module, **values}
    for label, value in docs.items():
        for target in re.findall(r":(?:func|class|meth):`[~.]?([\w.]+)`", value.__doc__ or ""):
            owner, _, member = target.rpartition(".")
            known = target in values or hasattr(values.get(owner), member)
            known = known or hasattr(value, target) or (owner.split(".")[0] != name and owner)
            assert known, f"{label}: {target}"


@pytest.mark.parametrize("app", suggestions.apps())
def test_every_registered_object_and_setting_is_mentioned(app: str) -> None:
    content = text_of_site()
    registry = plugins.load(app)
    for plugin in registry.plugins:
        if plugin.distribution.startswith("astrodome"):
            for spec in [one for one in plugin.specs if not getattr(one, "hidden", False)]:
                assert re.search(rf"(?<![\w]){re.escape(spec.name)}(?![\w])", content), spec
    with plugins.using(registry):
        for section, model in settings_checks.settings_models().items():
            for key in model.model_fields:
                assert f"`{section}.{key}" in content, f"{section}.{key}"


def headings(page: Path) -> set[str]:
    content = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in LINKS["INCLUDE"].findall(page.read_text("utf-8")):
        content += (page.parent / target).read_text("utf-8")
    found = re.findall(r"^#+ (.*)$", content, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-") for line in found}


@pytest.mark.parametrize("page", [*READMES, *pages()], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    content = re.sub(r"```(?!\{).*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", content):
        file = page.parent / target if target else page
        if target.startswith("auto_gallery/"):
            continue
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in headings(file), f"{target}#{anchor}"


def listed(page: Path) -> set[Path]:
    """Return the pages in the tables of contents of a page."""
    content = page.read_text("utf-8")
    found = set()
    for body in re.findall(r"```\{toctree\}\n(.*?)```", content, re.DOTALL):
        for entry in [line for line in body.splitlines() if line and not line.startswith(":")]:
            for suffix in (".md", ".rst"):
                found |= {path.resolve() for path in page.parent.glob(entry + suffix)}
                path = (page.parent / (entry + suffix)).resolve()
                found |= {path} if path.exists() else set()
    return found


def test_every_page_is_in_a_table_of_contents() -> None:
    reached, new = set(), {DOCS / "index.md"}
    while new:
        reached |= new
        new = {below for page in new for below in listed(page)} - reached
    assert set(pages()) - reached == set()


def test_links_to_files_outside_the_site_lead_to_the_repository() -> None:
    page = DOCS / "solar" / "goes.md"
    source = ROOT / "plugins" / "goes" / "README.md"
    text = "[a](../sood/README.md#x) [b](../../docs/guide.md) [c](../../examples) [d](plugin.py)"
    text += " [e](https://x.org/y) [f](#z) [g](../../LICENSE)"
    text += " [h](https://r.org/blob/main/docs/guide.md#i) [j](https://r.org/blob/main/LICENSE)"
    adapted = LINKS["adapted"](text, source, page, LINKS["included"](), "https://r.org")
    assert adapted == (
        "[a](sood.md#x) [b](../guide.md) [c](https://r.org/tree/main/examples) [d](plugin.py)"
        " [e](https://x.org/y) [f](#z) [g](https://r.org/blob/main/LICENSE)"
        " [h](../guide.md#i) [j](https://r.org/blob/main/LICENSE)"
    )


def test_the_commands_on_the_first_page_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    parsed = importlib.import_module("test_commands").parsed
    lines = re.findall(r"^\$ (.*)$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE)
    assert len(lines) == 9
    for line in lines:
        assert isinstance(parsed(line), dict)
    del sys.modules["test_commands"]
