"""Fixtures for tests of plugins, installed as a pytest plugin.

The fixtures change nothing unless a test requests them. The modules of the host are imported by
the fixtures, so that pytest starts equally fast without them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..registry import Registry
    from .runner import Result

FOLDERS = ("CONFIG", "DATA", "CACHE", "STATE")
"""Kinds of per-user folders (XDG base directories) that the fixture ``astrodome_home`` replaces."""


@pytest.fixture
def astrodome_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Hide the settings, the data and the disabled plugins of the user.

    The fixture removes the environment variables of the host and the apps, replaces the per-user
    folders by empty temporary folders, and changes to an empty working directory. It returns the
    folder for stored data. Set environment variables of the test after this fixture.
    """
    from .. import settings, suggestions

    root = tmp_path_factory.mktemp("astrodome")
    prefixes = ("ASTRODOME_", *(f"{app.upper()}_" for app in suggestions.apps()))
    for name in [name for name in os.environ if name.startswith(prefixes)]:
        monkeypatch.delenv(name)
    for kind in FOLDERS:
        folder = root / kind.lower()
        folder.mkdir()
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(folder))
    work = root / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    options = settings.options
    settings.options = settings.Options()
    yield settings.home()
    settings.options = options


@pytest.fixture
def astrodome_registry(astrodome_home: Path) -> Iterator[Callable[..., Registry]]:
    """Return a function that loads plugin modules, and ignore the installed plugins.

    The arguments of the function are the import names of plugin modules. Until the end of the test,
    ``sources.get`` and ``models.get`` find only what these modules register. The test fails if a
    module is not a valid plugin.
    """
    from importlib import import_module

    from .. import plugins

    with ExitStack() as stack:

        def load(*modules: str) -> Registry:
            found = {name.split(".")[0]: import_module(name) for name in modules}
            registry = plugins.of("", **found)
            for plugin in registry.plugins:
                if plugin.status != "active":
                    pytest.fail(f"The plugin {plugin.name} {plugin.state}", pytrace=False)
            return stack.enter_context(plugins.using(registry))

        load()
        yield load


@pytest.fixture
def astrodome_run(astrodome_home: Path) -> Callable[..., Result]:
    """Return :func:`astrodome.testing.run`, which runs a command line in the current process.

    The command line uses the empty settings and folders of the fixture ``astrodome_home``.
    """
    from .runner import run

    return run


@pytest.fixture
def astrodome_no_network() -> Iterator[None]:
    """Raise NetworkAccessError if the test opens a connection to another computer."""
    from . import network

    with network.blocked():
        yield
