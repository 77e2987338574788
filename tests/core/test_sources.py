"""The choice of a source: option, setting, or the only installed one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from astrodome import AstrodomeError, SourceSpec, hookimpl, plugins, sources

SOURCES = """
class One:
    def __init__(self, argument="", **options):
        self.argument, self.options = argument, options

    def flux_at(self, times):
        return times

class Two(One):
    pass
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that replaces the current registry by one with the given sources."""
    (tmp_path / "lamps.py").write_text(SOURCES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lamps", raising=False)
    with ExitStack() as stack:

        def install(*names: str, kind: str = "flux") -> None:
            @hookimpl
            def register_sources() -> Iterator[SourceSpec]:
                for name in names:
                    yield SourceSpec(kind, name, f"lamps:{name.title()}", summary=name)

            module = SimpleNamespace(register_sources=register_sources)
            stack.enter_context(plugins.using(plugins.of("sdo", lamps=module)))

        yield install


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_only_source_needs_no_name(installed: Callable[..., None], here: Path) -> None:
    installed("one")
    assert sources.choose("flux") == ""
    assert type(sources.get("flux")).__name__ == "One"


def test_one_of_several_is_chosen_by_name_then_environment_then_file(
    installed: Callable[..., None], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("one", "two")
    with pytest.raises(AstrodomeError) as failed:
        sources.get("flux")
    assert "one, two" in failed.value.message and failed.value.exit_code == 2
    assert "--flux-source NAME" in failed.value.hint and "sources.flux" in failed.value.hint
    (here / "config.yaml").write_text("sources:\n  flux: one\n")
    assert type(sources.get("flux")).__name__ == "One"
    monkeypatch.setenv("ASTRODOME_SOURCES_FLUX", "two")
    assert type(sources.get("flux")).__name__ == "Two"
    assert type(sources.get("flux", "one")).__name__ == "One"
    assert sources.choose("flux", "", default="one") == "two"
    monkeypatch.setenv("ASTRODOME_SOURCES_FLUX", "")
    assert sources.choose("flux", "", default="two") == "two", "an empty variable is ignored"


def test_everything_else_overrides_the_default_of_a_command(
    installed: Callable[..., None], here: Path
) -> None:
    installed("one", "two")
    assert sources.choose("flux", default="two") == "two"
    (here / "config.yaml").write_text("sources:\n  flux: one\n")
    assert sources.choose("flux", default="two") == "one"
    assert sources.choose("flux", "three", default="two") == "three"


def test_a_setting_may_have_an_argument(installed: Callable[..., None], here: Path) -> None:
    installed("one", "two")
    (here / "config.yaml").write_text("sources:\n  flux: one:folder/of:it\n")
    assert sources.get("flux", limit=3).argument == "folder/of:it"
    assert sources.get("flux", limit=3).options == {"limit": 3}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sources:\n  flux: three\n", "'three' of kind 'flux' is not installed (setting sources.f"),
        ("sources:\n  flx: one\n", "'sources.flx': unknown key; did you mean 'flux'?"),
        ("sources:\n  flux: [one]\n", "'sources.flux'"),
        ("sources: one\n", "'sources' must be a mapping"),
    ],
)
def test_the_error_for_an_invalid_default_contains_the_file(
    installed: Callable[..., None], here: Path, text: str, told: str
) -> None:
    installed("one", "two")
    (here / "config.yaml").write_text(text)
    with pytest.raises(AstrodomeError) as failed:
        sources.get("flux")
    assert told in failed.value.message and str(here / "config.yaml") in failed.value.message


def test_the_setting_of_another_kind_does_not_matter(
    installed: Callable[..., None], here: Path
) -> None:
    installed("one")
    (here / "config.yaml").write_text("sources:\n  events: three\n")
    assert type(sources.get("flux")).__name__ == "One"


def test_a_kind_of_a_third_party_has_a_setting(installed: Callable[..., None], here: Path) -> None:
    installed("one", "two", kind="magnetograms")
    (here / "config.yaml").write_text("sources:\n  magnetograms: two\n")
    assert type(sources.get("magnetograms")).__name__ == "Two"


def test_the_error_without_any_source_names_the_distribution(here: Path) -> None:
    with plugins.using(plugins.of("sdo")), pytest.raises(AstrodomeError) as failed:
        sources.get("flux")
    assert "pip install astrodome-goes" in failed.value.hint


def test_config_show_lists_the_setting(observatory: Any) -> None:
    observatory.add("sky")
    (observatory.folder / "config.yaml").write_text("sources:\n  flux: one\n")
    shown = observatory.run("config", "show", "sources").stdout.splitlines()
    assert "sources.flux\tone" in shown and "sources.events\t" in shown
