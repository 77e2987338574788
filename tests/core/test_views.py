"""Views: sections of reports and exporters, their lookup, and the failures of single views."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from astrodome import (
    AstrodomeError,
    InvalidInputError,
    KindSpec,
    ViewSpec,
    hookimpl,
    plugins,
    views,
)

VIEWS = """
from astrodome.views import Section

class Depths:
    def section(self, content):
        print("looking")
        return Section("Depths", f"<p>{content}<br><svg><path d='M0'/></svg><ul><li>one</ul>")
class Rims(Depths):
    def section(self, content):
        return None
class Broken(Depths):
    def section(self, content):
        raise SystemExit("no craters")
class Unclosed:
    def section(self, content):
        return Section("Open", "<div><p>text")
class Closing:
    def section(self, content):
        return Section("Closing", "</section>")
class Text:
    def section(self, content):
        return "<p>text</p>"
class Free:
    def section(self, content):
        return Section("Free", content)
class Csv:
    def export(self, content, path):
        path.write_text(f"{path.suffix} {content}")
class Half:
    def export(self, content, path):
        path.write_text("half")
        raise ValueError("no space")
class Nothing:
    def export(self, content, path):
        pass
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that replaces the registry by plugins with views, keyed by plugin name."""
    (tmp_path / "crater_views.py").write_text(VIEWS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "crater_views", raising=False)
    with ExitStack() as stack:

        def install(declares: str = "", **found: list[ViewSpec]) -> None:
            modules = {}
            for name, specs in found.items():
                hooks: dict[str, Any] = {"register_views": hookimpl(lambda specs=specs: specs)}
                if name == declares:
                    kind = KindSpec("craters", "crater_views:Depths", "Craters.", role="view")
                    hooks["register_kinds"] = hookimpl(lambda kind=kind: [kind])
                for hook, function in hooks.items():
                    function.__name__ = hook
                modules[name] = SimpleNamespace(**hooks)
            registry = plugins.of("sdo", **modules)
            assert [p.error for p in registry.plugins] == [""] * len(modules)
            stack.enter_context(plugins.using(registry))

        yield install


def view(name: str, role: Any = "section", extension: str = "") -> ViewSpec:
    target = f"crater_views:{name.title()}"
    return ViewSpec("craters", name, target, name, role, extension)


def exporter(name: str, extension: str = "csv") -> ViewSpec:
    return view(name, "exporter", extension)


def test_the_sections_of_the_owner_of_a_report_come_first(installed: Callable[..., None]) -> None:
    installed("moon", apollo=[view("rims"), exporter("csv")], moon=[view("depths")])
    assert list(views.specs("craters")) == ["depths", "rims", "csv"]
    assert list(views.specs("craters", "section")) == ["depths", "rims"]
    assert list(views.specs("craters", "exporter")) == ["csv"]
    assert views.specs("lakes") == {}
    assert "crater_views" not in sys.modules, "lists import no view"


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("x <!-- open", "ends inside a comment, a CDATA block or a tag"),
        ("<!-- a --><p>x</p><!-- open --", "ends inside a comment, a CDATA block or a tag"),
        ("<p><!-- open <b>x</b></p>", "ends inside a comment, a CDATA block or a tag"),
        ("<svg><![CDATA[ x</svg>", "ends inside a comment, a CDATA block or a tag"),
        ("<p title='open", "ends inside a comment, a CDATA block or a tag"),
        ("x <!DOCTYPE", "ends inside a comment, a CDATA block or a tag"),
        ("<script>let a", "The HTML element <script> is not closed."),
        ("<style>b {", "The HTML element <style> is not closed."),
        ("<textarea>x", "The HTML element <textarea> is not closed."),
        ("<!-- a --><style>p > b {}</style><svg><style><![CDATA[a>b]]></style></svg>1 < 2 <", ""),
    ],
)
def test_a_section_cannot_change_the_sections_below_it(
    installed: Callable[..., None], html: str, reason: str
) -> None:
    installed(moon=[view("free")])
    sections, failures = views.sections("craters", html)
    if reason:
        assert not sections
        ((name, why),) = failures
        assert name == "free (moon)" and reason in why
    else:
        assert [section.html for section in sections] == [html] and not failures


def test_sections_are_created_and_printed_text_does_not_reach_standard_output(
    installed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    installed(moon=[view("depths"), view("rims")])
    sections, failures = views.sections("craters", "4 km")
    assert [section.title for section in sections] == ["Depths"] and not failures
    assert "4 km" in sections[0].html
    assert capsys.readouterr() == ("", "looking\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "SystemExit: no craters"),
        ("unclosed", "The HTML element <div> is not closed."),
        ("closing", "The HTML of the section is invalid: </section> does not close an open"),
        ("text", "The method section returned an object of type str: expected an astrodome.views"),
        ("csv", "moon registers 'csv', but crater_views:Csv lacks section()"),
        ("missing", "moon registers crater_views:Missing, which does not exist."),
    ],
)
def test_a_section_that_fails_is_named_and_the_others_are_created(
    installed: Callable[..., None], name: str, reason: str
) -> None:
    installed("moon", moon=[view(name), view("depths")])
    sections, ((failed, why),) = views.sections("craters", "4 km")
    assert [section.title for section in sections] == ["Depths"]
    assert failed == f"{name} (moon)" and why.startswith(reason)


def test_an_interrupt_is_not_contained(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(moon=[view("depths")])
    interrupt = SimpleNamespace(section=lambda content: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(views, "get", lambda subject, name: interrupt)
    with pytest.raises(KeyboardInterrupt):
        views.sections("craters", "")


def test_exporters_replace_files_and_keep_them_after_a_failure(
    installed: Callable[..., None], tmp_path: Path
) -> None:
    installed(moon=[exporter("csv"), exporter("half", "txt"), exporter("nothing", "fits")])
    page = tmp_path / "new" / "report.html"
    files = views.targets("craters", ["csv", "half", "nothing"], page)
    assert files == {
        page.with_suffix(f".{e}"): n
        for n, e in (("csv", "csv"), ("half", "txt"), ("nothing", "fits"))
    }
    page.parent.mkdir()
    page.with_suffix(".txt").write_text("whole")
    paths, failures = views.export("craters", "4 km", files)
    assert paths == [page.with_suffix(".csv")] and paths[0].read_text() == ".csv 4 km"
    assert page.with_suffix(".txt").read_text() == "whole"
    assert failures == [
        ("half (moon)", "no space"),
        ("nothing (moon)", "The exporter wrote no file."),
    ]
    assert {path.name for path in page.parent.iterdir()} == {"report.csv", "report.txt"}


@pytest.mark.parametrize(
    ("requested", "message", "hint"),
    [
        (
            ["cvs"],
            "Exporter not found: 'cvs'.",
            "Did you mean 'csv'? Installed exporters: csv",
        ),
        (["depths"], "Exporter not found: 'depths'.", "Installed exporters: csv, half."),
        (["csv="], "Missing file name in 'csv='.", "NAME=FILE"),
        (["csv", "half=report.csv"], "The exporter 'half' cannot write to report.csv", "half=FILE"),
        (["csv=report.html"], "because the report uses this file", "csv=FILE"),
    ],
)
def test_an_invalid_choice_of_exporters_is_an_error(
    installed: Callable[..., None], requested: list[str], message: str, hint: str
) -> None:
    installed(moon=[exporter("csv"), exporter("half", "txt"), view("depths")])
    with pytest.raises(InvalidInputError) as failed:
        views.targets("craters", requested, Path("report.html"))
    assert message in failed.value.message and hint in failed.value.hint


def test_one_exporter_can_write_two_files(installed: Callable[..., None]) -> None:
    installed(moon=[exporter("csv")])
    found = views.targets("craters", ["csv=a.csv", "csv=b.csv"], Path("report.html"))
    assert found == {Path("a.csv"): "csv", Path("b.csv"): "csv"}


def test_a_name_that_two_plugins_register_cannot_be_used(installed: Callable[..., None]) -> None:
    other = ViewSpec("craters", "depths", "crater_views:Rims", "other")
    installed(apollo=[other], moon=[view("depths"), view("rims")])
    (text,) = plugins.current().clashes()
    assert "craters view 'depths' is registered by apollo and by moon" in text
    sections, ((failed, why),) = views.sections("craters", "")
    assert failed == "depths (apollo, moon)" and "cannot be used" in why and not sections
    with pytest.raises(AstrodomeError, match="View not found: 'hills'"):
        views.get("craters", "hills")


PLUGIN = """
from astrodome import KindSpec, ViewSpec, hookimpl

@hookimpl
def register_kinds():
    yield KindSpec("craters", "obs_sky.cli:Show", "Craters.", role="view",
                   optional=("section", "export"))

@hookimpl
def register_views():
    yield ViewSpec("craters", "depths", "obs_sky.cli:Depths", "Depths.")
    yield ViewSpec("craters", "csv", "obs_sky.cli:{target}", "CSV.", "exporter", {extension!r})
    yield ViewSpec("lakes", "map", "obs_sky.cli:Depths", "Map.")
"""
CLI = """
class Show:
    def section(self, content): ...
    def export(self, content, path): ...
class Depths:
    def section(self, content): ...
class Csv:
    def export(self, content, path): ...
"""


def test_list_and_doctor_show_views(observatory: Any) -> None:
    observatory.add("sky", PLUGIN.format(target="Depths", extension="csv"), cli=CLI)
    (row,) = json.loads(observatory.run("plugins", "list", "--json").stdout)
    assert row["provides"] == ["craters:depths", "craters:csv", "lakes:map", "view kind craters"]
    findings = json.loads(observatory.run("plugins", "doctor", "--json").stdout)
    texts = [finding["finding"] for finding in findings]
    assert "obs_sky.cli:Depths lacks export(), which the kind 'craters' requires" in texts
    assert any("declares the subject 'lakes' of 'map'" in text for text in texts)
    assert "3 registered objects can be imported" in texts


@pytest.mark.parametrize(
    ("extension", "message"),
    [("", "must be a file extension without a leading dot"), (".csv", "not '.csv'")],
)
def test_an_exporter_needs_an_extension(observatory: Any, extension: str, message: str) -> None:
    observatory.add("sky", PLUGIN.format(target="Csv", extension=extension), cli=CLI)
    (row,) = json.loads(observatory.run("plugins", "list", "--json").stdout)
    assert row["status"] == "failed" and message in row["error"]
